"""What tests share: rasters fabricated on the fly, and a small labelled data set with a model that fits it."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
import torch
from affine import Affine
from hypothesis import settings
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_origin

from groundwork.bundle import Bundle
from groundwork.config import DataConfig, ModelConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import Statistics, compute_statistics
from groundwork.rasters.folder import find_rasters
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.training.initial import build_initial

settings.register_profile("repository", deadline=None, derandomize=True, max_examples=40, database=None)
settings.load_profile("repository")


#: What the tests of these files share takes seconds to make: they run on one worker, which makes it once.
SLOW_FIXTURES = {
    "tests/end_to_end/test_tutorial.py",
    "tests/groundwork/export/test_exporting.py",
    "tests/groundwork/test_multi_label.py",
    "tests/groundwork/test_numbered_steps.py",
    "tests/groundwork/test_object_detection.py",
}


def pytest_collection_finish() -> None:
    """Spare the collector what stays to the end: modules of torch and thousands of tests, again and again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Let extensions find their objects released when Python ends."""
    gc.unfreeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep what shares a finished run on one worker: pytest 9 does not let xdist mark groups in names of tests."""
    from xdist.scheduler import LoadGroupScheduling

    class Together(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            if file in SLOW_FIXTURES:
                return file
            return "end_to_end" if nodeid.startswith("tests/end_to_end/") else nodeid

    return Together(config, log)


@pytest.fixture(autouse=True)
def _same_numbers_each_time() -> None:
    """Networks begin from the same weights in each run: by chance, a tolerance would be missed now and then."""
    torch.manual_seed(0)


UTM = "EPSG:32632"
NODATA = -9999
#: Mean of the bands A, B and C in each class of the tiny data.
MEANS = np.array([[300, 500, 3000], [800, 2500, 400], [2600, 900, 1200]])
#: Scene -> height, width, CRS, easting.
TINY_SCENES: dict[str, tuple[int, int, str, int]] = {
    "1": (64, 64, UTM, 500_000),
    "11": (64, 96, UTM, 505_000),
    "east": (70, 64, "EPSG:32633", 500_000),
    "p4": (96, 64, UTM, 510_000),
    "p5": (64, 64, UTM, 515_000),
    "p6": (64, 64, UTM, 520_000),
}


def _write_raster(
    path: Path,
    pixels: np.ndarray,
    *,
    crs: str | None = UTM,
    transform: Affine | None = None,
    nodata: float | None = None,
    descriptions: Sequence[str] | None = None,
    tags: dict[str, str] | None = None,
    mask: np.ndarray | None = None,
    scaling: tuple[Sequence[float], Sequence[float]] | None = None,
    **creation: Any,
) -> Path:
    """Write pixels (bands, height, width) or (height, width); without a transform at (500000, 5000000), 10 m pixels."""
    bands = pixels if pixels.ndim == 3 else pixels[None]
    if transform is None and crs is not None:
        transform = from_origin(500_000, 5_000_000, 10, 10)
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = bands.shape
    profile = {"driver": "GTiff", "dtype": bands.dtype, "nodata": nodata, "crs": crs, "transform": transform} | creation
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", count=count, height=height, width=width, **profile) as raster:
            raster.write(bands)
            raster.update_tags(**(tags or {}))
            for index, text in enumerate(descriptions or (), start=1):
                raster.set_band_description(index, text)
            if mask is not None:
                raster.write_mask(mask)
            if scaling is not None:
                raster.scales, raster.offsets = scaling
    return path


@pytest.fixture(scope="session")
def write_raster() -> Callable[..., Path]:
    return _write_raster


def _make_spec(*names: str, **changes: Any) -> RasterSpec:
    return RasterSpec.model_validate({"bands": names or ("A", "B"), "dtype": "int16", "nodata": NODATA} | changes)


@pytest.fixture(scope="session")
def make_spec() -> Callable[..., RasterSpec]:
    """RasterSpec of the named bands, int16 with nodata -9999 unless told."""
    return _make_spec


LAND_CLASSES = [
    {"value": 1, "name": "water", "color": "#0000ff"},
    {"value": 2, "name": "forest", "color": "#00aa00"},
    {"value": 3, "name": "field", "color": "#ffcc00"},
]


@pytest.fixture(scope="session")
def land_target() -> TargetSpec:
    return TargetSpec.model_validate({"classes": LAND_CLASSES, "ignore_value": 0})


def _tiny_pixels(number: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(number)
    rows, columns = np.mgrid[:height, :width]
    label = ((rows // 16 + columns // 16 + number) % 3 + 1).astype(np.uint8)
    image = MEANS[label - 1].transpose(2, 0, 1) + random.normal(0, 150, (3, height, width))
    return image.astype(np.int16), label


@pytest.fixture(scope="session")
def data_config() -> DataConfig:
    return DataConfig.model_validate(
        {
            "sources": {"optical": {"bands": ["A", "B", "C"], "dtype": "int16", "nodata": NODATA, "date_tag": "DATE"}},
            "target": {"classes": LAND_CLASSES, "ignore_value": 0},
            "chips": {"size": 32, "stride": 32},
            "split": {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
        }
    )


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory, data_config: DataConfig) -> SimpleNamespace:
    """Six labelled scenes in two zones: folders `scenes` and `labels`, `config`, `samples` with splits, and `cells`.

    Scene ``1`` holds nodata in its first 10 x 10 pixels; the first 5 rows of ``11`` have no known class.
    """
    root = tmp_path_factory.mktemp("tiny")
    for number, (key, (height, width, crs, easting)) in enumerate(TINY_SCENES.items()):
        image, label = _tiny_pixels(number, height, width)
        if key == "1":
            image[:, :10, :10] = NODATA
        if key == "11":
            label[:5] = 0
        place = {"crs": crs, "transform": from_origin(easting, 5_000_000, 10, 10)}
        names, tags = ("A", "B", "C"), {"DATE": f"2024-06-{number + 1:02d}"}
        _write_raster(root / "scenes" / f"{key}.tif", image, **place, nodata=NODATA, descriptions=names, tags=tags)
        _write_raster(root / "labels" / f"{key}.tif", label, **place)
    scenes, labels = (find_rasters(root / name, ["{key}.tif"]) for name in ("scenes", "labels"))
    scan = scan_scenes(scenes, labels, data_config)
    samples = assign_splits(scan.chips, data_config.split, {}, seed=0)
    return SimpleNamespace(
        root=root, scenes=scenes, labels=labels, config=data_config, samples=samples, cells=scan.cells
    )


@pytest.fixture(scope="session")
def tiny_labelled(tiny_data: SimpleNamespace) -> LabelledData:
    config = tiny_data.config
    scenes = {"optical": tiny_data.scenes}
    return LabelledData(tiny_data.samples, scenes, tiny_data.labels, config.sources, config.target)


@pytest.fixture(scope="session")
def tiny_statistics(tiny_data: SimpleNamespace) -> Statistics:
    return compute_statistics(tiny_data.samples, tiny_data.cells, tiny_data.config)


@pytest.fixture(scope="session")
def model_config() -> ModelConfig:
    return ModelConfig.model_validate(
        {
            "encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0, 1]},
            "decoder": {"name": "fcn", "channels": 16},
        }
    )


@pytest.fixture(scope="session")
def tiny_initial(data_config: DataConfig, model_config: ModelConfig) -> Bundle:
    return build_initial(data_config, model_config, seed=0)


@pytest.fixture(scope="session")
def tiny_bundle(tiny_initial: Bundle, tiny_statistics: Statistics) -> Bundle:
    """A bundle with band statistics and fresh weights that says it was trained."""
    model = tiny_initial.build_model()
    bands = tiny_statistics.sources["optical"].values()
    model.set_statistics([band.mean for band in bands], [band.std for band in bands])
    config = tiny_initial.config.model_copy(update={"trained": True, "provenance": {"seed": "0", "code": "abc"}})
    return Bundle(config, {name: value.detach().clone() for name, value in model.state_dict().items()})


@pytest.fixture(scope="session")
def make_training() -> Callable[..., TrainingConfig]:
    """TrainingConfig for the tiny data, with changes."""

    def make(**changes: Any) -> TrainingConfig:
        words = {
            "max_epochs": 3,
            "loader": {"batch_size": 4},
            "loss": [{"name": "cross_entropy"}],
            "optimizer": {"name": "adamw", "learning_rate": 0.01},
            "trainer": {"accelerator": "cpu"},
        }
        return TrainingConfig.model_validate(words | changes)

    return make


@pytest.fixture(scope="session")
def table_of() -> Callable[..., pd.DataFrame]:
    """Sample table made of (scene, row, column) chips on one 10 m grid per scene; see `splits` tests for its use."""

    def make(places: Sequence[tuple[str, int, int]], size: int = 32, **columns: Any) -> pd.DataFrame:
        table = pd.DataFrame(places, columns=["scene", "row", "column"])
        table["sample_id"] = [f"{scene}_{row:05d}_{column:05d}" for scene, row, column in places]
        table["size"], table["pixel_size"], table["crs"] = size, 10.0, UTM
        table["west"], table["north"] = 500_000 + table["column"] * 10.0, 5_000_000 - table["row"] * 10.0
        table["east"], table["south"] = table["west"] + size * 10.0, table["north"] - size * 10.0
        return table.assign(**columns)

    return make
