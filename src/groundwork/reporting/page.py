"""The page: HTML in one file that needs neither a server nor a network."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from jinja2 import Environment, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from groundwork.evaluation.score_names import (
    CALIBRATION,
    ROWS,
    as_text,
    interval_of,
    intervals_of,
    judged_split,
    predictors_of,
    score_of,
    shown_scores,
    with_interval,
)
from groundwork.reporting.charts import reason_of
from groundwork.reporting.pictures import Pictures

TEMPLATE = Path(__file__).with_name("page.html.j2")
#: Stands where there is no number.
NOTHING = "\u2013"
#: Most scenes whose scores are listed, and most files of changed code.
MOST_SCENES = 200
#: The first heading of a document: the page has its own.
HEADING = re.compile(r"\A# .*\n+")
#: Levels of findings, as cells of a table.
LEVEL = re.compile(r"<td>(wrong|look|ok)</td>")
#: Begins the rows of findings of which nothing has to be done.
OK = "| ok |"


@dataclass(frozen=True, slots=True)
class Texts:
    """What is said of a run in words."""

    title: str
    #: In Markdown: what the model is made of, and what was found in the data.
    card: str
    audit: str
    #: Group -> name -> value: where the run comes from.
    origin: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as the page holds it."""

    name: str
    title: str
    #: JSON that no HTML can be hidden in; None where there is nothing to draw.
    json: Markup | None
    reason: str | None


def write_page(
    charts: Mapping[str, go.Figure],
    scores: Mapping[str, Any],
    by_scene: pd.DataFrame,
    pictures: Pictures,
    texts: Texts,
) -> str:
    """Return the page as HTML, the same bytes for the same contents.

    Args:
        charts: ``scores``, ``history`` and ``map``.
        scores: All scores, as of :class:`groundwork.evaluation.report.Judgement`.
        by_scene: Scores of each scene.
        pictures: All of them.
        texts: What is said in words.
    """
    split = judged_split(scores)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    return template.render(
        texts=texts,
        split=split,
        charts={name: _chart(name, figure) for name, figure in charts.items()},
        headline=_headline(scores),
        verdict=scores.get("verdict", ()),
        note=interval_note(scores),
        predictors=[name.replace("_", " ") for name in predictors_of(scores)],
        rows=score_rows(scores),
        scenes=_table(by_scene.head(MOST_SCENES)),
        num_scenes=len(by_scene),
        pictures=pictures,
        card=_as_html(texts.card),
        audit=_as_html(_without_ok(texts.audit)),
        audit_ok=_as_html(_only_ok(texts.audit)),
        plotly=_plotly(),
    )


def score_rows(scores: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return label and cells of each row of the table of scores: the model's, then those of the baselines."""
    columns = predictors_of(scores)
    own = columns["model"]
    ranges = {name: intervals_of(scores, name) for name in columns}
    rows = [
        (
            label,
            [
                with_interval(score_of(given, key, part), interval_of(ranges[name], key, part), NOTHING)
                for name, given in columns.items()
            ],
        )
        for label, key, part in shown_scores(own)
    ]
    calibration = own.get("calibration") or {}
    others = [""] * (len(columns) - 1)
    rows += [
        (label, [with_interval(calibration[key]["ece"], None, NOTHING), *others])
        for key, label in CALIBRATION.items()
        if key in calibration
    ]
    return rows


def interval_note(scores: Mapping[str, Any]) -> str:
    """Return what the numbers in brackets are, or why there are none."""
    confidence = scores.get("confidence")
    if not confidence:
        return "These scores have no intervals."
    if confidence["reason"]:
        return f"No intervals: {confidence['reason']}."
    return (
        f"In brackets, and as bars: {confidence['level']:.0%} intervals, by {confidence['draws']} draws of "
        f"{confidence['scenes']} scenes with replacement."
    )


def _headline(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what stands first: the main scores, and how much they rest on."""
    own = predictors_of(scores)["model"]
    names = [key for key in ROWS if key in own][:3]
    ranges = intervals_of(scores, "model")
    found = [(ROWS[key], with_interval(own[key], ranges.get(key), NOTHING)) for key in names]
    difference = (scores.get("confidence") or {}).get("difference")
    if difference:
        found.append((f"gain on {difference['baseline'].replace('_', ' ')}", as_text(difference["gain"], "+")))
    return found


def _table(values: pd.DataFrame) -> dict[str, list[Any]]:
    """Return names of columns, and rows as text."""
    rows = [
        [NOTHING if pd.isna(cell) else as_text(cell) if isinstance(cell, float) else str(cell) for cell in row]
        for row in values.itertuples(index=False)
    ]
    return {"columns": [str(name).replace("_", " ") for name in values.columns], "rows": rows}


def _chart(name: str, figure: go.Figure) -> Chart:
    title = {"scores": "Scores", "history": "History", "map": "Scenes and splits"}.get(name, name)
    reason = reason_of(figure)
    # What ends a script cannot stand in one, nor what begins a comment.
    text = figure.to_json().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Chart(name, title, None if reason else Markup(text), reason)


def _as_html(document: str) -> Markup:
    """Return a document in Markdown as HTML; HTML within it is shown as text."""
    made = MarkdownIt("commonmark", {"html": False}).enable("table").render(HEADING.sub("", document))
    return Markup(LEVEL.sub(r'<td class="\1">\1</td>', made))


def _without_ok(audit: str) -> str:
    """Return what an audit says, without the table's rows of what is as it should be."""
    lines = [line for line in audit.splitlines() if not line.startswith(OK)]
    rows = [line for line in lines if line.startswith("| ")]
    # Of a table without rows its head would be left.
    return "\n".join(lines if len(rows) > 2 else [line for line in lines if not line.startswith("| ")])


def _only_ok(audit: str) -> str:
    """Return the table of what is as it should be; empty where nothing is."""
    head = [line for line in audit.splitlines() if line.startswith("| ")][:2]
    rows = [line for line in audit.splitlines() if line.startswith(OK)]
    return "\n".join([*head, *rows]) if rows else ""


@cache
def _plotly() -> Markup:
    """Return the program that draws charts, fit to stand in a page."""
    return Markup(get_plotlyjs().replace("</script", "<\\/script"))
