"""Scenes that hold other values than the training are told of before they are predicted."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio

from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.ensembles import ensemble_of
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import RasterFolder, find_rasters

CONFIG = {"tile_size": 32, "overlap": 8}
#: What became of the raw values -> band that is told of; None: nothing is said.
CHANGES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], str | None]] = {
    "nothing": (lambda pixels: pixels, None),
    "half as bright": (lambda pixels: pixels // 2, None),
    "ten times": (lambda pixels: np.minimum(pixels.astype(np.int32) * 10, 32_000), "BAND"),
    "another unit": (lambda pixels: pixels // 1000, "BAND"),
    "one band": (lambda pixels: np.stack([pixels[0], pixels[1] + 20_000, pixels[2]]), "B"),
    "a plain": (lambda pixels: 1200 + pixels % 2, None),
    "one value": (lambda pixels: np.full_like(pixels, 1200), "BAND"),
}


def changed(data: SimpleNamespace, root: Path, change: Callable[[np.ndarray], np.ndarray], count: int) -> RasterFolder:
    """Write the scenes anew, with other values in so many of them where there is data."""
    for index, (key, (name,)) in enumerate(data.scenes.files.items()):
        with rasterio.open(data.scenes.locate(name)) as raster:
            profile, pixels, tags = raster.profile, raster.read(), raster.tags()
        with rasterio.open(root / f"{key}.tif", "w", **profile) as raster:
            values = np.where(pixels == -9999, pixels, change(pixels)) if index < count else pixels
            raster.write(values.astype(np.int16))
            raster.update_tags(**tags)
    return find_rasters(root, ["{key}.tif"])


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "groundwork.prediction.likeness"]


@pytest.mark.parametrize("name", CHANGES)
def test_values_that_the_training_has_not_seen_are_told_of(
    name: str, tmp_path: Path, tiny_data: SimpleNamespace, tiny_bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    change, band = CHANGES[name]
    scenes = changed(tiny_data, tmp_path, change, count=2)
    with caplog.at_level(logging.WARNING):
        predict_scenes(tiny_bundle, scenes, InferenceConfig.model_validate(CONFIG))
    messages = told(caplog)
    if band is None:
        assert messages == []
        return
    [message] = messages
    assert message.startswith("2 of 6 scene(s) that were looked into hold values unlike those of the training: ")
    assert "'1', '11'" in message
    if band == "B":
        mean = tiny_bundle.weights["standardise.optical.mean"][1].item()
        assert "band 'B' of 'optical' is 21" in message
        assert f"was {mean:.5g} with a deviation of" in message


def test_values_are_compared_in_the_units_of_the_training(
    tmp_path: Path, tiny_data: SimpleNamespace, tiny_bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    scenes = changed(tiny_data, tmp_path, lambda pixels: np.minimum(pixels.astype(np.int32) * 8, 32_000), count=6)
    bands = [{"name": name, "scale": 0.125, "unit": "x"} for name in "ABC"]
    source = {"bands": bands, "dtype": "int16", "nodata": -9999, "date_tag": "DATE"}
    with caplog.at_level(logging.WARNING):
        predict_scenes(tiny_bundle, scenes, InferenceConfig.model_validate(CONFIG | {"source": source}))
    assert told(caplog) == []


def test_nothing_is_said_without_statistics_or_without_data(
    tmp_path: Path, tiny_data: SimpleNamespace, tiny_bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    scenes = changed(tiny_data, tmp_path, lambda pixels: np.full_like(pixels, -9999), count=6)
    plain = {name: value for name, value in tiny_bundle.weights.items() if "standardise" not in name}
    with caplog.at_level(logging.WARNING):
        predict_scenes(tiny_bundle, scenes, InferenceConfig.model_validate(CONFIG))
        predict_scenes(Bundle(tiny_bundle.config, plain), tiny_data.scenes, InferenceConfig.model_validate(CONFIG))
    assert told(caplog) == []


def test_an_ensemble_is_compared_by_what_its_members_were_trained_on(
    tmp_path: Path, tiny_data: SimpleNamespace, tiny_bundle: Bundle, caplog: pytest.LogCaptureFixture
) -> None:
    together = ensemble_of({"a": tiny_bundle, "b": tiny_bundle})
    scenes = changed(tiny_data, tmp_path, CHANGES["ten times"][0], count=2)
    with caplog.at_level(logging.WARNING):
        predict_scenes(together, tiny_data.scenes, InferenceConfig.model_validate(CONFIG))
        predict_scenes(together, scenes, InferenceConfig.model_validate(CONFIG))
    [message] = told(caplog)
    assert message.startswith("2 of 6 scene(s) that were looked into hold values unlike those of the training: ")
