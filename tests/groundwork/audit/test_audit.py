"""The audit: every defect is found at its level, and clean data is called so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from rasterio.transform import from_origin

from groundwork.audit.data import audit_data, page_of_audit
from groundwork.audit.encoders import audit_encoder
from groundwork.audit.findings import Finding, as_page
from groundwork.cli.main import main
from groundwork.config import DataConfig, ModelConfig
from groundwork.data.sample_table import write_samples
from groundwork.data.scan import scan_scenes
from groundwork.data.splits import SPLITS, assign_splits
from groundwork.data.value_report import BandValues, ValueReport, report_values
from groundwork.errors import DataError
from groundwork.rasters.folder import find_rasters
from groundwork.specs import BandSpec
from groundwork.specs.units import plausible_values

UTM = "EPSG:32632"


def _about(findings: list[Finding], about: str) -> Finding:
    found = [finding for finding in findings if finding.about == about]
    assert len(found) == 1, [finding.about for finding in findings]
    return found[0]


@pytest.fixture(scope="module")
def values(tiny_data: SimpleNamespace) -> ValueReport:
    return report_values(tiny_data.samples, tiny_data.cells, tiny_data.config)


def _changed(values: ValueReport, split: str, band: str, **changes: Any) -> ValueReport:
    dumped = values.model_dump()
    dumped["splits"][split]["optical"]["bands"][band].update(changes)
    return ValueReport.model_validate(dumped)


def test_values_agree_with_the_pixels_themselves(tiny_data: SimpleNamespace, values: ValueReport) -> None:
    import rasterio

    for split in SPLITS:
        part = tiny_data.samples.query("split == @split")
        pixels: list[np.ndarray] = []
        area = 0
        for scene, chips in part.groupby("scene"):
            with rasterio.open(tiny_data.root / "scenes" / f"{scene}.tif") as raster:
                image = raster.read()
            inside = np.zeros(image.shape[1:], bool)
            for row in chips.itertuples():
                inside[row.row : row.row + row.size, row.column : row.column + row.size] = True
            area += int(inside.sum())
            pixels.append(image[:, inside & (image != -9999).all(axis=0)])
        held = np.concatenate(pixels, axis=1).astype(float)
        told = values.splits[split]["optical"]
        assert told.scenes == part["scene"].nunique()
        assert told.without_data == pytest.approx(1 - held.shape[1] / area, abs=1e-6)
        for index, band in enumerate("ABC"):
            assert told.bands[band].mean == pytest.approx(held[index].mean())
            assert told.bands[band].std == pytest.approx(held[index].std())
            assert (told.bands[band].minimum, told.bands[band].maximum) == (held[index].min(), held[index].max())
            assert told.bands[band].implausible is None, "no unit is stated"
            assert told.bands[band].at_limits == 0
            assert told.bands[band].constant_scenes == ()


def test_implausible_and_clipped_values_are_counted_pixel_by_pixel(
    tmp_path: Path, write_raster: Callable[..., Path], data_config: DataConfig
) -> None:
    random = np.random.default_rng(0)
    counts = {"low": 0, "high": 0, "pixels": 0}
    for number in range(3):
        pixels = random.integers(0, 10_000, (3, 32, 64)).astype(np.int16)
        pixels[0, :5] = 25_000
        pixels[1, 0, :7] = -2_001
        pixels[1, 1, :7] = -2_000
        pixels[2, :, :8] = 32_767
        pixels[:, 20:22, 20:24] = 0
        pixels[:2, 25] = 0
        pixels[:, :2] = -9999
        place = {"crs": UTM, "transform": from_origin(500_000 + 9000 * number, 5_000_000, 10, 10)}
        write_raster(tmp_path / "scenes" / f"{number}.tif", pixels, **place, nodata=-9999)
        write_raster(tmp_path / "labels" / f"{number}.tif", np.ones((32, 64), np.uint8), **place)
        counts["pixels"] += 30 * 64
    bands = [{"name": name, "scale": 0.0001, "unit": "reflectance"} for name in "AB"] + ["C"]
    words = data_config.model_dump() | {"sources": {"s": {"bands": bands, "dtype": "int16", "nodata": -9999}}}
    config = DataConfig.model_validate(words)
    scenes, labels = (find_rasters(tmp_path / name, ["{key}.tif"]) for name in ("scenes", "labels"))
    scan = scan_scenes(scenes, labels, config)
    samples = assign_splits(scan.chips, config.split, {}, 0)
    for part in report_values(samples, scan.cells, config).splits.values():
        found = part["s"].bands
        assert found["A"].implausible == pytest.approx(3 / 30, abs=1e-6), "rows 2 to 4, as 0 and 1 hold no data"
        assert found["B"].implausible == 0, "what is not plausible lies where there is no data"
        assert found["C"].implausible is None
        assert [found[name].at_limits for name in "ABC"] == [0, 0, pytest.approx(8 / 64)]
        assert part["s"].without_data == pytest.approx(2 / 32)
        assert part["s"].zeros == pytest.approx(8 / (30 * 64), abs=1e-6), "where each of the bands is 0"


@pytest.mark.parametrize(
    ("band", "limits"),
    [
        ({"unit": "reflectance", "scale": 0.0001}, (-2000, 20_000)),
        ({"unit": "reflectance", "scale": 0.0001, "offset": -0.1}, (-1000, 21_000)),
        ({"unit": "dB"}, (-60, 40)),
        ({"unit": "m", "scale": -1}, (-9000, 450)),
        ({"unit": "furlong"}, None),
        ({}, None),
    ],
)
def test_plausible_values_are_in_raw_numbers(band: dict[str, Any], limits: tuple[float, float] | None) -> None:
    found = plausible_values(BandSpec.model_validate({"name": "A"} | band))
    assert found == (None if limits is None else pytest.approx(limits))


def test_clean_data_has_nothing_wrong(tiny_data: SimpleNamespace, values: ValueReport) -> None:
    findings = audit_data(tiny_data.samples, values, tiny_data.config)
    assert {finding.level for finding in findings} == {"ok", "look"}
    looked = {finding.about for finding in findings if finding.level == "look"}
    assert looked == {"size of train", "size of val", "size of test"} & looked, "the data is tiny"
    assert all((finding.level == "ok") == (finding.remedy == "") for finding in findings)


def test_overlaps_and_distances_of_splits(
    table_of: Callable[..., pd.DataFrame], tiny_data: SimpleNamespace, values: ValueReport
) -> None:
    shares = {"fraction_water": 0.3, "fraction_forest": 0.5, "fraction_field": 0.2, "valid_fraction": 1.0}
    table = table_of([("a", 0, 0), ("b", 0, 16), ("c", 0, 40)], **shares, split=list(SPLITS), content=list("xyz"))
    findings = audit_data(table, values, tiny_data.config)
    found = _about(findings, "overlap of train and val")
    assert (found.level, found.found) == ("wrong", "1 pair(s) of windows share ground")
    dates = pd.concat([table, table[:2].assign(scene=["d", "e"]), table[:1].assign(scene="f")], ignore_index=True)
    found = _about(audit_data(dates, values, tiny_data.config), "overlap of train and val")
    assert found.found == "6 pair(s) of windows share ground", "three dates of one place beside two of the other"
    assert _about(findings, "overlap of train and test").level == "ok"
    near = _about(findings, "distance of train and test")
    assert (near.level, near.found) == ("look", "80 m at least (8 pixels; a chip has 32)")
    assert "'split.buffer'" in near.remedy
    far = table.assign(east=table["east"] + [0, 9000, 20_000], west=table["west"] + [0, 9000, 20_000])
    assert _about(audit_data(far, values, tiny_data.config), "distance of train and val").level == "ok"
    none = audit_data(table.assign(crs="none"), values, tiny_data.config)
    assert "not known" in _about(none, "distance of train and val").found


def test_identical_pixels_between_and_within_splits(
    table_of: Callable[..., pd.DataFrame], tiny_data: SimpleNamespace, values: ValueReport
) -> None:
    shares = {"fraction_water": 0.3, "fraction_forest": 0.5, "fraction_field": 0.2, "valid_fraction": 1.0}
    table = table_of([(scene, 0, 500 * index) for index, scene in enumerate("abcde")], **shares)
    table = table.assign(split=["train", "train", "train", "val", "test"], content=["x", "x", "y", "z", "y"])
    findings = audit_data(table, values, tiny_data.config)
    within, between = (_about(findings, f"identical pixels in {what}") for what in ("train", "train and test"))
    assert (within.level, within.found) == ("look", "1 sample(s) (b_00000_00500 and a_00000_00000)")
    assert (between.level, between.found) == ("wrong", "1 sample(s) (c_00000_01000 and e_00000_02000)")
    assert _about(findings, "identical pixels in train and val").level == "ok"
    unknown = audit_data(table.drop(columns="content"), values, tiny_data.config)
    assert "not known" in _about(unknown, "identical pixels in train").found


@pytest.mark.parametrize(
    ("shares", "level", "remedy"),
    [
        ((0.0, 0.2, 0.2), "wrong", "nothing can learn a class that train lacks"),
        ((0.2, 0.0, 0.2), "look", "scores say nothing of a class that a split lacks"),
        ((0.2, 0.01, 0.2), "look", "its share differs much"),
        ((0.0005, 0.0005, 0.0005), "look", "the class is rare"),
        ((0.2, 0.3, 0.25), "ok", ""),
    ],
)
def test_classes(
    table_of: Callable[..., pd.DataFrame],
    tiny_data: SimpleNamespace,
    values: ValueReport,
    shares: tuple[float, float, float],
    level: str,
    remedy: str,
) -> None:
    table = table_of([(scene, 0, 500 * index) for index, scene in enumerate("abc")], split=list(SPLITS))
    table = table.assign(fraction_water=shares, fraction_forest=0.5, valid_fraction=1.0, content=list("xyz"))
    findings = audit_data(table, values, tiny_data.config)
    found = _about(findings, "class 'water'")
    assert found.level == level
    assert remedy in found.remedy
    assert not [finding for finding in findings if "field" in finding.about], "the table says nothing of it"


@pytest.mark.parametrize(
    ("split", "changes", "about", "level", "text"),
    [
        (
            "val",
            {"implausible": 0.2},
            "units of 'optical'",
            "wrong",
            "up to 20.00% of a split are no reflectance",
        ),
        ("val", {"implausible": 0.001}, "units of 'optical'", "look", "'A': up to 0.10%"),
        ("test", {"at_limits": 0.01}, "clipped values of 'optical'", "look", "'A' 1.00%"),
        ("test", {"at_limits": 0.5}, "clipped values of 'optical'", "wrong", "'A' 50.00%"),
        ("train", {"constant_scenes": ["1"]}, "dead bands of 'optical'", "look", "'A' holds one value in '1'"),
        ("train", {"mean": 99_999.0}, "likeness of splits in 'optical'", "look", "mean of 'A' in val is "),
    ],
)
def test_defects_of_values(
    tiny_data: SimpleNamespace,
    values: ValueReport,
    split: str,
    changes: dict[str, Any],
    about: str,
    level: str,
    text: str,
) -> None:
    words = tiny_data.config.model_dump()
    for band in words["sources"]["optical"]["bands"]:
        band.update(unit="reflectance", scale=0.0001)
    config = DataConfig.model_validate(words)
    for name in SPLITS:
        values = _changed(values, name, "A", implausible=0.0)
    assert _about(audit_data(tiny_data.samples, values, config), about).level == "ok"
    found = _about(audit_data(tiny_data.samples, _changed(values, split, "A", **changes), config), about)
    assert found.level == level
    assert text in found.found
    assert found.remedy


def test_a_band_that_is_dead_everywhere_is_wrong(tiny_data: SimpleNamespace, values: ValueReport) -> None:
    scenes = sorted(set(tiny_data.samples.query("split == 'val'")["scene"]))
    found = audit_data(tiny_data.samples, _changed(values, "val", "B", constant_scenes=scenes), tiny_data.config)
    assert _about(found, "dead bands of 'optical'").level == "wrong"


def test_much_nodata_is_worth_a_look(tiny_data: SimpleNamespace, values: ValueReport) -> None:
    dumped = values.model_dump()
    dumped["splits"]["test"]["optical"]["without_data"] = 0.7
    found = _about(
        audit_data(tiny_data.samples, ValueReport.model_validate(dumped), tiny_data.config), "nodata of 'optical'"
    )
    assert found.level == "look"
    assert "test 70.0%" in found.found


@pytest.mark.parametrize(("share", "level"), [(0.0, "ok"), (0.004, "ok"), (0.1, "look"), (0.3, "wrong"), (None, None)])
def test_zeros_in_all_bands_are_taken_for_nodata_that_nobody_declared(
    tiny_data: SimpleNamespace, values: ValueReport, share: float | None, level: str | None
) -> None:
    dumped = values.model_dump()
    for split in SPLITS:
        dumped["splits"][split]["optical"]["zeros"] = None if share is None else 0.0
    dumped["splits"]["val"]["optical"]["zeros"] = share
    findings = audit_data(tiny_data.samples, ValueReport.model_validate(dumped), tiny_data.config)
    found = [finding for finding in findings if finding.about == "zeros of 'optical'"]
    assert [finding.level for finding in found] == ([] if level is None else [level])
    assert all(f"val {share:.2%}" in finding.found for finding in found)
    assert all("nodata: 0" in finding.remedy for finding in found if finding.level != "ok")


def test_the_run_warns_once_of_what_is_wrong(
    tiny_data: SimpleNamespace, values: ValueReport, caplog: pytest.LogCaptureFixture
) -> None:
    dumped = values.model_dump()
    dumped["splits"]["val"]["optical"]["zeros"] = 0.01
    page_of_audit(tiny_data.samples, ValueReport.model_validate(dumped), tiny_data.config)
    assert "zeros of" not in caplog.text, "what deserves a look is not wrong"
    dumped["splits"]["val"]["optical"]["zeros"] = 0.3
    caplog.clear()
    page = page_of_audit(tiny_data.samples, ValueReport.model_validate(dumped), tiny_data.config)
    [said] = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "zeros of 'optical'" in said.getMessage()
    assert "| wrong | zeros of 'optical' |" in page


def test_reports_of_another_run_are_refused(tiny_data: SimpleNamespace, values: ValueReport) -> None:
    dumped = values.model_dump()
    del dumped["splits"]["val"]["optical"]["bands"]["B"]
    with pytest.raises(DataError, match="has not the bands of source 'optical' in split 'val'"):
        audit_data(tiny_data.samples, ValueReport.model_validate(dumped), tiny_data.config)
    with pytest.raises(DataError, match="no column 'split'"):
        audit_data(tiny_data.samples.drop(columns="split"), values, tiny_data.config)


# --- encoders -------------------------------------------------------------------------------------------------------

BANDS = ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")
#: Published statistics of Prithvi, whose values are reflectance * 10000.
MEANS, STDS = (1087, 1342, 1433, 2734, 1958, 1363), (2248, 2179, 2178, 1850, 1242, 1049)


def _against_prithvi(data_config: DataConfig, factor: float, scale: float, **model: Any) -> list[Finding]:
    bands = [{"name": name, "scale": scale, "unit": "reflectance"} for name in BANDS]
    words = data_config.model_dump() | {"sources": {"hls": {"bands": bands, "dtype": "int16", "nodata": -9999}}}
    held = {
        name: BandValues(
            mean=mean * factor,
            std=std * factor,
            minimum=0,
            maximum=1,
            implausible=0,
            at_limits=0,
            constant_scenes=(),
        )
        for name, mean, std in zip(BANDS, MEANS, STDS, strict=True)
    }
    report = {split: {"hls": {"scenes": 1, "without_data": 0, "bands": held}} for split in SPLITS}
    encoder = {"name": "prithvi_vit", "variant": "prithvi_eo_v2_300_tl", "pretrained": True}
    config = ModelConfig.model_validate({"encoder": encoder} | model)
    return list(audit_encoder(ValueReport.model_validate({"splits": report}), DataConfig.model_validate(words), config))


@pytest.mark.parametrize(
    ("factor", "scale", "level"),
    [(1, 0.0001, "ok"), (1, 0.01, "wrong"), (0.01, 0.0001, "wrong"), (5, 0.0001, "look")],
)
def test_bands_are_compared_with_those_of_pre_training(
    data_config: DataConfig, factor: float, scale: float, level: str
) -> None:
    found = _against_prithvi(data_config, factor, scale)
    assert [finding.about for finding in found] == ["encoder and 'hls'"]
    assert found[0].level == level
    if level == "look":
        assert "'BLUE': mean 5435, deviation 1.124e+04; pre-training 1087, 2248" in found[0].found


def test_only_encoders_that_state_statistics_are_compared(data_config: DataConfig) -> None:
    plain = {"name": "prithvi_vit", "variant": "prithvi_eo_v2_300_tl"}
    assert "fresh weights" in _against_prithvi(data_config, 1, 0.0001, encoder=plain)[0].found
    unet = {"name": "timm", "model": "test_resnet", "pretrained": True}
    assert _against_prithvi(data_config, 1, 0.0001, encoder=unet)[0].level in {"ok", "look"}
    whole = _against_prithvi(data_config, 1, 0.0001, encoder=None, factory={"name": "smp", "model": "unet"})
    assert "the model has none" in whole[0].found


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path, tiny_data: SimpleNamespace, values: ValueReport) -> list[str]:
    write_samples(tiny_data.samples, tmp_path / "samples.csv")
    (tmp_path / "values.json").write_text(values.model_dump_json())
    (tmp_path / "data.yml").write_text(yaml.safe_dump({"data": tiny_data.config.model_dump(mode="json")}))
    return [
        "data",
        "audit",
        *("--samples", str(tmp_path / "samples.csv")),
        *("--values", str(tmp_path / "values.json")),
        *("--config", str(tmp_path / "data.yml")),
    ]


def test_the_command_says_what_the_library_does(
    files: list[str], tiny_data: SimpleNamespace, values: ValueReport, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = audit_data(tiny_data.samples, values, tiny_data.config)
    assert main(files) == 0
    assert capsys.readouterr().out == as_page(findings)
    assert main([*files, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [finding.model_dump() for finding in findings]


def test_the_command_fails_where_something_is_wrong_and_later_files_change_earlier_ones(
    files: list[str], tmp_path: Path, tiny_data: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "change.yml").write_text(yaml.safe_dump({"data": {"chips": {"size": 100_000, "stride": 8}}}))
    assert main([*files, str(tmp_path / "change.yml")]) == 0
    assert "a chip has 100000" in capsys.readouterr().out
    write_samples(tiny_data.samples.assign(fraction_water=0.1, split="train"), tmp_path / "samples.csv")
    assert main(files) == 1
    assert "| wrong | size of val | 0 sample(s) of 0 scene(s) |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("data.yml", "model: {}", "found no key 'data' at the top"),
        ("data.yml", "data: {sources: {}}", "is not as it should be:\n  sources: "),
        ("data.yml", "[1, 2", "data.yml, line 1, column 6: this is no valid YAML: expected"),
        ("values.json", "{}", "values.json is not as it should be:\n  splits: must be given"),
        ("values.json", None, "found no such file. Correct the path, or index the scenes first"),
    ],
)
def test_files_that_do_not_fit_are_one_message(
    files: list[str], tmp_path: Path, name: str, text: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).unlink() if text is None else (tmp_path / name).write_text(text)
    assert main(files) == 1
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.out == ""
