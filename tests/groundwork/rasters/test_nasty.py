"""Odd and broken files made by others: each is read right, or refused by name. Skips where they are not at hand."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from rasterio.errors import RasterioIOError
from rasterio.windows import Window

from groundwork.batch import Images
from groundwork.bundle import Bundle
from groundwork.config import DataConfig, InferenceConfig, ModelConfig
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.errors import DataError, RasterError
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.scene import Scene
from groundwork.rasters.writing import write_rasters
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.labels import IGNORE, ClassLabels
from groundwork.training.initial import build_initial

ROOT = Path(__file__).parents[4] / "shared" / "realdata" / "nasty"
pytestmark = [
    pytest.mark.skipif(not ROOT.is_dir(), reason=f"{ROOT} is absent: real rasters are not part of the project"),
    # The reference's own reading below; the library opens files without a georeference in silence.
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
]
HLS = ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")
MANIFEST = [entry["file"] for entry in json.loads((ROOT / "manifest.json").read_text())] if ROOT.is_dir() else []


@dataclass(frozen=True)
class Read:
    """The file is read with this spec; which share of its pixels is valid, and whether they are the reference's."""

    spec: dict[str, Any]
    valid: float = 1.0
    is_reference: bool = False
    #: What a report over the scene finds wrong with it; None: nothing.
    report: str | None = None


@dataclass(frozen=True)
class Refused:
    """The file is refused with this spec, in these words."""

    spec: dict[str, Any]
    message: str


@dataclass(frozen=True)
class Label:
    """The file is a label; these are the values it is read with, or why it is refused."""

    refused: str | None = None
    target: dict[str, Any] = field(default_factory=dict)


def _spec(count: int, dtype: str, nodata: float | str | None = None, **more: Any) -> dict[str, Any]:
    return {"bands": [f"b{index}" for index in range(count)], "dtype": dtype, "nodata": nodata} | more


def _hls(**changes: Any) -> dict[str, Any]:
    return {"bands": list(HLS), "dtype": "int16", "nodata": None} | changes


ABSENT = {"georeference": "absent"}
GROUND_POINTS = r"no geotransform \(only ground control points or RPCs: warp the file to a grid first, with gdalwarp\)"
NO_BAND = r"found no band \(subdatasets: HDF5:.*\); expected a raster with bands. State which of them is meant as"
NO_RASTER = r"bytes that begin with b.*; expected a raster .*Fetch the file again, or remove it"
FILL = r"found the value -9999 in {}% of a window, which looks like undeclared nodata.*Set 'nodata: -9999'"
SCALED = [{"name": "b0", "scale": 0.0001, "offset": 1000}, {"name": "b1", "scale": 0.001, "offset": 2000}]
SAME = Read(_hls(), is_reference=True)

