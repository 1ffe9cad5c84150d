"""Packed chips, read in a new order, against a bare loop over np.memmap of the very same files.

Both give batches of images in single precision, validity and answers. A scene of 400 chips of 128 pixels and six bands
is made, which lies in memory: it is the reading that is compared, and no disk. Processor time counts, of one thread.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import rasterio
import torch
from rasterio.transform import from_origin
from torch import Tensor
from torch.utils.data import DataLoader

from groundwork.batch import collate
from groundwork.config.data import ChipsConfig, DataConfig, SplitConfig
from groundwork.data.chips import LabelledData
from groundwork.data.packed import open_store
from groundwork.data.packing import ChipsToStore, store_chips
from groundwork.data.scan import scan_scenes
from groundwork.rasters.folder import find_rasters
from groundwork.specs import RasterSpec, TargetSpec

SIZE, SIDE, BANDS, BATCH, ROUNDS = 128, 20, 6, 16, 25
PIXELS = SIZE * SIDE


def main() -> None:
    """Measure in turns, and print the best of each."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = pack(Path(folder))
        assert data.store is not None
        arrays = {
            name: np.load(data.store.path / array.file, mmap_mode="r")
            for name, array in data.store.index.splits["train"].arrays.items()
        }
        order = np.random.default_rng(0).permutation(len(data.samples))
        files = replace(data, store=None)
        times: dict[str, list[float]] = {"np.memmap": [], "packed": [], "files": []}
        for _ in range(ROUNDS):
            times["np.memmap"].append(seconds(lambda: read_bare(arrays, order)))
            times["packed"].append(seconds(lambda: read_chips(data, order)))
        for _ in range(2):
            times["files"].append(seconds(lambda: read_chips(files, order)))
        bare, packed, raster = (len(order) / min(each) for each in times.values())
        sys.stdout.write(
            f"packed {packed:.0f} chips/s; np.memmap {bare:.0f} chips/s: {packed / bare:.2f}; from a GeoTIFF "
            f"{raster:.0f} chips/s, of which packed is {packed / raster:.1f} times\n"
        )


READERS: dict[int, DataLoader[object]] = {}


def read_chips(data: LabelledData, order: np.ndarray) -> int:
    """Read batches through a loader, and cast them as a model does."""
    number = id(data.store)
    if number not in READERS:
        # Kept from one round to the next, as from one epoch to the next.
        READERS[number] = DataLoader(data.chips("train"), BATCH, sampler=order.tolist(), collate_fn=collate)
    count = 0
    for batch in READERS[number]:
        image = batch["images"]["optical"].to(torch.float32)
        count += len(image)
    return count


def read_bare(arrays: dict[str, np.ndarray], order: np.ndarray) -> int:
    """Read batches by hand."""
    count = 0
    for start in range(0, len(order), BATCH):
        picked = order[start : start + BATCH]
        image = joined(arrays["values/optical"], picked).to(torch.float32)
        joined(arrays["valid/optical"], picked)
        joined(arrays["target"], picked)
        count += len(image)
    return count


def joined(array: np.ndarray, picked: np.ndarray) -> Tensor:
    """Return chips as a batch."""
    return torch.from_numpy(np.stack([array[index] for index in picked]))


def pack(root: Path) -> LabelledData:
    """Make a scene, cut it into chips, and pack them."""
    random = np.random.default_rng(0)
    place = {"crs": "EPSG:32632", "transform": from_origin(500_000, 5_000_000, 10, 10)}
    profile = {
        "driver": "GTiff",
        "width": PIXELS,
        "height": PIXELS,
        "tiled": True,
        "blockxsize": 256,
        "blockysize": 256,
    }
    for name in ("scenes", "labels"):
        (root / name).mkdir()
    pixels = random.integers(0, 5000, (BANDS, PIXELS, PIXELS)).astype(np.int16)
    with rasterio.open(
        root / "scenes/a.tif", "w", count=BANDS, dtype="int16", compress="deflate", **profile, **place
    ) as scene:
        scene.write(pixels)
    with rasterio.open(
        root / "labels/a.tif", "w", count=1, dtype="uint8", compress="deflate", **profile, **place
    ) as label:
        label.write((pixels[:1] > 2500).astype(np.uint8))
    spec = RasterSpec(bands=[f"B{band}" for band in range(BANDS)], dtype="int16", nodata=-9999)
    classes = [{"value": value, "name": f"class_{value}", "color": "#000000"} for value in (0, 1)]
    data = DataConfig(
        sources={"optical": spec},
        target=TargetSpec.model_validate({"classes": classes}),
        chips=ChipsConfig(size=SIZE),
        split=SplitConfig(method="scenes"),
    )
    scenes, labels = (find_rasters(root / name, ["{key}.tif"]) for name in ("scenes", "labels"))
    samples = scan_scenes(scenes, labels, data).chips.assign(split="train")
    found = LabelledData(samples, {"optical": scenes}, labels, data.sources, data.target)
    store_chips(ChipsToStore(found, "packed"), root / "packed")
    return replace(found, store=open_store(root / "packed"))


def seconds(work: Callable[[], object]) -> float:
    """Return how long the processor is at a piece of work."""
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
