"""Specs: what they accept, what they refuse and in which words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from groundwork.specs import ClassSpec, FeatureLevel, FeatureSpec, RasterSpec, TargetSpec
from groundwork.strict import did_you_mean

MakeSpec = Callable[..., RasterSpec]
A_CLASS = {"value": 1, "name": "land", "color": "#00ff00"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("nir_narow", " Did you mean 'NIR_NARROW'?"),
        ("RED", " Did you mean 'RED'?"),
        ("zebra", ""),
    ],
)
def test_did_you_mean_names_the_nearest_in_its_own_spelling(word: str, expected: str) -> None:
    assert did_you_mean(word, ["RED", "NIR_NARROW", "SWIR_1"]) == expected


def test_bare_band_names_become_bands(make_spec: MakeSpec) -> None:
    spec = make_spec("RED", {"name": "NIR", "scale": 0.0001, "wavelength_nm": 865})
    assert spec.band_names == ("RED", "NIR")
    assert [band.scale for band in spec.bands] == [1.0, 0.0001]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"bands": ["A", "A", "B"]}, r"unique; repeated: \['A'\]"),
        ({"bands": []}, "at least 1 item"),
        (
            {"use": ["BLU"], "bands": ["BLUE", "RED"]},
            "'use' names band 'BLU', which 'bands' lacks. Did you mean 'BLUE'",
        ),
        ({"use": ["A", "A"]}, r"'use' must name each band once; found \['A', 'A'\]"),
        ({"rgb": ["A", "A", "RED"]}, r"'rgb' names band 'RED', which is not read. Read: \['A', 'B'\]"),
        ({"use": ["A"], "rgb": ["A", "A", "B"]}, r"'rgb' names band 'B', which is not read. Read: \['A'\]"),
        (
            {"steps": 2},
            "'layout' must say where several dates lie: .* steps_first or bands_first, or file_per_date",
        ),
        ({"nodta": 0}, r"Unknown key 'nodta'. Did you mean 'nodata'\? Known keys: .*dtype"),
        ({"bands": [{"name": "A", "scal": 2}]}, r"bands.0\s+Unknown key 'scal'. Did you mean 'scale'\?"),
        ({"dtype": "int12"}, "'int16'"),
        ({"bands": [{"name": "A", "scale": 0}]}, "band 'A': scale 0 would make every value 0"),
        ({"bands": [{"name": "A", "scale": float("nan")}]}, "finite number"),
        ({"bands": [{"name": "A", "offset": float("inf")}]}, "finite number"),
        ({"bands": [{"name": "A", "wavelength_nm": 0.49}]}, "0.49 is not in nanometres; for micrometres write 490"),
        ({"pixel_size_m": float("inf")}, "finite number"),
        ({"layout": "steps_first"}, "'layout: steps_first' says where several dates lie, but 'steps' is 1"),
        ({"nodata": 99999}, r"nodata 99999.0 is no value that a raster of int16 can hold \(-32768 to 32767, whole"),
        ({"nodata": 0.5}, "no value that a raster of int16 can hold"),
        ({"nodata": "nan"}, "nodata nan is no value that a raster of int16"),
        ({"nodata": float("nan")}, "nodata nan is no value that a raster of int16"),
        ({"nodata": True}, "'nodata' must be a number; found true"),
        ({"nodata": -1, "dtype": "uint8"}, "no value that a raster of uint8"),
        ({"nodata": 1e39, "dtype": "float32"}, "no value that a raster of float32"),
        ({"nodata": "0"}, "'nodata' must be a number or nan, without quotation marks; found the text '0'"),
        (
            {"steps": "2", "layout": "steps_first"},
            "'steps' must be a number, without quotation marks; found the text '2'",
        ),
    ],
)
def test_contradictions_are_refused(words: dict[str, Any], message: str, make_spec: MakeSpec) -> None:
    with pytest.raises(ValidationError, match=message):
        make_spec(**words)


def test_the_nodata_of_every_type_is_accepted(make_spec: MakeSpec) -> None:
    for dtype, nodata in [
        ("uint8", 255),
        ("int8", -128),
        ("float32", -3.4028235e38),
        ("float32", 3.4028234663852886e38),
    ]:
        assert make_spec(dtype=dtype, nodata=nodata).nodata == nodata
    assert make_spec(dtype="float64", nodata=float("nan")).nodata == "nan"
    assert make_spec(dtype="float32", nodata="nan").nodata == "nan"


def test_red_green_and_blue_are_shown_where_bands_are_called_so(make_spec: MakeSpec) -> None:
    assert make_spec("BLUE", "GREEN", "RED", "NIR").shown == ("RED", "GREEN", "BLUE")
    assert make_spec("blue", "green", "red").shown == ("red", "green", "blue")
    assert make_spec("BLUE", "GREEN", "RED", rgb=["GREEN", "GREEN", "RED"]).shown == ("GREEN", "GREEN", "RED")
    assert make_spec("BLUE", "GREEN", "RED", "NIR", use=["NIR", "RED", "GREEN"]).shown == ("NIR", "RED", "GREEN")
    assert make_spec("VV").shown == ("VV", "VV", "VV")


def test_several_label_values_may_be_unknown() -> None:
    words = {"classes": [A_CLASS, {**A_CLASS, "value": 2, "name": "sea"}]}
    assert TargetSpec.model_validate(words | {"ignore_value": [0, 255]}).ignore_values == (0, 255)
    assert TargetSpec.model_validate(words | {"ignore_value": 0}).ignore_values == (0,)
    assert TargetSpec.model_validate(words).ignore_values == ()
    with pytest.raises(ValidationError, match="ignore_value 2 is also a class value"):
        TargetSpec.model_validate(words | {"ignore_value": [0, 2]})
    with pytest.raises(ValidationError, match="less than 2147483648"):
        ClassSpec.model_validate(A_CLASS | {"value": 4_000_000_000})


def test_specs_are_immutable(make_spec: MakeSpec) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_spec().nodata = 0


def test_use_sets_the_order_the_model_sees(make_spec: MakeSpec) -> None:
    spec = make_spec("A", "B", "C", use=["C", "A"])
    assert [band.name for band in spec.used] == ["C", "A"]
    assert spec.num_channels == 2
    assert spec.file_indexes() == (3, 1)
    assert spec.file_indexes(["C", "B", "A"]) == (1, 3)


@pytest.mark.parametrize(
    ("layout", "expected"),
    # Files of 3 bands and 2 steps: A1 B1 C1 A2 B2 C2, or A1 A2 B1 B2 C1 C2; read are C and A of step 1, then of step 2.
    [("steps_first", (3, 1, 6, 4)), ("bands_first", (5, 1, 6, 2))],
)
def test_file_indexes_of_several_steps(layout: str, expected: tuple[int, ...], make_spec: MakeSpec) -> None:
    assert make_spec("A", "B", "C", use=["C", "A"], steps=2, layout=layout).file_indexes() == expected


def test_the_bands_that_pictures_show(make_spec: MakeSpec) -> None:
    assert make_spec("A", "B", "C", "D", rgb=["D", "B", "A"]).shown == ("D", "B", "A")
    assert make_spec("A", "B", "C", "D", use=["C", "B", "A"]).shown == ("C", "B", "A")
    assert make_spec("A", "B").shown == ("A", "B", "A")
    assert make_spec("A").shown == ("A", "A", "A")


def test_class_color_as_numbers() -> None:
    assert ClassSpec(value=3, name="x", color="#01a0FF").rgb == (1, 160, 255)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "give 'classes' .*, or 'outputs' for numbers; found neither"),
        (
            {"classes": [A_CLASS], "outputs": [{"name": "ndvi", "minimum": -1, "maximum": 1}]},
            r"not both: .* 'classes: \[\]' drops those of another file",
        ),
        (
            {"classes": [A_CLASS]},
            "names 'land' alone, and a pixel needs a class for what is not it: .* {value: 0, name: background, color: ",
        ),
        ({"classes": [A_CLASS | {"value": 0}]}, "{value: 1, name: background, color: "),
        ({"classes": [A_CLASS, A_CLASS | {"name": "sea"}]}, r"its own value; found \[1, 1\]"),
        (
            {"classes": [A_CLASS | {"values": [1, 2]}, A_CLASS | {"name": "sea", "value": 2}]},
            r"means one class and stands once under 'values'; found \[1, 2, 2\]",
        ),
        (
            {"classes": [A_CLASS | {"values": [7, 8]}, A_CLASS | {"name": "sea", "value": 2}], "ignore_value": 8},
            "8 is also a class value",
        ),
        ({"classes": [A_CLASS, A_CLASS | {"value": 2}]}, r"its own name; found \['land', 'land'\]"),
        ({"classes": [A_CLASS, {**A_CLASS, "value": 2, "name": "s", "color": "blue"}]}, "color"),
        ({"classes": [A_CLASS, A_CLASS | {"value": 2, "name": "sea"}], "ignore_value": 2}, "2 is also a class value"),
    ],
)
def test_targets_that_contradict_themselves_are_refused(words: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TargetSpec.model_validate(words)


def test_several_label_values_may_mean_one_class() -> None:
    color = {"color": "#000000"}
    words = [
        {"values": [41, 42], "name": "forest"} | color,
        {"value": 1, "values": [50], "name": "built"} | color,
        {"value": 2, "name": "water"} | color,
    ]
    target = TargetSpec.model_validate({"classes": words})
    assert target.values == (41, 1, 2)
    assert target.label_values == {41: 0, 42: 0, 50: 1, 2: 2}
    assert TargetSpec.model_validate(target.model_dump(mode="json")) == target, "so it travels in a bundle"
    with pytest.raises(ValidationError, match="value\n  Field required"):
        ClassSpec.model_validate({"values": [], "name": "forest"} | color)


@pytest.mark.parametrize("per", ["image", "object"])
def test_an_image_and_an_object_may_be_of_one_class(per: str) -> None:
    target = TargetSpec.model_validate({"classes": [A_CLASS], "per": per})
    assert (target.num_outputs, target.values) == (1, (1,))


def test_target_lists_its_classes_in_order(land_target: TargetSpec) -> None:
    assert land_target.values == (1, 2, 3)
    assert land_target.names == ("water", "forest", "field")
    assert land_target.num_outputs == 3


@pytest.mark.parametrize(
    ("strides", "expected"), [((4, 8, 16), True), ((4, 16), False), ((16, 16), False), ((8,), True)]
)
def test_pyramids_double_their_stride(strides: tuple[int, ...], expected: bool) -> None:
    spec = FeatureSpec(tuple(FeatureLevel(8, stride) for stride in strides))
    assert spec.is_pyramid is expected


def test_features_in_words() -> None:
    assert str(FeatureSpec((FeatureLevel(64, 4), FeatureLevel(128, 8)))) == "[64ch/4px, 128ch/8px]"


def test_nodata_that_becomes_infinite_in_the_type_is_refused(make_spec: Callable[..., RasterSpec]) -> None:
    assert make_spec(dtype="float32", nodata=-3.4028235e38).nodata == -3.4028235e38
    with pytest.raises(ValidationError, match="is no value that a raster of float32 can hold"):
        make_spec(dtype="float32", nodata=-3.4028236e38)
