"""Rasters are held against what pre-trained weights were made for."""

from __future__ import annotations

from typing import Any

import pytest

from groundwork.errors import SpecError
from groundwork.models.expectations import check_expectations, statistics_of
from groundwork.models.weights.info import EncoderInfo
from groundwork.specs import RasterSpec

INFO = EncoderInfo(
    bands=("BLUE", "RED", "NIR_NARROW"),
    unit="reflectance",
    scale=1e-4,
    mean=(1000.0, 2000.0, 3000.0),
    std=(100.0, 200.0, 300.0),
    pixel_size_m=30,
)


def raster(*bands: Any, **words: Any) -> RasterSpec:
    return RasterSpec(bands=bands, dtype="int16", nodata=None, **words)


def test_what_agrees_passes_in_any_order() -> None:
    check_expectations(INFO, raster({"name": "RED", "unit": "reflectance"}, "BLUE", pixel_size_m=40), ())


@pytest.mark.parametrize(
    ("found", "kind", "message"),
    [
        (raster("BLUE", "NIR_NAROW"), "bands", r"never saw the bands \['NIR_NAROW'\]. Did you mean 'NIR_NARROW'\?"),
        (raster({"name": "RED", "unit": "dB"}), "unit", "it saw values in reflectance, the rasters hold dB"),
        (raster("RED", pixel_size_m=10), "pixel_size", "it saw pixels of 30 m, the rasters have 10 m"),
    ],
)
def test_contradictions_are_refused_unless_the_recipe_accepts_them(found: RasterSpec, kind: str, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        check_expectations(INFO, found, ())
    assert f"'accept: [{kind}]'" in str(caught.value)
    check_expectations(INFO, found, (kind,))


def test_all_contradictions_are_told_at_once() -> None:
    with pytest.raises(SpecError, match=r"accept: \[bands, unit, pixel_size\]"):
        check_expectations(INFO, raster({"name": "VV", "unit": "dB"}, pixel_size_m=10), ())


def test_statistics_come_in_the_raw_units_of_the_rasters() -> None:
    # Reflectance = raw * 0.0005 - 0.1, and pre-training saw reflectance * 10000.
    band = {"scale": 0.0005, "offset": -0.1, "unit": "reflectance"}
    mean, std = statistics_of(INFO, raster({"name": "NIR_NARROW", **band}, {"name": "BLUE", **band}))
    assert mean == pytest.approx([(0.3 + 0.1) / 0.0005, (0.1 + 0.1) / 0.0005])
    assert std == pytest.approx([0.03 / 0.0005, 0.01 / 0.0005])


@pytest.mark.parametrize(
    ("info", "band", "message"),
    [
        (None, {"name": "RED"}, "needs an encoder that publishes statistics"),
        (EncoderInfo(bands=("RED",)), {"name": "RED"}, "needs an encoder that publishes statistics"),
        (INFO, {"name": "GREEN", "scale": 1e-4, "unit": "reflectance"}, "no statistics of the band 'GREEN'"),
        (INFO, {"name": "RED", "unit": "reflectance"}, r"found scale 1 \(not stated\), unit reflectance"),
        (INFO, {"name": "RED", "scale": 1e-4}, "state its 'scale' .* 'unit: reflectance'"),
        (INFO, {"name": "RED", "scale": 1e-4, "unit": "dB"}, "needs band 'RED' in reflectance"),
    ],
)
def test_statistics_are_refused_where_units_are_not_sure(
    info: EncoderInfo | None, band: dict[str, Any], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        statistics_of(info, raster(band))


PHOTOGRAPHS = EncoderInfo(
    bands=("RED", "GREEN"), unit="digital_number", scale=255, mean=(0.485, 0.456), std=(0.229, 0.224)
)


def test_photographs_of_8_bits_are_standardised_as_in_pretraining() -> None:
    aerial = RasterSpec(bands=[{"name": "GREEN", "unit": "digital_number"}], dtype="uint8", nodata=None)
    mean, std = statistics_of(PHOTOGRAPHS, aerial)
    assert (mean, std) == (pytest.approx([0.456 * 255]), pytest.approx([0.224 * 255]))
    # 10000 stands for 255.
    wide = raster({"name": "RED", "unit": "digital_number", "scale": 0.0255})
    assert statistics_of(PHOTOGRAPHS, wide)[0] == pytest.approx([4850])


@pytest.mark.parametrize(
    ("dtype", "band", "message"),
    [
        (
            "uint8",
            {"name": "RED"},
            "band 'RED' is uint8 with unit None: state 'unit: digital_number' for it in data.so",
        ),
        ("uint8", {"name": "RED", "unit": "reflectance"}, "uint8 with unit reflectance: state 'unit: digital_number'"),
        ("uint16", {"name": "RED", "unit": "digital_number"}, "the 'scale' and 'offset' that bring its values to 0 to"),
    ],
)
def test_digital_numbers_are_declared_not_guessed(dtype: Any, band: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        statistics_of(PHOTOGRAPHS, RasterSpec(bands=[band], dtype=dtype, nodata=None))


def test_no_unit_contradicts_photographs() -> None:
    check_expectations(PHOTOGRAPHS, raster({"name": "RED", "unit": "reflectance"}), ())
