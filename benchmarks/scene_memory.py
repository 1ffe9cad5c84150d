"""Peak memory of predicting sparse scenes of 5,000 to 40,000 pixels a side, each in a process of its own."""

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
from rasterio.windows import Window
from scene_time import CONFIG, make_bundle

SIDES = (5_000, 20_000, 40_000)
#: Parts of a sparse scene that hold data: share of the side at which they begin, and their side in pixels.
PLACES, DATA_SIDE = (0.0, 0.37, 0.81), 700


def make_sparse(path: Path, side: int) -> None:
    """Write a scene in which only a few squares hold data; the rest takes no space on disk."""
    profile = {"driver": "GTiff", "width": side, "height": side, "count": 6, "dtype": "int16", "nodata": -9999}
    tiling = {"tiled": True, "blockxsize": 512, "blockysize": 512, "sparse_ok": True, "bigtiff": "YES"}
    where = {"crs": "EPSG:32632", "transform": Affine(10, 0, 500_000, 0, -10, 5_500_000)}
    random = np.random.default_rng(0)
    with rasterio.open(path, "w", **profile, **tiling, **where) as dataset:
        for row in PLACES:
            for column in PLACES:
                window = Window(int(column * side), int(row * side), DATA_SIDE, DATA_SIDE)
                dataset.write(random.integers(0, 4000, (6, DATA_SIDE, DATA_SIDE), dtype=np.int16), window=window)


def predict(path: Path) -> None:
    """Predict a scene, and print peak memory in MB, how much of it is private, and seconds."""
    from groundwork.data.scene_stack import SceneStack
    from groundwork.models.asking import ready_to_ask
    from groundwork.prediction.scene import predict_scene
    from groundwork.rasters.writing import write_rasters

    bundle = make_bundle()
    start = time.perf_counter()
    with PeakMemory() as memory, SceneStack({bundle.reference: (path,)}, bundle.config.inputs) as stack:
        stream = predict_scene(ready_to_ask(bundle.build_model(), CONFIG), stack, bundle, CONFIG)
        write_rasters(stream, {"classes": path.with_name("out.tif")})
    print(*memory.in_mb(), f"{time.perf_counter() - start:.0f}")


def main() -> None:
    """Predict each scene, and print the ratio of the largest peak to the smallest."""
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for side in SIDES:
            path = Path(folder) / f"{side}.tif"
            make_sparse(path, side)
            shown = subprocess.run([sys.executable, __file__, str(path)], capture_output=True, text=True, check=True)
            peaks[side], private, seconds = (int(word) for word in shown.stdout.split()[-3:])
            print(f"{side:,} x {side:,} px: {peaks[side]} MB, of which {private} private, {seconds} s")
    print(f"ratio {max(peaks.values()) / min(peaks.values()):.3f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        predict(Path(sys.argv[1]))
    else:
        main()
