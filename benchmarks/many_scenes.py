"""Seconds and memory of each scene in folders of few and of many small scenes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from peak_memory import PeakMemory
from scene_time import CONFIG, make_bundle

from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.folder import find_rasters

COUNTS, SIDE = (200, 2_000), 64


def make_scenes(folder: Path, count: int) -> None:
    """Write scenes beside one another."""
    random = np.random.default_rng(0)
    profile = {"driver": "GTiff", "width": SIDE, "height": SIDE, "count": 6, "dtype": "int16", "nodata": -9999}
    for number in range(count):
        where = {"crs": "EPSG:32632", "transform": Affine(10, 0, 500_000 + 640 * number, 0, -10, 5_500_000)}
        with rasterio.open(folder / f"{number:05d}.tif", "w", **profile, **where) as dataset:
            dataset.write(random.integers(0, 4000, (6, SIDE, SIDE), dtype=np.int16))


def predict(folder: Path) -> None:
    """Predict all scenes of a folder, and print seconds and peak memory in MB."""
    bundle = make_bundle()
    bundle = type(bundle)(bundle.config.model_copy(update={"trained": True}), bundle.weights)
    start = time.perf_counter()
    with PeakMemory() as memory:
        predictions = predict_scenes(bundle, find_rasters(folder / "in", ["{key}.tif"]), CONFIG)
        write_predictions(Names(folder / "out"), predictions)
    print(f"{time.perf_counter() - start:.1f} {memory.in_mb()[0]}")


def main() -> None:
    """Predict both folders, each in a process of its own."""
    each = []
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "in").mkdir()
            make_scenes(Path(folder) / "in", count)
            shown = subprocess.run([sys.executable, __file__, folder], capture_output=True, text=True, check=True)
        seconds, peak = (float(word) for word in shown.stdout.split()[-2:])
        each.append(seconds / count)
        print(f"{count} scenes of {SIDE} px: {1000 * each[-1]:.0f} ms each, {peak:.0f} MB")
    print(f"ratio {each[-1] / each[0]:.3f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        predict(Path(sys.argv[1]))
    else:
        main()
