r"""Memory and seconds of a scene's prediction, file to file, against TerraTorch's tiled inference over one network.

Against it as its users run it, by its task, data module and writer, and against the function of its tiled inference
alone, between the least of reading and writing.

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
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
import torch
from numpy.typing import NDArray
from peak_memory import PeakMemory
from scene_time import CLASSES, CONFIG, make_bundle, make_scene
from torch import Tensor, nn

from groundwork.batch import Images
from groundwork.bundle import load_bundle, save_bundle
from groundwork.models.asking import tiles_at_once
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


def predict_by_its_task(path: Path) -> None:
    """Predict as TerraTorch's users do: with its task, its data module and its writer."""
    from lightning import Trainer
    from terratorch.cli_tools import CustomWriter
    from terratorch.datamodules import GenericNonGeoSegmentationDataModule
    from terratorch.tasks import SemanticSegmentationTask

    model = Answering(load_bundle(path.with_name("bundle")).build_model())
    task = SemanticSegmentationTask(
        model=model, model_args={"num_classes": len(CLASSES)}, tiled_inference_parameters=its_tiles()
    )
    alone = path.with_name("alone")
    alone.mkdir(exist_ok=True)
    (alone / path.name).unlink(missing_ok=True)
    (alone / path.name).symlink_to(path)
    data = GenericNonGeoSegmentationDataModule(
        batch_size=1, num_workers=0, num_classes=len(CLASSES), predict_data_root=alone
    )
    writer = CustomWriter(str(path.parent), "batch")
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, callbacks=[writer]
    )
    # Its command line sets this.
    trainer.out_dtype = "int16"
    start = time.perf_counter()
    with PeakMemory() as memory:
        trainer.predict(task, datamodule=data, return_predictions=False)
    print(f"{time.perf_counter() - start:.1f}", *memory.in_mb())


class Answering(nn.Module):
    """A model of this library, asked and answering as TerraTorch's tasks do."""

    def __init__(self, model: RasterModel) -> None:
        super().__init__()
        self.model, self.source = model, next(iter(model.inputs))

    def forward(self, image: Tensor) -> Output:
        """Return the scores of images of the only source."""
        return Output(self.model(Images({self.source: image})).output)


@dataclass(frozen=True, slots=True)
class Output:
    """What its tasks read scores from."""

    output: Tensor


def its_tiles() -> dict[str, int]:
    """Return the options of its tiled inference for tiles, overlap and batches that are those of this library."""
    size, stride = CONFIG.tile_size, CONFIG.tile_size - CONFIG.overlap
    sides = {"h_crop": size, "w_crop": size, "h_stride": stride, "w_stride": stride}
    return {**sides, "delta": 8, "batch_size": tiles_at_once(CONFIG)}


@torch.inference_mode()
def predict_by_its_function(path: Path) -> None:
    """Predict with the function of its tiled inference alone, between the least of reading and writing."""
    from terratorch.tasks.tiled_inference import tiled_inference

    model = Answering(load_bundle(path.with_name("bundle")).build_model())
    start = time.perf_counter()
    with PeakMemory() as memory:
        with rasterio.open(path) as raster:
            image, profile = torch.from_numpy(raster.read()).float()[None], raster.profile
        scores = tiled_inference(lambda tiles: model(tiles).output, image, **its_tiles())
        classes = (scores[0].argmax(dim=0) + CLASSES.start).to(torch.uint8).numpy()
        changed = {"count": 1, "dtype": "uint8", "nodata": 255}
        with rasterio.open(path.with_name("function.tif"), "w", **{**profile, **changed}) as out:
            out.write(classes, 1)
    print(f"{time.perf_counter() - start:.1f}", *memory.in_mb())


def main(other: str, side: int) -> None:
    """Predict the same scene in each way, each in a process of its own, twice in turns; print the best of each."""
    ways = {"here": sys.executable, "its_task": other, "its_function": other}
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.tif"
        make_scene(path, side)
        save_bundle(make_bundle(), path.with_name("bundle"))
        for _ in range(2):
            for name, python in ways.items():
                command = [python, __file__, name, str(path)]
                shown = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
                found[name].append(tuple(float(word) for word in shown.split()[-3:]))
        ours = classes_of(path.with_name("here.tif"))
        agreeing = {
            "its_task": np.mean(ours == classes_of(path.with_name("scene_pred.tif")) + CLASSES.start),
            "its_function": np.mean(ours == classes_of(path.with_name("function.tif"))),
        }
    best = {name: tuple(map(min, zip(*runs, strict=True))) for name, runs in found.items()}
    seconds, memory, private = best.pop("here")
    print(f"{side} px here: {seconds:.0f} s, {memory:.0f} MB, of which {private:.0f} MB are private")
    for name, (their_seconds, their_memory, their_private) in best.items():
        print(
            f"{name}: {their_seconds:.0f} s, {their_memory:.0f} MB, private {their_private:.0f} MB. Here "
            f"{their_seconds / seconds:.2f} times as fast, with {memory / their_memory:.3f} of the memory, "
            f"{private / their_private:.3f} of private memory; {agreeing[name]:.1%} of the classes agree"
        )


def classes_of(path: Path) -> NDArray[np.int64]:
    """Return the classes of a prediction."""
    with rasterio.open(path) as raster:
        return raster.read(1).astype(np.int64)


if __name__ == "__main__":
    run = {"here": predict_here, "its_task": predict_by_its_task, "its_function": predict_by_its_function}.get(
        sys.argv[1]
    )
    if run is None:
        main(sys.argv[1], int(sys.argv[2]))
    else:
        run(Path(sys.argv[2]))
