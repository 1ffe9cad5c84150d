"""Chips per second: RasterChips against a bare rasterio loop over the same windows of the same files.

Without an argument it makes 240 files of one chip each, and two scenes of 64 larger chips; with one, it reads the files
of one chip in the folders ``images`` and ``labels`` there.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
import torch
from affine import Affine
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.config.data import ChipsConfig, DataConfig, SplitConfig
from groundwork.data.chips import LabelledData, RasterChips
from groundwork.data.scan import scan_scenes
from groundwork.rasters.environment import SETTINGS
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.specs import RasterSpec, TargetSpec

SIZE, NUM_FILES, ROUNDS = 128, 240, 7
#: Side of a chip of a scene, how many there are along one, and how many scenes.
SIZE_OF_PART, ALONG, NUM_SCENES = 224, 8, 2
USED = [2, 3, 4, 5, 6, 7]


def main() -> None:
    """Measure both in turns, and print the best of each."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        given = Path(sys.argv[1]) if len(sys.argv) > 1 else make_files(root / "files")
        compare("files of one chip", given, "{key}.png", SIZE)
        if len(sys.argv) == 1:
            compare("windows of scenes", make_scenes(root / "scenes"), "{key}.tif", SIZE_OF_PART)


def compare(what: str, root: Path, labelled: str, size: int) -> None:
    """Print how many chips per second are read of the files in a folder."""
    images, labels = find_rasters(root / "images", ["{key}.tif"]), find_rasters(root / "labels", [labelled])
    data = DataConfig(
        sources={"hls": RasterSpec(**declare())},
        target=TargetSpec(classes=[declare_class(value) for value in (0, 1)]),
        chips=ChipsConfig(size=size, min_valid_fraction=0),
        split=SplitConfig(method="scenes"),
    )
    samples = scan_scenes(images, labels, data).chips
    chips = RasterChips(LabelledData(samples, {"hls": images}, labels, data.sources, data.target), samples)
    ours, bare, plain = [], [], []
    for _ in range(ROUNDS):
        bare.append(seconds(lambda: read_bare(images, labels, size)))
        ours.append(seconds(lambda: read_chips(chips)))
        with gdal_defaults():
            plain.append(seconds(lambda: read_bare(images, labels, size)))
    rates = len(chips) / np.array([min(ours), min(bare), min(plain)])
    print(
        f"{what}: RasterChips {rates[0]:.0f} chips/s; bare loop {rates[2]:.0f} chips/s with GDAL as it comes: "
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


def read_bare(images: RasterFolder, labels: RasterFolder, size: int) -> None:
    """Read each image and label window by window, and make tensors of them."""
    for key in images.files:
        with rasterio.open(images.paths(key)[0]) as image, rasterio.open(labels.paths(key)[0]) as label:
            for row in range(0, image.height, size):
                for column in range(0, image.width, size):
                    window = Window(column, row, size, size)
                    torch.from_numpy(image.read(USED, window=window).astype(np.float32))
                    torch.from_numpy(label.read(1, window=window).astype(np.int64))


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
    place = {"width": SIZE, "height": SIZE, "transform": Affine.identity()}
    for number in range(NUM_FILES):
        pixels = random.integers(0, 5000, (12, SIZE, SIZE)).astype(np.int16)
        write(root / f"images/{number}.tif", pixels, place)
        write(root / f"labels/{number}.png", (pixels[:1] > 2500).astype(np.uint8), place | {"driver": "PNG"})
    return root


def make_scenes(root: Path) -> Path:
    """Write scenes in compressed blocks: twelve bands of int16, and a label."""
    random, side = np.random.default_rng(0), SIZE_OF_PART * ALONG
    place = {"width": side, "height": side, "transform": Affine.identity(), "interleave": "band"}
    blocks = {"tiled": True, "blockxsize": 256, "blockysize": 256, "compress": "deflate"}
    for number in range(NUM_SCENES):
        coarse = random.normal(1500, 200, (12, side // 8, side // 8)).repeat(8, 1).repeat(8, 2)
        pixels = (coarse + random.integers(0, 40, coarse.shape)).astype(np.int16)
        write(root / f"images/{number}.tif", pixels, place | blocks)
        write(root / f"labels/{number}.tif", (pixels[:1] > 1500).astype(np.uint8), place | blocks)
    return root


def write(path: Path, pixels: NDArray[np.generic], profile: Mapping[str, object]) -> None:
    """Write a file, (bands, height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", **{"driver": "GTiff", "count": len(pixels), "dtype": pixels.dtype.name, **profile}
    ) as dataset:
        dataset.write(pixels)


def seconds(work: Callable[[], object]) -> float:
    """Return how long a piece of work takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