OUTCOMES: dict[str, list[Read | Refused | Label]] = {
    "upstream/rasterio_corrupt.tif": [
        Refused(
            _spec(3, "uint8"), r"found pixels that cannot be decoded in rows .*expected a whole file. Fetch it again"
        )
    ],
    "upstream/RGB.byte.tif": [
        Read(_spec(3, "uint8", 0), valid=0.6733),
        Refused(_spec(3, "uint8"), "found nodata 0; expected nodata None, .*Set 'nodata: 0'"),
    ],
    "upstream/rasterio_RGBA.uint16.tif": [Read(_spec(3, "uint16"), valid=0.4886)],
    "upstream/rasterio_rotated.tif": [
        Read(_spec(1, "uint8", **ABSENT)),
        Refused(_spec(1, "uint8"), "found CRS none and a geotransform; expected a CRS and a geotransform"),
    ],
    "upstream/rasterio_float_nan.tif": [Read(_spec(1, "float32", "nan", **ABSENT), valid=5 / 6)],
    "upstream/rasterio_float32.tif": [Read(_spec(1, "float32", **ABSENT))],
    "upstream/rasterio_goes.tif": [Read(_spec(3, "uint8"), valid=0.7831)],
    "upstream/rasterio_test_esri_wkt.tif": [Read(_spec(1, "uint16"))],
    "upstream/RGB.byte.gcp.vrt": [Refused(_spec(3, "uint8", 0), GROUND_POINTS)],
    "upstream/RGB.byte.rpc.vrt": [Refused(_spec(3, "uint8", 0), GROUND_POINTS)],
    "upstream/rasterio_two-subs.h5": [Refused(_spec(1, "uint8"), NO_BAND)],
    "upstream/rasterio_no_band.h5": [Refused(_spec(1, "uint8"), NO_BAND)],
    "upstream/riotiler_cog_hirise_mars.tif": [Read(_spec(3, "uint8"))],
    "upstream/riotiler_cog_scale.tif": [
        Read({"bands": SCALED, "dtype": "int16", "nodata": 0}, valid=0.999908),
        Refused(_spec(2, "int16", 0), "found scale 0.0001 and offset 1000 in band 'b0'; expected scale 1 and offset 0"),
    ],
    "upstream/riotiler_cog_rgb_mask.tif": [Read(_spec(3, "uint8"), valid=0.9692)],
    "upstream/riotiler_cog_uint8_rgb_mask.tif": [Read(_spec(3, "uint8"), valid=0.75)],
    "upstream/riotiler_cog_gradient.tif": [
        Read(_spec(1, "float32", descriptions="ignore")),
        Refused(_spec(1, "float32"), "band 1 is 'dataset' where 'b0' was declared"),
    ],
    "upstream/riocogeo_image_missing_nodata.tif": [
        Read(_spec(1, "int16", -9999), valid=0.704508),
        Refused(_spec(1, "int16"), FILL.format("29.5")),
    ],
    "upstream/riocogeo_image_51px.tif": [Read(_spec(3, "uint8"))],
    "upstream/stars_L7_ETMs.tif": [Read(_spec(6, "uint8"))],
    "upstream/riotilerpds_s1-vh.tiff": [Refused(_spec(1, "uint16", 0), GROUND_POINTS)],
    "upstream/ftw_mask_not_overlapping.tif": [
        Label(
            refused="found size 289 x 189 instead of 128 x 128 pixels; CRS EPSG:32633 instead of EPSG:32718; geotransf"
        )
    ],
    "derived/ref_hls6.tif": [SAME],
    "derived/bigtiff.tif": [SAME],
    "derived/planar_band.tif": [SAME],
    "derived/reordered_bands_described.tif": [SAME],
    "derived/undescribed_bands.tif": [SAME],
    "derived/five_bands.tif": [
        Refused(_hls(), r"found 5 band\(s\); expected 6, .*List in 'bands' what the file holds")
    ],
    "derived/float32_reflectance.tif": [
        Read(_hls(dtype="float32")),
        Refused(_hls(), "found data type float32 in band 1; expected int16, .*other units"),
    ],
    "derived/float32_nan_one_band_only.tif": [
        Read(_hls(dtype="float32", nodata="nan"), valid=1 - 5060 / 128**2),
        Refused(_hls(dtype="float32"), "found nodata nan; expected nodata None.*Set 'nodata: nan'"),
    ],
    "derived/int16_-9999_undeclared.tif": [
        Read(_hls(nodata=-9999), valid=1 - 2500 / 128**2),
        Refused(_hls(), FILL.format("15.3")),
    ],
    "derived/float32_inf.tif": [
        Read(_hls(dtype="float32", nodata="nan"), valid=1 - 2 / 128**2),
        Refused(_hls(dtype="float32"), "found NaN or infinite values .*expected only numbers. Set 'nodata: nan'"),
    ],
    "derived/all_nan.tif": [
        Read(_hls(dtype="float32", nodata="nan"), valid=0, report="found nodata in every pixel; .*Remove the scene")
    ],
    "derived/constant_zero.tif": [Read(_hls())],
    "derived/float64.tif": [Read(_hls(dtype="float64"), is_reference=True)],
    "derived/no_crs.tif": [
        Read(_hls(**ABSENT), is_reference=True, report="CRS EPSG:32718 instead of none"),
        Refused(
            _hls(), "found CRS none and a geotransform; expected a CRS and a geotransform. Set 'georeference: absent'"
        ),
    ],
    "derived/no_georef.tif": [
        Read(_hls(**ABSENT), is_reference=True, report="CRS EPSG:32718 instead of none"),
        Refused(_hls(), "found CRS none and no geotransform; expected a CRS and a geotransform"),
    ],
    "derived/south_up.tif": [Read(_hls(), report="label_ok.tif: found geotransform .* instead of")],
    "derived/epsg4326_relabel.tif": [Read(_hls(), is_reference=True, report="CRS EPSG:32718 instead of EPSG:4326")],
    "derived/tiny_1x1.tif": [Read(_hls(), report="size 128 x 128 instead of 1 x 1 pixels")],
    "derived/internal_mask.tif": [Read(_hls(), valid=1 - 2500 / 128**2, is_reference=True)],
    "derived/truncated_50pct.tif": [Refused(_hls(), NO_RASTER)],
    "derived/random_bytes.tif": [Refused(_hls(), NO_RASTER)],
    "derived/html_404.tif": [Refused(_hls(), r"found 92 bytes that begin with b'<!DOCTYPE ht'; expected a raster")],
    "derived/name with spaces & ünïcode.TIF": [SAME],
    "derived/label_ok.tif": [Label()],
    "derived/label_int64_-1.tif": [
        Label(
            refused=r"found class value\(s\) \[255\] in 6.12% of a window; expected the declared ones .*ignore_value"
        ),
        Label(target={"ignore_value": 255}),
    ],
    "derived/label_out_of_range.tif": [Label(refused=r"found class value\(s\) \[200\] in 6.12% of a window")],
    "derived/label_wrong_shape.tif": [
        Label(refused="found size 100 x 100 instead of 128 x 128 pixels.*Bring the label")
    ],
    "derived/label_255_ignore.tif": [
        # The file says itself that 255 is nodata.
        Label(target={"ignore_value": [0, 255]}),
        Label(target={"ignore_value": 255}),
    ],
}


