"""Say in words whether the model is of use: whether it beats the baselines, and by more than chance."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from groundwork.evaluation.confidence import Compared
from groundwork.evaluation.score_names import as_text, judged_split, with_interval
from groundwork.evaluation.scores import BASELINES, MODEL

#: Scores of each class, of which more is better.
OF_CLASSES = ("iou", "class_f1", "ap")
#: What to look at where a model is of no use.
REMEDY = (
    "Look at the history (was the training long enough, does the loss still fall?), at the panel of chips (do labels "
    "and images lie on one another?) and at the audit of the data."
)
#: What to do where a score depends on where up is.
TURNED = (
    "Shadows or labels that lie to one side of their image may have told the model where up is: where scenes are lit "
    "from another side it will do worse. Train with the augmentations 'horizontal_flip', 'vertical_flip' and "
    "'quarter_turns', and look at what the audit of the data says of the offset of labels."
)


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence or two for the person at the terminal."""

    #: As of :mod:`logging`: a warning where something should be looked at.
    level: int
    text: str


def judge_in_words(scores: Mapping[str, Any], compared: Compared) -> list[Line]:
    """Return what follows from the scores.

    Args:
        scores: All scores: of the model under its split, ``baselines`` by name, ``confidence``, and ``orientation``
            where it was measured.
        compared: By what they are compared.
    """
    against = (*_against_baselines(scores, compared), *_by_class(scores, compared))
    return [*against, *_by_orientation(scores, compared.main)]


def _against_baselines(scores: Mapping[str, Any], compared: Compared) -> Iterator[Line]:
    split, main = judged_split(scores), compared.main
    own = scores[split][main]
    if own is None:
        text = f"The model has no {main} on the {split} split: too little is known of it to judge by."
        yield Line(logging.WARNING, text)
        return
    known = {name: part[main] for name, part in scores[BASELINES].items() if part[main] is not None}
    unbeaten = [name for name, other in known.items() if compared.gain(own, other) <= 0]
    for name in unbeaten:
        text = f"The model does NOT beat the baseline '{name}' on the {split} split: {_both(scores, name, main)}."
        yield Line(logging.WARNING, text)
    if unbeaten:
        yield Line(logging.WARNING, _whether_worse(scores) + REMEDY)
    elif known:
        yield _beaten(max(known, key=lambda name: compared.gain(known[name], 0.0)), scores, main)


def _whether_worse(scores: Mapping[str, Any]) -> str:
    difference = scores["confidence"]["difference"]
    if difference is None or difference["interval"] is None:
        return ""
    low, high = difference["interval"]
    found = "it is worse by more than chance" if high < 0 else "whether it is worse or better is left to chance"
    gain, lower, upper = (as_text(value, "+") for value in (difference["gain"], low, high))
    gains = f"{gain} ({lower} to {upper}, scenes drawn anew)"
    return f"Against the best of them, '{difference['baseline']}', it gains {gains}: {found}. "


def _beaten(best: str, scores: Mapping[str, Any], main: str) -> Line:
    """Say by how much the best of the baselines is beaten, and whether that may be chance."""
    confidence = scores["confidence"]
    text = f"The model beats every baseline on the {judged_split(scores)} split; the best of them is '{best}': "
    text += _both(scores, best, main)
    difference = confidence["difference"]
    if difference is None or difference["interval"] is None:
        reason = confidence["reason"] or "too few of the draws have a score"
        return Line(logging.INFO, f"{text}. Whether that is more than chance cannot be said: {reason}.")
    low, high = difference["interval"]
    gain = f"{as_text(difference['gain'])} ({as_text(low)} to {as_text(high)}, scenes drawn anew)"
    text += f"; the gain is {gain}, "
    if low > 0:
        return Line(logging.INFO, f"{text}which is more than chance.")
    return Line(logging.WARNING, f"{text}which may be chance: judge by more scenes.")


def _by_class(scores: Mapping[str, Any], compared: Compared) -> Iterator[Line]:
    """Name the classes for which a baseline is better, whatever the mean over all of them says."""
    for part in (name for name in compared.names if name in OF_CLASSES):
        found = []
        for name, own in scores[judged_split(scores)][part].items():
            others = {other: report[part][name] for other, report in scores[BASELINES].items()}
            known = {other: score for other, score in others.items() if score is not None}
            best = max(known, key=lambda other: known[other], default=None)
            if own is not None and best is not None and known[best] > own:
                found.append(f"{name} ({as_text(own)} against {as_text(known[best])} of '{best}')")
        if found:
            yield Line(logging.INFO, f"By class, a baseline has a better {part} of: {', '.join(found)}.")


def _both(scores: Mapping[str, Any], baseline: str, main: str) -> str:
    confidence = scores["confidence"]
    own = with_interval(scores[judged_split(scores)][main], (confidence[MODEL] or {}).get(main))
    other = with_interval(scores[BASELINES][baseline][main], (confidence[BASELINES][baseline] or {}).get(main))
    return f"{main} {own} against {other}"


def _by_orientation(scores: Mapping[str, Any], main: str) -> Iterator[Line]:
    found = scores.get("orientation")
    if not found or not found["depends"]:
        return
    lost = {view: part for view, part in found["lost"].items() if part is not None}
    worst = max(lost, key=lambda view: abs(lost[view]["loss"]))
    upright, turned = (as_text(found["scores"][view]) for view in ("upright", worst))
    loss, low, high = (as_text(value) for value in (lost[worst]["loss"], *lost[worst]["interval"]))
    yield Line(
        logging.WARNING,
        f"The score depends on where up is: {main} {upright} as the chips are, {turned} for '{worst}' ({loss} less, "
        f"{low} to {high} with scenes drawn anew). {TURNED}",
    )
