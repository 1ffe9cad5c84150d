"""Labels that lie off their images are told, and others are not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rasterio.transform import from_origin
from scipy.ndimage import gaussian_filter
from scipy.ndimage import shift as shift_by

from groundwork.audit.offsets import audit_offset
from groundwork.config import DataConfig
from groundwork.data.chips import LabelledData, labelled
from groundwork.data.label_offset import LabelOffset, measure_offset
from groundwork.data.scan import scan_scenes
from groundwork.rasters.folder import find_rasters

UTM = "EPSG:32632"
CLASSES = [{"value": value, "name": name, "color": "#000000"} for value, name in enumerate(("low", "mid", "high"))]
NUMBERS = {"outputs": [{"name": "height", "minimum": -10, "maximum": 10}]}


def _made(
    root: Path,
    write_raster: Callable[..., Path],
    offset: tuple[float, float],
    target: dict[str, object],
    scenes: int = 6,
) -> LabelledData:
    """Write scenes of smooth land in three classes, of which labels lie off by (dx, dy) pixels."""
    for number in range(scenes):
        random = np.random.default_rng(number)
        height = gaussian_filter(random.normal(size=(96, 96)), 4, mode="wrap")
        height = height / height.std()
        moved = shift_by(height, (offset[1], offset[0]), order=3, mode="grid-wrap")
        place = {"crs": UTM, "transform": from_origin(500_000 + 5000 * number, 5_000_000, 10, 10)}
        steps = 1000 * np.digitize(height, [-0.5, 0.5]) + random.normal(0, 150, height.shape)
        image = np.stack([steps, random.normal(500, 100, height.shape)]).astype(np.int16)
        image[:, :20, :20] = -9999
        write_raster(root / "scenes" / f"{number}.tif", image, nodata=-9999, **place)
        label = np.digitize(moved, [-0.5, 0.5]).astype(np.uint8) if "classes" in target else moved.astype(np.float32)
        write_raster(root / "labels" / f"{number}.tif", label, **place)
    config = DataConfig.model_validate(
        {
            "sources": {"optical": {"bands": ["A", "B"], "dtype": "int16", "nodata": -9999}},
            "target": target,
            "chips": {"size": 48},
            "split": {"method": "scenes", "fractions": {"train": 0.5, "val": 0.25, "test": 0.25}},
        }
    )
    found, labels = (find_rasters(root / name, ["{key}.tif"]) for name in ("scenes", "labels"))
    samples = scan_scenes(found, labels, config).chips.assign(split="train")
    return labelled(samples, found, labels, (config.sources, config.target))


@pytest.mark.parametrize("offset", [(2.0, 0.0), (-1.0, 3.0), (0.0, -1.5), (-2.4, -0.7)])
def test_an_offset_is_found_to_half_a_pixel(
    tmp_path: Path, write_raster: Callable[..., Path], offset: tuple[float, float]
) -> None:
    found = measure_offset(_made(tmp_path, write_raster, offset, {"classes": CLASSES}))
    assert found is not None
    assert (found.dx, found.dy) == (pytest.approx(offset[0], abs=0.5), pytest.approx(offset[1], abs=0.5))
    assert (found.scenes, found.windows, found.asked) == (6, 24, 6)
    assert found.strength > found.unshifted
    (finding,) = audit_offset(found)
    assert (finding.level, finding.about) == ("look", "offset of labels")
    assert f": {found.dx:+.2f} to the right, {found.dy:+.2f} below" in finding.found


@pytest.mark.parametrize("scenes", [2, 6])
def test_labels_in_their_place_are_called_so(tmp_path: Path, write_raster: Callable[..., Path], scenes: int) -> None:
    found = measure_offset(_made(tmp_path, write_raster, (0, 0), {"classes": CLASSES}, scenes))
    assert found is not None
    assert (found.dx, found.dy) == (pytest.approx(0, abs=0.25), pytest.approx(0, abs=0.25))
    assert found.asked == (6 if scenes == 6 else 8), "windows are asked where scenes are few"
    assert [finding.level for finding in audit_offset(found)] == ["ok"]


def test_labels_of_elsewhere_have_no_offset(tmp_path: Path, write_raster: Callable[..., Path]) -> None:
    data = _made(tmp_path, write_raster, (0, 0), {"classes": CLASSES})
    for number in range(6):
        other = gaussian_filter(np.random.default_rng(100 + number).normal(size=(96, 96)), 4, mode="wrap")
        place = {"crs": UTM, "transform": from_origin(500_000 + 5000 * number, 5_000_000, 10, 10)}
        label = np.digitize(other / other.std(), [-0.5, 0.5]).astype(np.uint8)
        write_raster(tmp_path / "labels" / f"{number}.tif", label, **place)
    found = measure_offset(
        labelled(data.samples.drop(columns="checksum"), data.scenes, data.labels, (data.inputs, data.target))
    )
    assert [finding.level for finding in audit_offset(found)] == ["ok"]


def test_numbers_have_edges_too(tmp_path: Path, write_raster: Callable[..., Path]) -> None:
    found = measure_offset(_made(tmp_path, write_raster, (3.0, -2.0), NUMBERS))
    assert found is not None
    assert (found.dx, found.dy) == (pytest.approx(3, abs=0.5), pytest.approx(-2, abs=0.5))


def _offset(**changes: object) -> LabelOffset:
    words = {"dx": 1.0, "dy": -2.0, "strength": 0.3, "unshifted": 0.1, "agreeing": 0.9}
    return LabelOffset.model_validate(words | {"scenes": 10, "windows": 40, "asked": 10} | changes)


@pytest.mark.parametrize(
    ("changes", "level", "text"),
    [
        (
            {},
            "look",
            "2.24 pixel(s) off those of images: +1.00 to the right, -2.00 below (correlation 0.30; 0.10 without",
        ),
        ({"dx": 0.2, "dy": 0.3}, "ok", "0.36 pixel(s) off"),
        ({"agreeing": 0.6}, "ok", "lower in 60% of 10 scenes"),
        ({"scenes": 3, "asked": 40, "agreeing": 0.65}, "look", "lower in 65% of 40 windows"),
        ({"strength": 0.01}, "ok", "not known"),
        ({"dx": None, "dy": None}, "ok", "do not agree at any shift up to 8 pixels"),
    ],
)
def test_an_offset_is_told_where_most_agree(changes: dict[str, object], level: str, text: str) -> None:
    (finding,) = audit_offset(_offset(**changes))
    assert finding.level == level
    assert text in finding.found
    assert bool(finding.remedy) == (level == "look")
    assert not list(audit_offset(None))
    assert json.loads(_offset(**changes).model_dump_json())["windows"] == 40
