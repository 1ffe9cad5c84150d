"""A bundle is exported, compared, written, read again, and predicted with."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import torch

from groundwork import fingerprint
from groundwork.batch import Images
from groundwork.bundle import Bundle, save_bundle
from groundwork.cli.main import main
from groundwork.config import ExportConfig, InferenceConfig
from groundwork.errors import BundleError, ExportError, SpecError
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.export import exporting
from groundwork.export.comparison import compare
from groundwork.export.description import ProgramSizes
from groundwork.export.exported_model import ExportedModel
from groundwork.export.exporting import Export, export_bundle, write_files, write_folder
from groundwork.export.loading import load_exported, trusted_in
from groundwork.export.programs import ONNX_PACKAGES, Program, open_program, read_description
from groundwork.export.tracing import trace
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.writing import write_predictions
from limiting import no_file_beyond
from stac_schemas import validate

#: Packages of the extra that are not there.
MISSING = [name for name in ONNX_PACKAGES if find_spec(name) is None]
TILES = InferenceConfig(tile_size=32, overlap=8, batch_size=4, probabilities=True)


@pytest.fixture(scope="module")
def folder(export: Export, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "exported"
    write_folder(export, folder)
    (folder.parent / "export.json").write_text(json.dumps(export.report))
    return folder


@pytest.fixture(scope="module")
def exported(folder: Path) -> Bundle:
    return load_exported(folder, trusted_in(folder.parent / "export.json"))


def test_the_file_was_compared_in_two_sizes_and_two_batches(export: Export) -> None:
    report = export.report
    assert {(case["height"], case["width"]) for case in report["cases"]} == {(32, 32), (25, 17)}
    assert {case["batch"] for case in report["cases"]} == {1, 2}
    assert len({case["scene"] for case in report["cases"]}) == 3
    assert report["largest_difference"] < 1e-6
    assert report["equal_classes"] == 1.0
    assert report["sha256"] == fingerprint.of_file(export.file)
    assert report["sizes"] == {"batch": None, "height": None, "width": None, "least": 1, "grown": 4, "why": None}


def test_scenes_are_predicted_from_the_file_as_from_the_bundle(
    exported: Bundle, tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path
) -> None:
    for name, bundle in (("bundle", tiny_bundle), ("file", exported)):
        write_predictions(Names(tmp_path / name), predict_scenes(bundle, tiny_data.scenes, TILES))
    same = []
    for path in sorted((tmp_path / "bundle").glob("*.tif")):
        with rasterio.open(path) as ours, rasterio.open(tmp_path / "file" / path.name) as theirs:
            if path.stem.endswith("probabilities"):
                np.testing.assert_allclose(theirs.read(), ours.read(), atol=1e-5)
            else:
                same.append((theirs.read() == ours.read()).ravel())
            assert "GROUNDWORK_EXPORT" in theirs.tags()
    assert np.concatenate(same).mean() >= 0.9999
    assert len(list((tmp_path / "file").glob("*.tif"))) == 2 * len(tiny_data.scenes.files)


def test_the_file_is_judged_and_asked_in_views_as_the_bundle(exported: Bundle, tiny_bundle: Bundle) -> None:
    batch = {
        "images": {"optical": torch.randint(0, 3000, (3, 3, 40, 40)).short()},
        "valid": {"optical": torch.rand(3, 40, 40) > 0.2},
        "sample_id": ["a", "b", "c"],
    }
    asked = InferenceConfig.model_validate({"augment": "flips"})
    for how in (None, asked):
        ours, theirs = (ModelPredictor(bundle, how).predict(batch) for bundle in (tiny_bundle, exported))  # type: ignore[arg-type]
        torch.testing.assert_close(theirs.softmax(dim=1), ours.softmax(dim=1), atol=1e-5, rtol=0)


def test_another_precision_than_that_of_the_file_is_refused_as_is_dropout(
    exported: Bundle, tiny_data: SimpleNamespace, tmp_path: Path
) -> None:
    half = TILES.model_copy(update={"precision": "bf16"})
    refused = r"'inference\.precision: bf16' would have no effect: an exported file computes in float32"
    with pytest.raises(SpecError, match=refused):
        write_predictions(Names(tmp_path / "file"), predict_scenes(exported, tiny_data.scenes, half))
    with pytest.raises(SpecError, match=refused):
        ModelPredictor(exported, half)
    with pytest.raises(SpecError, match="its dropout, which an exported file has left behind"):
        predict_scenes(exported, tiny_data.scenes, TILES.model_copy(update={"dropout_samples": 3}))


def test_the_file_is_used_by_torch_alone(folder: Path, tiny_bundle: Bundle) -> None:
    values, valid = torch.randint(0, 3000, (2, 3, 21, 34)).float(), torch.rand(2, 21, 34) > 0.3
    program = torch.export.load(folder / "model.pt2").module(check_guards=False)
    masked = torch.where(valid[:, None], values, torch.nan)
    found = program(masked, valid)
    model = tiny_bundle.build_model()
    means = model.standardise["optical"].mean[:, None, None]  # type: ignore[index, union-attr]
    # Where nothing is valid the model sees the mean.
    expected = model.run(model.prepare(_images(torch.where(valid[:, None], values, means), valid))).output  # type: ignore[operator]
    torch.testing.assert_close(found, expected.softmax(dim=1), atol=1e-5, rtol=0)


def _images(values: torch.Tensor, valid: torch.Tensor) -> Images:
    return Images({"optical": values}, {"optical": valid})


def test_the_file_says_what_it_takes_and_gives(folder: Path, tiny_bundle: Bundle) -> None:
    beside = json.loads((folder / "model.json").read_text())
    inside = read_description(folder / "model.pt2")
    assert inside.as_json() == beside
    values, valid = inside.inputs
    assert (values.name, values.shape, values.nodata) == ("optical", ("batch", 3, "height", "width"), -9999)
    assert [band.name for band in values.bands] == ["A", "B", "C"]
    assert (valid.name, valid.dtype, valid.shape) == ("optical_valid", "bool", ("batch", "height", "width"))
    assert inside.output.channels == ("water", "forest", "field")
    assert inside.bundle == tiny_bundle.config
    assert inside.weights == fingerprint.of_weights(tiny_bundle.weights)


def test_the_item_is_valid_stac_with_all_that_models_need(folder: Path, export: Export) -> None:
    item = json.loads((folder / "model.stac.json").read_text())
    assert len(validate(item)) == 4
    needed = {"mlm:name", "mlm:architecture", "mlm:tasks", "mlm:input", "mlm:output"}
    assert needed <= item["properties"].keys()
    asset = item["assets"]["model"]
    assert "mlm:model" in asset["roles"]
    assert asset["mlm:artifact_type"] == "torch.export.save"
    assert asset["file:checksum"] == f"1220{export.report['sha256']}"
    assert asset["file:size"] == (folder / "model.pt2").stat().st_size
    assert [band["name"] for band in asset["bands"]] == ["A", "B", "C"]
    shapes = [entry["input"]["shape"] for entry in item["properties"]["mlm:input"]]
    orders = [entry["input"]["dim_order"] for entry in item["properties"]["mlm:input"]]
    assert [len(shape) for shape in shapes] == [len(order) for order in orders] == [4, 3]
    classes = item["properties"]["mlm:output"][0]["classification:classes"]
    assert classes[0] == {
        "value": 1,
        "name": "water",
        "title": "water",
        "description": "water",
        "color_hint": "0000FF",
    }


def test_files_of_nobody_known_are_not_read(folder: Path, tmp_path: Path) -> None:
    changed = tmp_path / "model.pt2"
    changed.write_bytes((folder / "model.pt2").read_bytes() + b" ")
    with pytest.raises(ExportError, match=r"found SHA-256 \w{64}; expected \w{64}.*can run code"):
        load_exported(changed, trusted_in(folder.parent / "export.json"))
    with pytest.raises(ExportError, match="no exported file"):
        load_exported(tmp_path / "nowhere", frozenset())
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(ExportError, match="cannot be read as the report"):
        trusted_in(tmp_path / "report.json")


def test_the_same_bundle_gives_the_same_bytes(export: Export, tiny_bundle: Bundle, tmp_path: Path) -> None:
    traced = exporting.trace(tiny_bundle, tiny_bundle.build_model(), ExportConfig(), TILES)
    exporting.write_program(traced, export.description, tmp_path / "model.pt2")
    assert fingerprint.of_file(tmp_path / "model.pt2") == export.report["sha256"]
    assert b"site-packages" not in export.file.read_bytes()


@pytest.mark.parametrize("changes", [{"date_tag": "ACQUIRED"}, {"date_tag": "DATE"}])
def test_the_comparison_reads_scenes_as_a_prediction_does(
    tiny_bundle: Bundle, tiny_data: SimpleNamespace, changes: dict[str, str]
) -> None:
    """Without the tag of their date, where the model asks for none, and on the pixels that are asked for."""
    spec = tiny_bundle.config.inputs["optical"].model_copy(update=changes)
    bundle = replace(tiny_bundle, config=tiny_bundle.config.model_copy(update={"inputs": {"optical": spec}}))
    model = bundle.build_model()
    largest = []
    for grid in (None, {"pixel_size_m": 20}):
        config = InferenceConfig.model_validate({"tile_size": 512, "overlap": 8, "grid": grid})
        cases = compare(bundle, (model, model), tiny_data.scenes, ProgramSizes(), config).cases
        assert {case.largest_difference for case in cases} == {0.0}
        largest.append(max(case.height for case in cases))
    # Pixels of the scenes have 10 m.
    assert largest[1] == pytest.approx(largest[0] / 2, abs=1)


class Wrong(Program):
    """Gives something that is a little off."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def run(self, given: object) -> torch.Tensor:
        return (self._program.run(given) + 1e-3) / 1.003  # type: ignore[arg-type]


