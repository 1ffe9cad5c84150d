from __future__ import annotations

import sys

import pytest
from kedro.io import DatasetError

from fieldwork import terminal
from fieldwork.parameters import UnknownParameterError
from groundwork.registry import ComponentError
from groundwork.specs import SpecError


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
