"""The progress bar passes everything on, and keeps quiet while there is nothing to wait for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from groundwork import progress
from groundwork.errors import ProgressError


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

    monkeypatch.setenv(progress.VARIABLE, "bar")
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


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What time it is."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_now_and_then_with_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    monkeypatch.setenv(progress.VARIABLE, "lines")
    with caplog.at_level("INFO"):
        for _ in progress.track(range(40), "Judging", 40):
            clock[0] += 10
    assert caplog.messages[0] == "Judging: 3 of 40, 10.0 s each, 6 min left"
    assert len(caplog.messages) == 13, "every half a minute"
    assert caplog.messages[-1] == "Judging: 39 of 40, 10.0 s each, 10 s left"


def test_what_is_quick_leaves_no_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        assert len(list(progress.track(range(100), "Counting", 100))) == 100
    assert not caplog.messages


def test_quiet_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clock: list[float]
) -> None:
    monkeypatch.setenv(progress.VARIABLE, "none")
    with caplog.at_level("INFO"):
        for _ in progress.track(range(3), "Judging", 3):
            clock[0] += 1000
    assert not caplog.messages


def test_a_way_that_is_not_there_is_refused_with_the_near_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(progress.VARIABLE, "line")
    with pytest.raises(ProgressError, match=r"GROUNDWORK_PROGRESS=line: .* Did you mean 'lines'\?"):
        progress.track([], "Counting", 0)


def test_a_second_bar_waits_for_no_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(progress.VARIABLE, "bar")
    monkeypatch.setattr(progress, "PATIENCE_S", -1.0)
    outer = [list(progress.track("ab", "Inside", 2)) for _ in progress.track(range(2), "Outside", 2)]
    assert outer == [["a", "b"]] * 2
    assert progress._ONE_BAR.acquire(blocking=False)
    progress._ONE_BAR.release()


@pytest.mark.parametrize(
    ("rate", "seconds", "words"),
    [(2.5, 12, "2.5/s 12 s"), (0.25, 600, "4.0 s each 10 min"), (1.0, 9000, "1.0/s 2.5 h")],
)
def test_rates_and_durations_are_told_in_units_that_suit(rate: float, seconds: float, words: str) -> None:
    assert f"{progress.rate_in_words(rate)} {progress.duration_in_words(seconds)}" == words
