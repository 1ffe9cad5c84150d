"""The page is one file that asks for nothing, says what is there and what is not, and is the same for the same run."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from groundwork.reporting.charts import draw_history, draw_scores, empty_chart
from groundwork.reporting.page import Texts, score_rows, write_page
from groundwork.reporting.pictures import MOST_PREDICTIONS, WIDEST, gather_pictures, shrink
from reading import PageReader

SECTIONS = {"scores", "history", "errors", "scenes", "data", "chips", "predictions", "card", "origin"}
AUDIT = """# Data audit

1 wrong, 0 to look at, 1 ok.

| level | about | found | what to change |
| --- | --- | --- | --- |
| wrong | overlap of train and test | 3 pair(s) | Split by <blocks> |
| ok | size of train | 9 sample(s) |  |
"""
SCORES: dict[str, Any] = {
    "test": {"miou": 0.61234, "iou": {"<b>": 0.5}, "calibration": {"raw": {"ece": 0.1}, "temperature": None}},
    "baselines": {"majority_class": {"miou": 0.1, "iou": {"<b>": None}}},
    "confidence": {
        "reason": None, "level": 0.95, "draws": 1000, "scenes": 7, "model": {"miou": [0.5, 0.65]},
        "baselines": {"majority_class": None}, "difference": {"baseline": "majority_class", "gain": 0.51234},
    },
    "verdict": ["Better by <more> than chance."],
}  # fmt: skip


def _png(width: int = 40, height: int = 20, value: int = 100) -> bytes:
    written = BytesIO()
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(written, "PNG")
    return written.getvalue()


def _page(**changes: Any) -> str:
    figures = dict.fromkeys(("confusion", "reliability", "extremes", "panel"), _png())
    parts: dict[str, Any] = {
        "charts": {
            "scores": draw_scores(SCORES),
            "history": draw_history(pd.DataFrame({"epoch": [0, 1], "train/loss": [2.0, 1.0]})),
            "map": empty_chart("No scene says where it lies."),
        },
        "scores": SCORES,
        "by_scene": pd.DataFrame({"scene": ["</script>", "b"], "miou": [0.5, None]}),
        "pictures": gather_pictures(figures, {"one & two": _png}),
        "texts": Texts("base: <model>", "# Model card\n\nA model.", AUDIT, {"Data": {"samples": "abc<def"}}),
    }
    return write_page(**(parts | changes))


def test_everything_is_in_the_page_itself() -> None:
    page = PageReader(_page())
    assert set(page.ids) >= SECTIONS
    others = [address for address in page.addresses if not address.startswith(("#", "data:image/webp;base64,"))]
    assert not others, "the page must need no network"
    assert sum(address.startswith("data:") for address in page.addresses) == 5
    assert page.programs == 2, "the program that draws charts stands there once"
    assert list(page.charts) == ["chart-scores", "chart-history"]
    assert page.charts["chart-scores"]["data"][0]["x"] == [0.61234, 0.5]
    assert len(page.ids) == len(set(page.ids))


def test_what_people_wrote_is_shown_as_text() -> None:
    page = _page()
    read = PageReader(page)
    for text in ("Better by <more> than chance.", "IoU <b>", "</script>", "abc<def", "Split by <blocks>", "one & two"):
        assert text in read.text, text
    assert "<blocks>" not in page
    assert "base: <model>" in read.text


def test_scores_stand_beside_the_baselines_with_intervals() -> None:
    text = PageReader(_page()).text
    assert "mean IoU 0.612 (0.500 to 0.650) 0.100" in text
    assert "calibration error 0.100" in text
    assert "95% intervals, by 1000 draws of 7 scenes" in text
    assert "+0.512 gain on majority class" in text
    assert "b \u2013" in text, "what has no score says so"


def test_what_a_run_does_not_have_is_said() -> None:
    scores = {"test": {"effective_rank": 3.5, "dimensions": 8}, "baselines": {"bands": {"effective_rank": 2.0}}}
    pictures = gather_pictures(dict.fromkeys(("confusion", "reliability", "extremes", "panel"), _png()), {})
    charts = {
        "scores": draw_scores(scores),
        "history": draw_history(pd.DataFrame({"epoch": []})),
        "map": empty_chart("-"),
    }
    text = PageReader(_page(scores=scores, pictures=pictures, charts=charts)).text
    assert "effective rank: no shares from 0 to 1; see the table." in text
    assert "effective rank 3.500 2.000" in text
    assert "These scores have no intervals." in text
    assert "Nothing was learnt in epochs." in text
    assert "No scene was predicted." in text
    assert "Nothing is said in words of these scores." in text


def test_findings_stand_before_what_is_right() -> None:
    page = _page()
    text = PageReader(page).text
    assert text.index("overlap of train and test") < text.index("What is as it should be") < text.index("size of train")
    assert '<td class="wrong">wrong</td>' in page
    fine = AUDIT.replace("1 wrong", "0 wrong").replace(
        "| wrong | overlap of train and test | 3 pair(s) | Split by <blocks> |\n", ""
    )
    page = _page(texts=Texts("base", "", fine, {}))
    assert page.count("what to change") == 1, "a table without rows is left out"


def test_the_same_run_gives_the_same_bytes() -> None:
    assert _page() == _page()


def test_pictures_are_made_small_and_picked_evenly() -> None:
    large = shrink("large", _png(2 * WIDEST, 300))
    assert (large.width, large.height) == (WIDEST, 150)
    with Image.open(BytesIO(large.data)) as picture:
        assert picture.format == "WEBP"
        assert np.abs(np.asarray(picture).astype(int) - 100).max() <= 2
    read: list[int] = []

    def reader(number: int) -> Any:
        return lambda: (read.append(number), _png(value=number))[1]

    found = gather_pictures({}, {f"{number:03d}": reader(number) for number in range(100)})
    assert (len(found.predictions), found.num_drawn) == (MOST_PREDICTIONS, 100)
    assert (found.predictions[0].name, found.predictions[-1].name) == ("000", "099")
    assert len(read) == MOST_PREDICTIONS, "the others are not even read"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_few_predictions_are_all_shown(count: int) -> None:
    assert len(gather_pictures({}, {str(number): _png for number in range(count)}).predictions) == count


def test_small_and_large_errors_are_shown_with_the_digits_that_tell_something() -> None:
    given = {"r2": 0.51239, "rmse": {"moisture": 0.00041237, "height": 12345.678}, "bias": {"moisture": 0.0}}
    intervals = {"rmse": {"moisture": [0.000312, 0.000587], "height": [9876.54321, 20000.0]}}
    confidence = {"reason": None, "level": 0.95, "draws": 9, "scenes": 7, "model": intervals, "baselines": {}}
    rows = score_rows({"test": given, "baselines": {}, "confidence": confidence | {"difference": None}})
    assert dict(rows) == {
        "R2": ["0.512"],
        "RMSE moisture": ["0.000412 (0.000312 to 0.000587)"],
        "RMSE height": ["12345.7 (9876.54 to 20000)"],
        "bias moisture": ["0.000"],
    }
    page = _page(by_scene=pd.DataFrame({"scene": ["a"], "rmse_moisture": [0.00041237]}))
    assert "<td>0.000412</td>" in page
