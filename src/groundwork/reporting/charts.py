"""Interactive charts of what a run measured: scores beside the baselines', history, and where the splits lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from groundwork.evaluation.score_names import (
    ROWS,
    SHARES,
    SHARES_BY_CLASS,
    interval_of,
    intervals_of,
    predictors_of,
    score_of,
    shown_scores,
)

#: Model first, then baselines. They can be told apart by people who see few colours, on light and dark ground
#: (after Okabe and Ito 2008).
COLORS = ("#2a8fd0", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x")
#: How far predictors stand apart in the row of a score, so that no interval hides another.
APART = 0.16
#: Keyword arguments of every layout: colours of ground and text are the page's.
PLAIN: dict[str, Any] = {
    "template": "none",
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": "system-ui, sans-serif", "size": 13},
    "margin": {"l": 60, "r": 40, "t": 40, "b": 50},
    "modebar": {"orientation": "v", "bgcolor": "rgba(0,0,0,0)"},
    "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
}


def empty_chart(reason: str) -> go.Figure:
    """Return a chart without data that says why there is none."""
    figure = go.Figure(layout={**PLAIN, "height": 120, "xaxis": {"visible": False}, "yaxis": {"visible": False}})
    figure.add_annotation(text=reason, x=0.5, y=0.5, xref="paper", yref="paper", showarrow=False)
    return figure


def reason_of(chart: go.Figure) -> str | None:
    """Return why a chart has no data; None where it has some."""
    return None if chart.data else str(chart.layout.annotations[0].text)


def draw_scores(scores: Mapping[str, Any]) -> go.Figure:
    """Draw scores of the model beside the baselines', with the intervals over scenes where there are any.

    Scores that have a unit, or no upper end, have no common axis: they stand in the table alone.

    Args:
        scores: All scores, as of :class:`groundwork.evaluation.report.Judgement`.
    """
    columns = predictors_of(scores)
    shown = list(_shares(columns["model"]))
    if not shown:
        names = [name for key, name in ROWS.items() if key in columns["model"]]
        return empty_chart(f"{', '.join(names) or 'These scores'}: no shares from 0 to 1; see the table.")
    figure, labels = go.Figure(), [label for label, _, _ in shown]
    for number, (predictor, own) in enumerate(columns.items()):
        intervals = intervals_of(scores, predictor)
        values = [score_of(own, key, part) for _, key, part in shown]
        ranges = [interval_of(intervals, key, part) for _, key, part in shown]
        figure.add_scatter(
            x=values,
            y=[round(row + APART * (number - (len(columns) - 1) / 2), 3) for row in range(len(shown))],
            text=labels,
            mode="markers",
            name=predictor.replace("_", " "),
            marker={"color": COLORS[number % 6], "symbol": SYMBOLS[number % 6], "size": 12 if number == 0 else 9},
            error_x=_bars(values, ranges),
            hovertemplate="%{text}: %{x:.3f}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(**PLAIN, height=110 + (20 + 9 * len(columns)) * len(shown))
    figure.update_xaxes(range=[-0.02, 1.02], title="share, 1 at best")
    figure.update_yaxes(
        tickvals=list(range(len(shown))), ticktext=labels, range=[len(shown) - 0.5, -0.5], automargin=True
    )
    return figure


def _shares(own: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Yield what is drawn, as of :func:`shown_scores`."""
    by_class = next((key for key in SHARES_BY_CLASS if key in own), None)
    for label, key, part in shown_scores(own):
        if key in SHARES or key == by_class:
            yield label, key, part


def _bars(values: list[float | None], ranges: list[list[float] | None]) -> dict[str, Any] | None:
    if not any(ranges):
        return None
    known = [
        (value, found) if value is not None and found else (0.0, [0.0, 0.0])
        for value, found in zip(values, ranges, strict=True)
    ]
    above = [round(max(found[1] - value, 0.0), 6) for value, found in known]
    below = [round(max(value - found[0], 0.0), 6) for value, found in known]
    return {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 1.5, "width": 5}


def draw_history(history: pd.DataFrame) -> go.Figure:
    """Draw losses and scores over the epochs, as far as they were measured.

    Args:
        history: One row per epoch, counted from 0.
    """
    if len(history) == 0:
        return empty_chart("Nothing was learnt in epochs.")
    losses = [name for name in ("train/loss", "val/loss") if name in history]
    scores = [f"val/{name}" for name in ROWS if f"val/{name}" in history]
    titles = ("Loss", "Score on the validation split")
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.12, subplot_titles=titles)
    for row, names in ((1, losses), (2, scores)):
        for place, name in enumerate(names):
            measured = history[["epoch", name]].dropna()
            figure.add_scatter(
                x=(measured["epoch"].astype(int) + 1).tolist(),
                y=[float(f"{value:.6g}") for value in measured[name]],
                mode="lines+markers",
                name=ROWS.get(name.removeprefix("val/"), name.replace("/", " ")),
                line={"color": COLORS[(place + 2 * (row - 1)) % 6]},
                row=row,
                col=1,
            )
    if not scores:
        figure.layout.annotations[1].text = "Score: not measured in training"
    figure.update_layout(**PLAIN, height=520)
    figure.update_layout(legend={"y": -0.16, "yanchor": "top"}, margin={"b": 110})
    # Epochs are whole numbers.
    figure.update_xaxes(**({"dtick": 1} if len(history) <= 12 else {"tickformat": "d"}))
    figure.update_xaxes(title="epoch", row=2, col=1)
    return figure
