from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from kedro.io import DatasetError

import groundwork
from fieldwork import terminal
from fieldwork.parameters import UnknownParameterError
from groundwork.errors import BundleError, ComponentError, RasterError, SpecError


@pytest.mark.parametrize("kind", [SpecError, ComponentError, UnknownParameterError, DatasetError])
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


@pytest.mark.parametrize("words", terminal.ADVICE)
def test_advice_is_on_what_the_library_says(words: str) -> None:
    source = Path(groundwork.__file__).parent
    text = "".join(re.sub(r'"\s*\n\s*f?"', "", file.read_text("utf-8")) for file in source.rglob("*.py"))
    assert words in text