def _cases(kind: type) -> list[Any]:
    """Return (file, outcome) for each outcome of a kind."""
    pairs = [(name, case) for name, cases in OUTCOMES.items() for case in cases if isinstance(case, kind)]
    return [pytest.param(*pair, id=f"{pair[0]}-{number}") for number, pair in enumerate(pairs)]


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    with rasterio.open(ROOT / "derived" / "ref_hls6.tif") as raster:
        return raster.read()


@pytest.fixture(scope="module")
def land_cover() -> dict[str, Any]:
    classes = [{"value": value, "name": f"c{value}", "color": "#112233"} for value in (1, 2, 4, 5, 9)]
    return {"classes": classes}


def _only(path: Path) -> RasterFolder:
    return RasterFolder(path.parent, {"x": (path.name,)})


def _data(spec: dict[str, Any], target: dict[str, Any]) -> DataConfig:
    return DataConfig.model_validate(
        {
            "sources": {"s": spec},
            "target": target,
            "chips": {"size": 32},
            "split": {"method": "blocks", "block_size": 32},
        }
    )


def test_every_file_of_the_manifest_has_an_outcome() -> None:
    assert sorted(MANIFEST) == sorted(OUTCOMES)


@pytest.mark.parametrize(("name", "case"), _cases(Read))
def test_read_right(name: str, case: Read, reference: np.ndarray) -> None:
    with Scene([ROOT / name], RasterSpec.model_validate(case.spec)) as scene:
        grid = scene.grid
        values, valid = scene.read(Window(0, 0, grid.width, grid.height))
        scene.thumbnail(20)
    with rasterio.open(ROOT / name) as raster:
        expected = raster.read()[: len(values)]
        assert grid.bounds == pytest.approx(_ordered(*raster.bounds), rel=1e-12)
    assert valid.mean() == pytest.approx(case.valid, abs=5e-5)
    if case.is_reference:
        assert np.array_equal(values, reference)
    else:
        assert np.array_equal(values, expected, equal_nan=expected.dtype.kind == "f")
    assert not valid[~np.isfinite(values).all(axis=0)].any()
    center = grid.center_coordinates()
    assert center is None or np.isfinite(center).all()


def _ordered(west: float, south: float, east: float, north: float) -> tuple[float, float, float, float]:
    """Bounds of a south-up raster have south and north swapped."""
    return min(west, east), min(south, north), max(west, east), max(south, north)


