"""The progress bar passes everything on, and keeps quiet while there is nothing to wait for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from groundwork import progress


def test_items_pass_in_order_and_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(progress.track(range(5), "Counting", 5)) == [0, 1, 2, 3, 4]
    assert capsys.readouterr().out.strip() == ""


def test_items_are_asked_for_one_by_one() -> None:
    asked: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(3):
            asked.append(number)
            yield number

    tracked = progress.track(numbers(), "Counting", 3)
    assert next(tracked) == 0
    assert asked == [0]


@pytest.mark.parametrize(("patience", "shown"), [(-1.0, 1), (1000.0, 0)])
def test_a_bar_is_shown_where_patience_ends(monkeypatch: pytest.MonkeyPatch, patience: float, shown: int) -> None:
    started: list[str] = []
    start = progress.Progress.start

    def note(bar: progress.Progress) -> None:
        started.append(bar.tasks[0].description)
        start(bar)

    monkeypatch.setattr(progress.Progress, "start", note)
    monkeypatch.setattr(progress, "PATIENCE_S", patience)
    assert list(progress.track("abc", "Spelling", 3)) == ["a", "b", "c"]
    assert started == ["Spelling"] * shown


def test_an_error_comes_through() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(progress.track(broken(), "Breaking", 2))
