"""Seconds of a scene's prediction, file to file, against the bare forward of the same tiles."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
import torch
from affine import Affine

from groundwork.batch import Images
from groundwork.bundle import Bundle
from groundwork.config.data import ChipsConfig, DataConfig, SplitConfig
from groundwork.config.inference import InferenceConfig
from groundwork.config.model import ModelConfig
from groundwork.data.scene_stack import SceneStack
from groundwork.models.asking import ready_to_ask, tiles_at_once
from groundwork.models.assembly.raster_model import RasterModel
from groundwork.prediction.beside import decoding_with_all
from groundwork.prediction.scene import predict_scene
from groundwork.prediction.tiles import make_axis
from groundwork.rasters.writing import write_rasters
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.training.initial import build_initial

BANDS = ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")
#: Values of the classes.
CLASSES = range(1, 7)
CONFIG = InferenceConfig(tile_size=256, overlap=32, batch_size="auto")


def make_bundle() -> Bundle:
    """Return a ResNet-18 with a U-Net decoder over six bands, with first weights."""
    data = DataConfig(
        sources={"hls": RasterSpec(bands=BANDS, dtype="int16", nodata=-9999)},
        target=TargetSpec(classes=[{"value": v, "name": f"class_{v}", "color": "#000000"} for v in CLASSES]),
        chips=ChipsConfig(size=128),
        split=SplitConfig(method="scenes"),
    )
    model = ModelConfig(
        encoder={"name": "timm", "model": "resnet18"}, decoder={"name": "unet", "channels": [128, 64, 48, 32]}
    )
    return build_initial(data, model, 0)


def make_scene(path: Path, side: int) -> None:
    """Write a tiled scene of random values."""
    random = np.random.default_rng(0)
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 6, "dtype": "int16", "nodata": -9999}
    tiling = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate"}
    where = {"crs": "EPSG:32632", "transform": Affine(10, 0, 500_000, 0, -10, 5_500_000)}
    with rasterio.open(path, "w", **profile, **tiling, **where) as dataset:
        dataset.write(random.integers(0, 4000, (6, side, side), dtype=np.int16))


def main(side: int) -> None:
    """Measure both in turns, three times, and print the ratio of the best."""
    bundle = make_bundle()
    model = bundle.build_model()
    asked = ready_to_ask(bundle.build_model(), CONFIG)
    whole, bare, tuned = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scene.tif"
        make_scene(path, side)
        count = len(make_axis(side, CONFIG.tile_size, CONFIG.overlap).starts) ** 2
        for _ in range(3):
            bare.append(forward_only(model, count, torch.contiguous_format))
            tuned.append(forward_only(model, count, torch.channels_last))
            start = time.perf_counter()
            with decoding_with_all():
                stack = SceneStack({bundle.reference: (path,)}, bundle.config.inputs)
            with stack:
                write_rasters(predict_scene(asked, stack, bundle, CONFIG), {"classes": Path(folder) / "out.tif"})
            whole.append(time.perf_counter() - start)
    print(
        f"{side} px: {min(whole):.1f} s file to file, {count} tiles. Bare forward {min(bare):.1f} s: "
        f"{min(whole) / min(bare):.3f}; over channels that lie side by side {min(tuned):.1f} s: "
        f"{min(whole) / min(tuned):.3f}"
    )


@torch.inference_mode()
def forward_only(model: RasterModel, count: int, layout: torch.memory_format) -> float:
    """Return the seconds of the model's forward over as many tiles, in batches of the same size."""
    size = tiles_at_once(CONFIG)
    batch = torch.randn(size, 6, CONFIG.tile_size, CONFIG.tile_size) * 1000 + 2000
    batch = batch.contiguous(memory_format=layout)
    source = next(iter(model.inputs))
    start = time.perf_counter()
    for begin in range(0, count, size):
        model(Images({source: batch[: min(size, count - begin)]}))
    return time.perf_counter() - start


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2048)
