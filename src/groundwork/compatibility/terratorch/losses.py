"""Losses: a name, a list that is added up, or a mapping from name to weight."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.compatibility.terratorch.tasks import TaskKind
from groundwork.strict import did_you_mean

#: Of classes: theirs -> ours.
OF_CLASSES = {
    "ce": "cross_entropy",
    "cross_entropy": "cross_entropy",
    "dice": "dice",
    "focal": "focal",
    "jaccard": "jaccard",
    "lovasz": "lovasz",
}
OF_NUMBERS = {"mse": "mse", "rmse": "rmse", "mae": "mae", "huber": "huber"}
OF_SETS = {"bce": "binary_cross_entropy", "balanced_bce": "binary_cross_entropy", "focal": "binary_focal"}
OF_IMAGES = {"ce": "cross_entropy", "cross_entropy": "cross_entropy", "focal": "focal"}
OF_OBJECTS = {"detector": "detector"}
KNOWN = {
    "semantic_segmentation": OF_CLASSES,
    "classification": OF_IMAGES,
    "multi_label": OF_SETS,
    "pixel_regression": OF_NUMBERS,
    "scalar_regression": OF_NUMBERS,
    "object_detection": OF_OBJECTS,
}
#: What is other about a loss here.
OTHER = {
    "lovasz": "the mean is taken over the classes that occur in a batch",
    "focal": "the mean is taken over known pixels, each by the weight of its class; it is not normalised",
    "mse": "errors count in deviations of each output, so that rates mean the same for any unit",
    "rmse": "errors count in deviations of each output, so that rates mean the same for any unit",
    "mae": "errors count in deviations of each output, so that rates mean the same for any unit",
    "huber": "errors, and what is a large one, count in deviations of each output",
}
#: Options by which a loss is the same as there: ours -> options.
OPTIONS: Mapping[str, Words] = {"dice": {"over": "all", "smooth": 0}, "jaccard": {"over": "all", "smooth": 0}}
#: Losses that weigh classes.
WEIGHING = ("cross_entropy", "focal")


def read_losses(task: Stated, kind: TaskKind) -> list[Words]:
    """Return what stands under ``training.loss``."""
    value = task.take("loss")
    stated: dict[str, float]
    if value is None:
        stated = {kind.loss: 1.0}
    elif isinstance(value, Mapping) and "class_path" not in value:
        # A loss that counts nothing is none; one whose weight is no number is refused by its key.
        weighed = task.section("loss")
        stated = {name: weight for name in weighed.keys() if (weight := weighed.number(name))}  # noqa: SIM118
    else:
        stated = dict.fromkeys(map(str, value if isinstance(value, list | Mapping) else [value]), 1.0)
    if task.flag("custom_loss"):
        task.refuse("custom_loss", "losses are named here: take one of " + str(sorted(KNOWN[kind.name])))
    task.take("custom_loss_kwargs")
    if not stated:
        task.refuse("loss", f"name one or several of {sorted(KNOWN[kind.name])}")
    if "class_path" in stated:
        task.refuse("loss", "losses are named here: take one of " + str(sorted(KNOWN[kind.name])))
        return []
    weights = task.numbers("class_weights")
    ignore = task.look("ignore_index")
    if isinstance(ignore, int) and 0 <= ignore < len(weights) and kind.per == "pixel":
        # What is ignored is no class here.
        del weights[ignore]
    return [
        term
        for name, weight in stated.items()
        if (term := _term(task, kind, name.lower(), weight, weights)) is not None
    ]


def _term(task: Stated, kind: TaskKind, name: str, factor: float, weights: list[float]) -> Words | None:
    known = KNOWN[kind.name]
    if name not in known:
        hint = did_you_mean(name, list(known))
        task.refuse("loss", f"'{name}' is no loss of this task here.{hint} Known: {sorted(known)}")
        return None
    ours = known[name]
    if name in OTHER:
        task.change("loss", OTHER[name], "training.loss")
    term: Words = {"name": ours, **OPTIONS.get(ours, {})}
    if factor != 1:
        term["weight"] = factor
    if weights and ours in WEIGHING:
        term["class_weights"] = weights
    elif weights and ours == "binary_cross_entropy":
        term["positive_weights"] = weights
    elif weights:
        task.change("class_weights", f"'{ours}' weighs no classes", "training.loss")
    if name == "balanced_bce":
        term["positive_weights"] = "inverse"
    return term
