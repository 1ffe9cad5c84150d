"""What a run ends with says how sure scores are, and whether the model is of use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fieldwork.summary import show_summary


def _scores(reason: str | None) -> dict[str, Any]:
    known = None if reason else {"miou": [0.4, 0.6], "iou": {"water": [0.3, 0.7]}}
    return {
        "val": {
            "miou": 0.5,
            "boundary_miou": 0.25,
            "iou": {"water": 0.55},
            "calibration": {"raw": {"ece": 0.111}, "calibrated": {"ece": 0.022}, "temperature": 2.0},
        },
        "baselines": {
            "gradient_boosting": {"miou": 0.61, "boundary_miou": None, "iou": {"water": None}},
        },
        "confidence": {
            "level": 0.95,
            "scenes": 9,
            "draws": 1000,
            "reason": reason,
            "model": known,
            "baselines": {"gradient_boosting": known},
        },
        "orientation": {"scores": {"left_right": 0.4, "upright": 0.5}, "spread": 0.1, "chips": 33},
        "verdict": ["The model does NOT beat the baseline 'gradient_boosting'."],
    }


def _shown(scores: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", "150")
    show_summary(scores, {"scores": Path("scores.json")})
    return capsys.readouterr().out.splitlines()


def _row(lines: list[str], name: str) -> list[str]:
    (line,) = [line for line in lines if line.startswith(f"│ {name} ")]
    return [cell.strip() for cell in line.strip("│").split("│")]


def test_scores_stand_with_their_intervals(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines = _shown(_scores(None), capsys, monkeypatch)
    assert "Scores on the val split" in lines[0]
    assert _row(lines, "mean IoU") == ["mean IoU", "0.500 (0.40,0.60)", "0.610 (0.40,0.60)"]
    assert _row(lines, "mean boundary IoU") == ["mean boundary IoU", "0.250", "-"]
    assert _row(lines, "calibration error") == ["calibration error", "0.111", ""]
    assert _row(lines, "after calibration") == ["after calibration", "0.022", ""]
    assert "In brackets, intervals: 95%, by 1000 draws of 9 scenes." in lines
    assert "By orientation, over 33 chips: upright 0.500, left_right 0.400; 0.100 apart." in lines
    assert "The model does NOT beat the baseline 'gradient_boosting'." in lines


@pytest.mark.parametrize(
    ("score", "ends", "expected"),
    [
        (0.00042, [0.00039, 0.00051], "0.00042 (0.00039,0.00051)"),
        (0.9984, [0.997, 0.9991], "0.998 (0.997,0.999)"),
        (0.02, [0.0, 0.05], "0.020 (0.00,0.05)"),
        (1520.4, [1400.26, 1600.0], "1520.4 (1400.26,1600)"),
        (0.3, [-0.25, 0.5], "0.300 (-0.25,0.50)"),
    ],
)
def test_intervals_have_the_digits_that_tell_them(
    score: float, ends: list[float], expected: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = _scores(None)
    scores["val"]["miou"], scores["confidence"]["model"]["miou"] = score, ends
    assert _row(_shown(scores, capsys, monkeypatch), "mean IoU")[1] == expected


def test_why_there_are_no_intervals_is_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = _shown(_scores("the val split has 3 scene(s), and intervals need 5 or more"), capsys, monkeypatch)
    assert _row(lines, "mean IoU") == ["mean IoU", "0.500", "0.610"]
    assert "No intervals: the val split has 3 scene(s), and intervals need 5 or more." in lines


def test_scores_of_which_nothing_more_is_known_are_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"test": {"effective_rank": 5.0}, "baselines": {"band_means": {"effective_rank": 2.0}}, "verdict": []}
    assert _row(_shown(scores, capsys, monkeypatch), "effective rank") == ["effective rank", "5.000", "2.000"]
