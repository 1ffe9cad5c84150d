"""Chips per second: RasterChips against a bare rasterio loop over the same files.

Without an argument it makes 240 files of one chip each; with one, it reads the folders ``images`` and ``labels`` there.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
import torch
from affine import Affine

from groundwork.config.data import ChipsConfig, DataConfig, SplitConfig
from groundwork.data.chips import LabelledData, RasterChips
from groundwork.data.scan import scan_scenes
from groundwork.rasters.environment import SETTINGS
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.specs import RasterSpec, TargetSpec

SIZE, NUM_FILES, ROUNDS = 128, 240, 7
USED = [2, 3, 4, 5, 6, 7]


def main() -> None:
    """Measure both in turns, and print the best of each."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(sys.argv[1]) if len(sys.argv) > 1 else make_files(Path(folder))
        images, labels = find_rasters(root / "images", ["{key}.tif"]), find_rasters(root / "labels", ["{key}.png"])
        data = DataConfig(
            sources={"hls": RasterSpec(**declare())},
            target=TargetSpec(classes=[declare_class(value) for value in (0, 1)]),
            chips=ChipsConfig(size=SIZE, min_valid_fraction=0),
            split=SplitConfig(method="scenes"),
        )
        samples = scan_scenes(images, labels, data).chips
        chips = RasterChips(LabelledData(samples, {"hls": images}, labels, data.sources, data.target), samples)
        ours, bare, plain = [], [], []
        for _ in range(ROUNDS):
            bare.append(seconds(lambda: read_bare(images, labels)))
            ours.append(seconds(lambda: read_chips(chips)))
            with gdal_defaults():
                plain.append(seconds(lambda: read_bare(images, labels)))
        rates = len(chips) / np.array([min(ours), min(bare), min(plain)])
        print(
            f"RasterChips {rates[0]:.0f} chips/s; bare loop {rates[2]:.0f} chips/s with GDAL as it comes: "
            f"{rates[0] / rates[2]:.2f}; {rates[1]:.0f} chips/s with this library's settings: {rates[0] / rates[1]:.2f}"
        )


@contextmanager
def gdal_defaults() -> Iterator[None]:
    """Let GDAL work as in a program that does not set it."""
    kept = {name: os.environ.pop(name) for name in SETTINGS if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


def read_chips(chips: RasterChips) -> None:
    """Read each chip, make tensors of it, and let go of it, as the bare loop does."""
    for index in range(len(chips)):
        patch = chips.read(index).patch
        torch.from_numpy(patch.values["hls"])
        torch.from_numpy(patch.target)


def read_bare(images: RasterFolder, labels: RasterFolder) -> None:
    """Read each image and label whole, and make tensors of them."""
    for key in images.files:
        with rasterio.open(images.paths(key)[0]) as dataset:
            torch.from_numpy(dataset.read(USED).astype(np.float32))
        with rasterio.open(labels.paths(key)[0]) as dataset:
            torch.from_numpy(dataset.read(1).astype(np.int64))


def declare() -> dict[str, object]:
    """Return the spec of twelve bands of which six are read."""
    bands = [f"BAND_{number}" for number in range(1, 13)]
    return {
        "bands": bands,
        "use": tuple(bands[number - 1] for number in USED),
        "dtype": "int16",
        "nodata": None,
        "georeference": "absent",
    }


def declare_class(value: int) -> dict[str, object]:
    """Return a class."""
    return {"value": value, "name": f"class_{value}", "color": "#000000"}


def make_files(root: Path) -> Path:
    """Write files of one chip each: twelve bands of int16, and a label as PNG."""
    random = np.random.default_rng(0)
    (root / "images").mkdir()
    (root / "labels").mkdir()
    for number in range(NUM_FILES):
        pixels = random.integers(0, 5000, (12, SIZE, SIZE)).astype(np.int16)
        profile = {"driver": "GTiff", "width": SIZE, "height": SIZE, "transform": Affine.identity()}
        with rasterio.open(root / f"images/{number}.tif", "w", count=12, dtype="int16", **profile) as dataset:
            dataset.write(pixels)
        profile["driver"] = "PNG"
        with rasterio.open(root / f"labels/{number}.png", "w", count=1, dtype="uint8", **profile) as dataset:
            dataset.write((pixels[:1] > 2500).astype(np.uint8))
    return root


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