def test_a_file_that_does_not_hold_is_refused_and_nothing_is_left(
    tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "open_program", lambda path: Wrong(open_program(path)))
    monkeypatch.setattr(exporting.tempfile, "tempdir", str(tmp_path))  # type: ignore[attr-defined]
    with pytest.raises(ExportError, match=r"does not give what the bundle gives.*Nothing was written"):
        export_bundle(tiny_bundle, tiny_data.scenes, ExportConfig(sizes="fixed"), TILES)
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_be_written_leaves_the_one_before_as_it_was(export: Export, tmp_path: Path) -> None:
    write_files(export, tmp_path / "land.pt2")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = replace(export, report=export.report | {"weights": "other"})
    texts = max(len(content) for name, content in before.items() if name != "land.pt2")
    # Texts can be written, and the program cannot.
    with no_file_beyond(texts + 1000), pytest.raises(OSError, match="File too large"):
        write_files(other, tmp_path / "land.pt2")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_batches_of_a_file_do_not_follow_from_the_machine_that_writes_it(
    tiny_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    asked = TILES.model_copy(update={"batch_size": "auto"})
    sizes = trace(tiny_bundle, tiny_bundle.build_model(), ExportConfig(sizes="fixed"), asked).sizes
    assert (sizes.batch, sizes.height, sizes.width) == (8, 32, 32)


def test_what_cannot_be_exported_is_refused_by_name(
    tiny_bundle: Bundle, exported: Bundle, tiny_data: SimpleNamespace, tmp_path: Path
) -> None:
    untrained = replace(tiny_bundle, config=tiny_bundle.config.model_copy(update={"trained": False}))
    with pytest.raises(BundleError, match="never trained"):
        export_bundle(untrained, tiny_data.scenes, ExportConfig(), TILES)
    with pytest.raises(ExportError, match="an exported file already"):
        export_bundle(exported, tiny_data.scenes, ExportConfig(), TILES)
    with pytest.raises(BundleError, match="copy the file itself"):
        save_bundle(exported, tmp_path / "bundle")
    config = tiny_bundle.config
    model = config.model.model_copy(update={"factory": config.model.factory.model_copy(update={"name": "embedding"})})
    embedding = replace(tiny_bundle, config=config.model_copy(update={"model": model}))
    with pytest.raises(ExportError, match=r"'embedding' gives embedding.*'inference'"):
        export_bundle(embedding, tiny_data.scenes, ExportConfig(), TILES)
    target = config.target.model_copy(update={"per": "object"})
    objects = replace(tiny_bundle, config=config.model_copy(update={"target": target}))
    with pytest.raises(ExportError, match=r"torchvision\.ops\.nms"):
        export_bundle(objects, tiny_data.scenes, ExportConfig(), TILES)
    spec = config.inputs["optical"]
    ruled = spec.model_validate(
        spec.model_dump() | {"bands": [*spec.bands, "Q"], "valid": {"band": "Q", "values": [1]}}
    )
    masked = replace(tiny_bundle, config=config.model_copy(update={"inputs": {"optical": ruled}}))
    with pytest.raises(ExportError, match=r"quality bands say it of \['optical'\].*validity: masks"):
        export_bundle(masked, tiny_data.scenes, ExportConfig(validity="nodata"), TILES)


def test_the_command_writes_the_file_and_what_describes_it(
    tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_bundle(tiny_bundle, tmp_path / "bundle")
    output, scenes = tmp_path / "made" / "land.pt2", str(tiny_data.scenes.root)
    words = ["export", str(tmp_path / "bundle"), "--scenes", scenes, "--validity", "nodata", "--sizes", "fixed"]
    assert main([*words, "--tile-size", "32", "--output", str(output)]) == 0
    assert "of classes the same" in capsys.readouterr().out
    names = {path.name for path in output.parent.iterdir()}
    assert names == {"land.pt2", "land.json", "land.stac.json", "land.report.json"}
    description = read_description(output)
    assert [entry.name for entry in description.inputs] == ["optical"]
    assert description.sizes.height == description.sizes.width == 32
    bundle = load_exported(output, trusted_in(output.with_name("land.report.json")))
    _fixed_sizes_are_filled_up(bundle, tiny_bundle)
    assert main([*words, "--output", str(output.with_suffix(".onnx"))]) == 1
    assert "expected '.pt2'" in capsys.readouterr().err


def test_an_output_that_cannot_be_written_is_named(
    export: Export,
    tiny_bundle: Bundle,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save_bundle(tiny_bundle, tmp_path / "bundle")
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.pt2").mkdir()
    words = ["export", str(tmp_path / "bundle"), "--scenes", str(tmp_path), "--output"]
    for name, said in (
        ("file/m.pt2", "expected a folder for the file"),
        ("folder.pt2", "found a folder; expected the name"),
    ):
        assert main([*words, str(tmp_path / name)]) == 1
        assert said in capsys.readouterr().err
    monkeypatch.setattr("groundwork.cli.exporting.rasters_by_source", lambda *_: None)
    monkeypatch.setattr("groundwork.cli.exporting.export_bundle", lambda *_: export)
    full = OSError(28, "No space left on device")
    monkeypatch.setattr("groundwork.export.exporting.shutil.copyfile", lambda *_: (_ for _ in ()).throw(full))
    assert main([*words, str(tmp_path / "m.pt2")]) == 1
    assert "m.pt2: it cannot be written ([Errno 28] No space left on device)" in capsys.readouterr().err


def test_an_archive_is_not_taken_for_an_exported_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bundle.zip").write_text("")
    assert main(["bundle", "show", str(tmp_path / "bundle.zip")]) == 1
    assert "bundle.zip: found a file; expected the folder of a bundle. Unpack" in capsys.readouterr().err


def _fixed_sizes_are_filled_up(exported: Bundle, bundle: Bundle) -> None:
    """Batches of other sizes than the only one are filled up, and images where the network would do it; no data is told
    by the value."""
    ours, theirs = bundle.build_model(), exported.build_model()
    assert isinstance(theirs, ExportedModel)
    values, valid = torch.randint(0, 3000, (11, 3, 32, 32)).float(), torch.rand(11, 32, 32) > 0.3
    for count in (1, 8, 11):
        given = _images(values[:count], valid[:count])
        torch.testing.assert_close(
            theirs(given).output.softmax(dim=1), ours(given).output.softmax(dim=1), atol=1e-5, rtol=0
        )
    small = _images(values[:2, :, :29, :31], valid[:2, :29, :31])
    torch.testing.assert_close(
        theirs(small).output.softmax(dim=1), ours(small).output.softmax(dim=1), atol=1e-5, rtol=0
    )
    with pytest.raises(ExportError, match=r"takes images of 32 x 32 pixels, and was given 20 x 9.*other answers than"):
        theirs(_images(values[:2, :, :20, :9], valid[:2, :20, :9]))
    with pytest.raises(ExportError, match=r"takes images of 32 x 32 pixels, and was given 33 x 32.*tile_size: 32"):
        theirs(_images(torch.zeros(1, 3, 33, 32), torch.ones(1, 33, 32).bool()))


def test_a_folder_that_holds_something_else_is_replaced_whole(export: Export, tmp_path: Path) -> None:
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "model.onnx").write_text("before")
    write_folder(export, tmp_path / "exported")
    assert {path.name for path in (tmp_path / "exported").iterdir()} == {"model.pt2", "model.json", "model.stac.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"exported"}
    shutil.rmtree(tmp_path / "exported")


def test_a_missing_extra_is_named(
    tiny_bundle: Bundle, tiny_data: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("groundwork.export.programs.find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"there is no onnx, onnxscript, onnxruntime.*'.\[onnx\]'"):
        export_bundle(tiny_bundle, tiny_data.scenes, ExportConfig(format="onnx"), TILES)


@pytest.mark.skipif(bool(MISSING), reason=f"ONNX is written and run by the extra 'onnx'; missing: {MISSING}")
def test_onnx_gives_what_the_bundle_gives(tiny_bundle: Bundle, tiny_data: SimpleNamespace, tmp_path: Path) -> None:
    import onnx

    made = export_bundle(tiny_bundle, tiny_data.scenes, ExportConfig(format="onnx", validity="nodata"), TILES)
    assert {(case["height"], case["width"]) for case in made.report["cases"]} == {(32, 32), (25, 17)}
    write_folder(made, tmp_path / "exported")
    path = tmp_path / "exported" / "model.onnx"
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    keys = {entry.key: entry.value for entry in model.metadata_props}
    assert (model.ir_version, model.opset_import[0].version) == (8, 18)
    assert "model_type" not in keys
    assert b"site-packages" not in path.read_bytes()
    assert [entry.name for entry in model.graph.input] == ["optical"]
    axes = [axis.dim_param or axis.dim_value for axis in model.graph.input[0].type.tensor_type.shape.dim]
    assert axes == ["batch", 3, "height", "width"]
    item = json.loads((tmp_path / "exported" / "model.stac.json").read_text())
    assert len(validate(item)) == 4
    assert item["assets"]["model"]["mlm:artifact_type"] == "onnx"
    assert [entry.name for entry in model.graph.output] == ["probabilities"]
    exported = load_exported(path, frozenset([made.report["sha256"]]))
    given = _images(torch.randint(0, 3000, (3, 3, 21, 34)).float(), torch.rand(3, 21, 34) > 0.3)
    ours, theirs = (bundle.build_model()(given).output.softmax(dim=1) for bundle in (tiny_bundle, exported))
    torch.testing.assert_close(theirs, ours, atol=1e-4, rtol=0)