@pytest.mark.parametrize(("name", "case"), _cases(Refused))
def test_refused_by_name(
    name: str, case: Refused, tmp_path: Path, land_cover: dict[str, Any], write_raster: Callable[..., Path]
) -> None:
    spec = RasterSpec.model_validate(case.spec)
    with pytest.raises(RasterError, match=case.message) as caught, Scene([ROOT / name], spec) as scene:
        scene.read(Window(0, 0, scene.grid.width, scene.grid.height))
    assert str(caught.value).startswith(str(ROOT / name))
    label = _only(_label_for(ROOT / name, tmp_path / "labels" / "x.tif", write_raster))
    with pytest.raises(
        DataError, match=f"1 of 1 scenes are not as declared:\n  - .*{Path(name).name}: .*{case.message}"
    ):
        scan_scenes(_only(ROOT / name), label, _data(case.spec, land_cover))
    bundle = _bundle(case.spec, land_cover)
    with pytest.raises(RasterError, match=f"{Path(name).name}.*{case.message}"):
        _predict(bundle, _only(ROOT / name), tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.*")), "nothing of a refused scene is left"


def _label_for(image: Path, path: Path, write: Callable[..., Path]) -> Path:
    """Return a label of class 1 on the grid of an image, as far as it has one."""
    try:
        with rasterio.open(image) as raster:
            return write(path, np.ones(raster.shape, np.uint8), crs=raster.crs, transform=raster.transform)
    except RasterioIOError:
        return ROOT / "derived" / "label_ok.tif"


def test_the_report_describes_the_reference(land_cover: dict[str, Any]) -> None:
    label = _only(ROOT / "derived" / "label_ok.tif")
    table = scan_scenes(_only(ROOT / "derived" / "ref_hls6.tif"), label, _data(_hls(), land_cover)).report
    assert table.iloc[0][["width", "height", "crs", "valid_fraction"]].tolist() == [128, 128, "EPSG:32718", 1.0]
    assert table.iloc[0]["fraction_c9"] == pytest.approx(1003 / 128**2, abs=1e-6)


@pytest.mark.parametrize(("name", "case"), [c for c in _cases(Read) if "derived" in c.values[0]])
def test_reports_name_the_scene_or_describe_it(name: str, case: Read, land_cover: dict[str, Any]) -> None:
    data, label = _data(case.spec, land_cover), _only(ROOT / "derived" / "label_ok.tif")
    if case.report is None:
        row = scan_scenes(_only(ROOT / name), label, data).report.iloc[0]
        assert row["valid_fraction"] == pytest.approx(case.valid, abs=1e-6)
    else:
        with pytest.raises(DataError, match=case.report):
            scan_scenes(_only(ROOT / name), label, data)


def test_a_band_that_never_changes_is_refused_by_the_statistics(land_cover: dict[str, Any]) -> None:
    scenes, labels = _only(ROOT / "derived" / "constant_zero.tif"), _only(ROOT / "derived" / "label_ok.tif")
    data = _data(_hls(), land_cover)
    scan = scan_scenes(scenes, labels, data)
    samples = assign_splits(scan.chips, data.split, {}, seed=0)
    with pytest.raises(
        DataError, match=r"Band\(s\) \['BLUE', .*\] hold one and the same value .*Leave them out by 'use'"
    ):
        compute_statistics(samples, scan.cells, data)


# --- labels ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "case"), _cases(Label))
def test_labels(name: str, case: Label, land_cover: dict[str, Any]) -> None:
    target = TargetSpec.model_validate(land_cover | case.target)
    scenes = _only(ROOT / "derived" / "ref_hls6.tif")
    data = _data(_hls(), land_cover | case.target)
    if case.refused is not None:
        with pytest.raises(DataError, match=rf"{Path(name).name}: {case.refused}"):
            scan_scenes(scenes, _only(ROOT / name), data)
        return
    scan_scenes(scenes, _only(ROOT / name), data)
    with ClassLabels(ROOT / name, target) as label:
        indexes = label.read(Window(0, 0, 128, 128))
    with rasterio.open(ROOT / "derived" / "label_ok.tif") as raster:
        expected = np.searchsorted([1, 2, 4, 5, 9], raster.read(1))
    if target.ignore_value is not None:
        expected[expected == 4] = IGNORE
    assert np.array_equal(indexes, expected)


# --- prediction -----------------------------------------------------------------------------------------------------


def _bundle(spec: dict[str, Any], target: dict[str, Any]) -> Bundle:
    """A bundle with fresh weights that says it was trained; statistics of the reference where it has its bands."""
    model = {
        "encoder": {"name": "timm", "model": "test_resnet", "out_indices": [0]},
        "decoder": {"name": "fcn", "channels": 8},
    }
    initial = build_initial(_data(spec, target), ModelConfig.model_validate(model), seed=0)
    network = initial.build_model()
    scale = 1.0 if spec["dtype"] in {"int16", "uint16", "float64"} else 1e-4
    count = len(spec["bands"])
    network.set_statistics([1500 * scale] * count, [1000 * scale] * count)
    # Scores around zero for all classes, or fresh weights would give one class everywhere.
    noise = torch.from_numpy(np.random.default_rng(0).normal(1500, 1000, (1, count, 64, 64)).astype(np.float32)) * scale
    with torch.no_grad():
        [bias] = [
            value for name, value in network.named_parameters() if name.startswith("head") and name.endswith("bias")
        ]
        bias -= network(Images({"s": noise})).output.mean(dim=(0, 2, 3))
    weights = {name: value.detach() for name, value in network.state_dict().items()}
    return Bundle(initial.config.model_copy(update={"trained": True}), weights)


def _predict(bundle: Bundle, scenes: RasterFolder, folder: Path, **changes: Any) -> Path:
    config = InferenceConfig.model_validate({"tile_size": 512, "overlap": 16} | changes)
    for key, stream in predict_scenes(bundle, scenes, config).streams:
        write_rasters(stream, {"classes": folder / f"{key}.tif"})
    return folder / "x.tif"


@pytest.mark.parametrize(("name", "case"), _cases(Read))
def test_predictions_lie_where_the_scene_lies(
    name: str, case: Read, tmp_path: Path, land_cover: dict[str, Any]
) -> None:
    path = _predict(_bundle(case.spec, land_cover), _only(ROOT / name), tmp_path)
    with rasterio.open(ROOT / name) as scene, rasterio.open(path) as prediction:
        assert prediction.crs == scene.crs
        assert prediction.transform.almost_equals(scene.transform, 1e-9)
        assert prediction.shape == scene.shape
        classes = prediction.read(1)
    assert (classes != 255).mean() == pytest.approx(case.valid, abs=5e-5)
    assert set(np.unique(classes)) <= {1, 2, 4, 5, 9, 255}


@pytest.fixture(scope="module")
def expected_classes(tmp_path_factory: pytest.TempPathFactory, land_cover: dict[str, Any]) -> np.ndarray:
    path = _predict(_bundle(_hls(), land_cover), _only(ROOT / "derived" / "ref_hls6.tif"), tmp_path_factory.mktemp("r"))
    with rasterio.open(path) as raster:
        classes = raster.read(1)
    assert len(np.unique(classes)) > 1
    return classes


SAME_FOR_THE_MODEL = [
    "derived/bigtiff.tif",
    "derived/planar_band.tif",
    "derived/reordered_bands_described.tif",
    "derived/undescribed_bands.tif",
    "derived/name with spaces & ünïcode.TIF",
    "derived/epsg4326_relabel.tif",
]


@pytest.mark.parametrize("name", SAME_FOR_THE_MODEL)
def test_the_same_pixels_give_the_same_prediction(
    name: str, tmp_path: Path, land_cover: dict[str, Any], expected_classes: np.ndarray
) -> None:
    with rasterio.open(_predict(_bundle(_hls(), land_cover), _only(ROOT / name), tmp_path)) as raster:
        assert np.array_equal(raster.read(1), expected_classes)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("derived/float32_reflectance.tif", {"dtype": "float32"}),
        ("derived/no_crs.tif", {"georeference": "absent", "bands": [{"name": band, "scale": 1e-4} for band in HLS]}),
        ("derived/float64.tif", {"dtype": "float64", "bands": [{"name": band, "scale": 1e-4} for band in HLS]}),
    ],
)
def test_scenes_in_other_units_and_layouts_are_predicted_alike(
    name: str, source: dict[str, Any], tmp_path: Path, land_cover: dict[str, Any], expected_classes: np.ndarray
) -> None:
    scaled = _hls(bands=[{"name": band, "scale": 1e-4} for band in HLS])
    path = _predict(_bundle(scaled, land_cover), _only(ROOT / name), tmp_path, source=_hls(**source))
    with rasterio.open(path) as raster:
        assert (raster.read(1) == expected_classes).mean() > 0.999


def test_a_folder_that_holds_one_bad_scene_is_refused_before_anything_is_predicted(
    tmp_path: Path, land_cover: dict[str, Any]
) -> None:
    for name in ("ref_hls6.tif", "five_bands.tif"):
        (tmp_path / "in").mkdir(exist_ok=True)
        shutil.copy(ROOT / "derived" / name, tmp_path / "in" / ("a.tif" if name.startswith("ref") else "b.tif"))
    with pytest.raises(RasterError, match=r"b.tif: found 5 band\(s\)"):
        _predict(_bundle(_hls(), land_cover), find_rasters(tmp_path / "in", ["{key}.tif"]), tmp_path / "out")
    assert not (tmp_path / "out").exists()
