r"""Memory and seconds of a scene's prediction, file to file, against TerraTorch's tiled inference over one network.

TerraTorch needs packages of other versions, and so an environment of its own that sees those of this project::

    python -m venv tt
    python -c "import site; print(f'import site; site.addsitedir({site.getsitepackages()[0]!r})')" \
        > tt/lib/python3.11/site-packages/project.pth
    tt/bin/pip install --no-deps terratorch==1.2.13   # and what its import misses
    python benchmarks/against_terratorch.py tt/bin/python 4096
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import torch
from peak_memory import PeakMemory
from scene_time import CONFIG, make_bundle, make_scene

from groundwork.batch import Images
from groundwork.bundle import load_bundle, save_bundle
from groundwork.models.assembly.raster_model import RasterModel


def predict_here(path: Path) -> None:
    """Predict with this library."""
    from groundwork.data.scene_stack import SceneStack
    from groundwork.models.asking import ready_to_ask
    from groundwork.prediction.scene import predict_scene
    from groundwork.rasters.writing import write_rasters

    bundle = load_bundle(path.with_name("bundle"))
    model = ready_to_ask(bundle.build_model(), CONFIG)
    start = time.perf_counter()
    with PeakMemory() as memory, SceneStack({bundle.reference: (path,)}, bundle.config.inputs) as stack:
        write_rasters(predict_scene(model, stack, bundle, CONFIG), {"classes": path.with_name("here.tif")})
    print(f"{time.perf_counter() - start:.1f}", *memory.in_mb())


@torch.inference_mode()
def predict_there(path: Path) -> None:
    """Predict with TerraTorch's tiles of the same size, as its task does: the whole scene as one tensor."""
    model = load_bundle(path.with_name("bundle")).build_model()
    source = next(iter(model.inputs))
    start = time.perf_counter()
    with PeakMemory() as memory:
        _whole_scene(model, source, path)
    print(f"{time.perf_counter() - start:.1f}", *memory.in_mb())


def _whole_scene(model: RasterModel, source: str, path: Path) -> None:
    from terratorch.tasks.tiled_inference import tiled_inference

    from groundwork.models.asking import tiles_at_once

    with rasterio.open(path) as raster:
        image, profile = torch.from_numpy(raster.read()).float()[None], raster.profile
    scores = tiled_inference(
        lambda tiles: model(Images({source: tiles})).output,
        image,
        crop=CONFIG.tile_size,
        stride=CONFIG.tile_size - CONFIG.overlap,
        delta=8,
        batch_size=tiles_at_once(CONFIG),
    )
    classes = (scores[0].argmax(dim=0) + 1).to(torch.uint8).numpy()
    with rasterio.open(
        path.with_name("there.tif"), "w", **{**profile, "count": 1, "dtype": "uint8", "nodata": 255}
    ) as out:
        out.write(classes, 1)


def main(other: str, side: int) -> None:
    """Predict the same scene with both, each in a process of its own, twice in turns; print the best of each."""
    found: dict[str, list[tuple[float, ...]]] = {"here": [], "there": []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.tif"
        make_scene(path, side)
        save_bundle(make_bundle(), path.with_name("bundle"))
        for _ in range(2):
            for name, python in (("here", sys.executable), ("there", other)):
                command = [python, __file__, name, str(path)]
                shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
                found[name].append(tuple(float(word) for word in shown.split()[-3:]))
        with rasterio.open(path.with_name("here.tif")) as one, rasterio.open(path.with_name("there.tif")) as two:
            agree = float(np.mean(one.read(1) == two.read(1)))
    (seconds, memory, private), (their_seconds, their_memory, their_private) = (
        tuple(map(min, zip(*runs, strict=True))) for runs in found.values()
    )
    print(
        f"{side} px: {seconds:.0f} s and {memory:.0f} MB against {their_seconds:.0f} s and {their_memory:.0f} MB: "
        f"{their_seconds / seconds:.2f} times as fast, {memory / their_memory:.2f} of the memory; of private "
        f"memory {private:.0f} MB against {their_private:.0f} MB: {private / their_private:.2f}; {agree:.1%} of the "
        "classes agree"
    )


if __name__ == "__main__":
    run = {"here": predict_here, "there": predict_there}.get(sys.argv[1])
    if run is None:
        main(sys.argv[1], int(sys.argv[2]))
    else:
        run(Path(sys.argv[2]))
