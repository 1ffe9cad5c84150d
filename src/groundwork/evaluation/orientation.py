"""How much a model's score depends on where up is in the image.

A scene from above has no upper side, but shadows lie to one side of what throws them, and so may labels that do not lie
on their image: a model may learn that, and lose where it is otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, Subset

from groundwork.batch import Batch, Truth, collate
from groundwork.data import sample_table as table
from groundwork.data.augmentation.base import Pixels
from groundwork.data.augmentation.symmetries import LEFT_RIGHT, TOP_BOTTOM, TURNS, Move, move_chips
from groundwork.data.chips import LabelledData, known_once
from groundwork.data.picking import evenly
from groundwork.evaluation.confidence import (
    LEVEL,
    difference_interval,
    draw_scenes,
    main_scores,
    redraw_of,
    total_of,
    why_not,
)
from groundwork.evaluation.predictors import Predictor
from groundwork.progress import track
from groundwork.targets.kind import Accumulator

#: How an image is given to the model -> its move. None: as it is.
VIEWS: Mapping[str, Move | None] = {
    "upright": None,
    "left_right": LEFT_RIGHT,
    "top_bottom": TOP_BOTTOM,
    "quarter_turn": TURNS[1],
    "half_turn": TURNS[2],
}
#: Most chips that are looked at.
MOST_CHIPS = 64
#: Scores that differ by less are alike, whatever the draws say.
LEAST_SPREAD = 0.01


def judge_orientations(
    predictor: Predictor, data: LabelledData, batch_size: int, split: str, bootstrap: tuple[int, int]
) -> dict[str, Any]:
    """Return the main score of each view of the chips, and whether they differ by more than chance.

    Truth is moved with the image, so that each pixel is held against its own answer.

    Args:
        predictor: The model.
        data: Where the chips are read from.
        batch_size: Chips per batch.
        split: Whose chips, evenly picked where they are many.
        bootstrap: Number of draws, and seed.

    Returns:
        ``scores`` by view; ``spread`` from the lowest to the highest; by view under ``lost`` what is lost against the
        upright one with its interval, of which all together hold as often as one is to, None where there is none;
        ``depends``, whether any of these shows a difference,
        None where that cannot be said; ``chips`` and ``scenes``, how many were looked at.
    """
    samples = data.of_split(split)
    picked = evenly(len(samples), MOST_CHIPS)
    scenes = [samples[table.SCENE].iloc[index] for index in picked]
    found: dict[str, dict[str, Accumulator]] = {
        view: {scene: data.kind.accumulator() for scene in sorted(set(scenes))} for view in VIEWS
    }
    loader: DataLoader[Any] = DataLoader(Subset(data.chips(split), picked), batch_size=batch_size, collate_fn=collate)
    for number, batch in enumerate(track(loader, "Turning chips", len(loader))):
        for view, move in VIEWS.items():
            moved = batch if move is None else turn(batch, move)
            truth = Truth(known_once(moved, data.kind), moved.get("objects"))
            for index, scores in enumerate(predictor.predict(moved)):
                found[view][scenes[number * batch_size + index]].update(truth.of(index), scores[None])
    return _compare(found, data, bootstrap) | {"chips": len(picked), "scenes": len(set(scenes))}


def turn(batch: Batch, move: Move) -> Batch:
    """Return a batch whose images, validity and answers are moved."""
    objects = tuple(batch["objects"]) if "objects" in batch else None
    pixels = Pixels(batch["images"], batch["valid"], batch["target"], objects)
    moved = move_chips(pixels, [move] * len(batch["sample_id"]))
    turned = batch.copy()
    turned["images"], turned["valid"], turned["target"] = moved.values, moved.valid, moved.target
    if moved.objects is not None:
        turned["objects"] = list(moved.objects)
    if "counted" in batch:
        turned["counted"] = torch.stack([move.pixels(chip) for chip in batch["counted"]])
    return turned


def _compare(
    found: Mapping[str, Mapping[str, Accumulator]], data: LabelledData, bootstrap: tuple[int, int]
) -> dict[str, Any]:
    kind, main = data.kind, data.kind.main_score
    parts = {view: list(by_scene.values()) for view, by_scene in found.items()}
    totals = {view: total_of(kind, part) for view, part in parts.items()}
    scores = {view: total.headline()[main] for view, total in totals.items()}
    known = [score for score in scores.values() if score is not None]
    spread = round(max(known) - min(known), 6) if known else None
    upright, *others = VIEWS
    losses: dict[str, dict[str, Any] | None] = dict.fromkeys(others)
    num_draws, seed = bootstrap
    num_scenes = len(parts[upright])
    if why_not(num_scenes, num_draws, "") is None and len(known) == len(scores):
        drawn = draw_scenes(num_scenes, num_draws, seed)
        redrawn = {view: main_scores(redraw_of(kind, part)(drawn), main) for view, part in parts.items()}
        for view in others:
            loss = round(scores[upright] - scores[view], 6)
            # As any of them is enough to say so (Bonferroni): four by themselves would show a difference by chance.
            level = 1 - (1 - LEVEL) / len(others)
            apart = difference_interval(loss, redrawn[upright] - redrawn[view], num_scenes, level)
            losses[view] = {"loss": loss, "interval": apart}
    return {"scores": scores, "spread": spread, "lost": losses, "depends": _depends(losses, spread)}


def _depends(losses: Mapping[str, Any], spread: float | None) -> bool | None:
    intervals = [loss["interval"] for loss in losses.values() if loss is not None and loss["interval"] is not None]
    if spread is None or not intervals:
        return None
    return spread >= LEAST_SPREAD and any(low > 0 or high < 0 for low, high in intervals)
