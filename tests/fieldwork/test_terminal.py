from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import NoReturn

import pytest
from kedro.config import MissingConfigException
from kedro.io import DataCatalog, DatasetError

import groundwork
from fieldwork import terminal
from fieldwork.io.atomic import AtomicText
from fieldwork.io.predictions import PredictionsDataset
from fieldwork.parameters import UnknownParameterError
from groundwork.config import InferenceConfig
from groundwork.errors import BundleError, ComponentError, RasterError, SpecError
from groundwork.prediction.scene import Predictions


@pytest.mark.parametrize(
    "kind", [SpecError, ComponentError, UnknownParameterError, DatasetError, MissingConfigException]
)
def test_errors_that_say_what_to_change_are_for_the_user(kind: type[Exception]) -> None:
    assert terminal.is_for_user(kind("change this"))


def test_errors_of_the_code_are_not() -> None:
    assert not terminal.is_for_user(KeyError("x"))
    assert not terminal.is_for_user(ValueError("x"))


def test_only_the_message_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    passed_on: list[BaseException] = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, error, traceback: passed_on.append(error))
    monkeypatch.delenv(terminal.FULL, raising=False)
    terminal.show_errors_plainly()
    message = "chips\n  Unknown key 'siz'. [type=unknown_key, input_value={'a': [1]}, input_type=dict]"
    sys.excepthook(SpecError, SpecError(message), None)
    shown = capsys.readouterr().err
    assert "SpecError: chips\n  Unknown key 'siz'.\n" in shown
    assert "input_value" not in shown
    assert passed_on == []
    fault = KeyError("x")
    sys.excepthook(KeyError, fault, None)
    monkeypatch.setenv(terminal.FULL, "1")
    wanted = SpecError("y")
    sys.excepthook(SpecError, wanted, None)
    assert passed_on == [fault, wanted]


def test_the_project_says_what_to_run_about_what_the_library_says(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show_errors_plainly()
    sys.excepthook(BundleError, BundleError("This bundle was never trained: train it first, or take another."), None)
    assert "\n`kedro run --pipelines training` trains it;" in capsys.readouterr().err
    assert terminal.advise("chips: Unknown key") == ""


@pytest.mark.parametrize("is_known", [True, False], ids=["here", "from another process"])
def test_what_an_entry_raises_is_said_before_where_kedro_met_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, is_known: bool
) -> None:
    monkeypatch.delenv(terminal.FULL, raising=False)

    def predict(_: object) -> NoReturn:
        raise RasterError("a.tif", "pixels that cannot be decoded in rows 0+64", "a whole\nfile", "Fetch it again.")

    with pytest.raises(DatasetError) as raised:
        DataCatalog({"maps": PredictionsDataset(path="out")}).save("maps", Predictions({}, predict, InferenceConfig()))
    assert str(raised.value).startswith("maps: Failed while saving data to dataset fieldwork.io.predictions")
    error = raised.value if is_known else DatasetError(str(raised.value))
    terminal.show_errors_plainly()
    sys.excepthook(DatasetError, error, None)
    first, second, advice, place, *_ = capsys.readouterr().err.strip().splitlines()
    name = "RasterError" if is_known else "DatasetError"
    assert first == f"{name}: a.tif: found pixels that cannot be decoded in rows 0+64; expected a whole"
    assert second == "file. Fetch it again."
    assert "'inference.on_bad_block: nodata'" in advice
    assert place.startswith(
        "(maps: Failed while saving data to dataset fieldwork.io.predictions.PredictionsDataset(path='out'"
    )


@pytest.mark.parametrize(
    ("found", "expected", "advice"),
    [
        ("nodata -9999", "nodata None, as 'sources' declares", "'inference.source'"),
        (
            "pixels that cannot be decoded in rows 0+64, columns 0+64",
            "a whole file",
            "'inference.on_bad_block: nodata'",
        ),
    ],
)
def test_who_predicts_is_told_what_of_inference_would_help(found: str, expected: str, advice: str) -> None:
    assert advice in terminal.advise(str(RasterError("a.tif", found, expected)))


def test_a_full_disk_is_said_with_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    terminal.show_errors_plainly()
    catalog = DataCatalog({"notes": AtomicText(filepath=str(tmp_path / "notes.txt"))})
    catalog.save("notes", "before")
    # Where the entry writes before it renames.
    (tmp_path / ".partial-notes.txt").symlink_to("/dev/full")
    with pytest.raises(DatasetError) as raised:
        catalog.save("notes", "after")
    sys.excepthook(DatasetError, raised.value, None)
    shown = capsys.readouterr().err
    assert "No space left on device\nMake room where the entry lies" in shown
    assert catalog.load("notes") == "before"
    assert terminal.advise("a.ckpt could not be written ([Errno 28] No space left on device). Make room, there") == ""


@pytest.mark.parametrize("words", terminal.ADVICE)
def test_advice_is_on_what_the_library_says(words: str) -> None:
    source = Path(groundwork.__file__).parent
    text = "".join(re.sub(r'"\s*\n\s*f?"', "", file.read_text("utf-8")) for file in source.rglob("*.py"))
    assert words in text
