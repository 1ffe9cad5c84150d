"""Lightning's callbacks: by what score weights are chosen, and when training ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from groundwork.compatibility.terratorch.stated import Stated, Words, of_class
from groundwork.compatibility.terratorch.tasks import BY_CLASS, OTHER_SCORES, SCORES, TaskKind
from groundwork.strict import did_you_mean

#: Callbacks whose work is done anyway.
NEEDLESS = (
    "RichProgressBar",
    "TQDMProgressBar",
    "LearningRateMonitor",
    "RichModelSummary",
    "ModelSummary",
    "Timer",
    "DeviceStatsMonitor",
    "CustomWriter",
)
#: Scores that a task has here: of each kind.
HAS = {
    "semantic_segmentation": ("loss", "miou", "overall_accuracy"),
    "classification": ("loss", "f1", "overall_accuracy"),
    "multi_label": ("loss", "map", "f1_macro", "f1_micro"),
    "pixel_regression": ("loss", "r2", "rmse", "mae"),
    "scalar_regression": ("loss", "r2", "rmse", "mae"),
    "object_detection": ("map", "map_50", "mask_map", "mask_map_50", "f1"),
}
#: Scores that are better the lower they are.
FALLING = ("loss", "rmse", "mae")
#: When Lightning begins to average weights, as a share of the epochs, where nothing is stated.
USUAL_START = 0.8
#: Callbacks that keep weights.
KEEPING = ("ModelCheckpoint", "StateDictAwareModelCheckpoint")
#: What such a callback is called where it stands at the top of a file.
AT_THE_TOP = ("ModelCheckpoint", "StateDictModelCheckpoint")
#: Where weights lie, and when they are written, which is the project's own matter.
OF_KEEPING = (
    *("dirpath", "filename", "verbose", "save_last", "save_weights_only", "auto_insert_metric_name"),
    *("every_n_train_steps", "train_time_interval", "every_n_epochs", "save_on_train_epoch_end"),
    *("enable_version_counter", "save_on_exception"),
)
OF_STOPPING = ("check_finite", "verbose", "strict", "log_rank_zero_only", "check_on_train_epoch_end")


@dataclass(slots=True)
class Callbacks:
    """What callbacks say of the training."""

    #: Of the classes, some of whose scores can be watched.
    names: Sequence[str]
    #: Under ``training``.
    words: Words = field(default_factory=dict)
    #: The score by which weights are chosen; empty while nothing names one.
    monitor: str = ""
    #: The score by which training ends, and the callback that says so.
    stops: tuple[str, Stated] | None = None


def read_callbacks(trainer: Stated, whole: Stated, kind: TaskKind, epochs: int, names: Sequence[str]) -> Callbacks:
    """Translate all callbacks.

    Args:
        trainer: What stands under ``trainer``.
        whole: The keys of the file, at whose top older versions keep one more.
        kind: What the task learns.
        epochs: How many are trained at most.
        names: Of the classes.
    """
    found = Callbacks(names)
    for callback in trainer.sections("callbacks"):
        _read(callback, found, kind, epochs)
    for key in AT_THE_TOP:
        if key in whole:
            _keep(whole.section(key), found, kind)
    usual = "loss" if "loss" in HAS[kind.name] else "map"
    if found.stops is not None:
        score, arguments = found.stops
        if not found.monitor and score != usual:
            arguments.change(
                "monitor",
                f"weights are chosen by the score that training stops by, and not by 'val/{usual}' as TerraTorch does",
                "training.monitor",
            )
        elif found.monitor not in ("", score):
            arguments.change(
                "monitor",
                f"training stops by the score that weights are chosen by, 'val/{found.monitor}', not by 'val/{score}'",
                "training.early_stopping",
            )
        found.monitor = found.monitor or score
    found.monitor = found.monitor or usual
    return found


def _read(callback: Stated, found: Callbacks, kind: TaskKind, epochs: int) -> None:
    """Translate one callback."""
    name, arguments = of_class(callback)
    if name in NEEDLESS:
        return
    if name == "EarlyStopping":
        _stop(arguments, found, kind)
    elif name in KEEPING:
        _keep(arguments, found, kind)
    elif name == "StochasticWeightAveraging":
        _average(arguments, found, epochs)
    else:
        known = [*NEEDLESS, "EarlyStopping", "ModelCheckpoint", "StochasticWeightAveraging"]
        callback.findings.refuse(
            callback.path("")[:-1],
            f"the callback '{name}' has no counterpart here.{did_you_mean(name, known)} Leave it out",
        )


def _average(arguments: Stated, found: Callbacks, epochs: int) -> None:
    """Translate a mean of weights, which Lightning begins to take an epoch before the one that is stated."""
    stated = arguments.number("swa_epoch_start")
    start = USUAL_START if stated is None else stated
    first = int(start if isinstance(start, int) else start * epochs)
    found.words["averaging"] = {"name": "swa", "from_epoch": first}
    arguments.change(
        "swa_epoch_start",
        f"the mean is of the weights behind each epoch from {first} on, counted from 0; Lightning takes those before "
        f"each epoch from {max(first - 1, 0)} on, without those behind the last one",
        "training.averaging",
    )
    for key in ("swa_lrs", "annealing_epochs", "annealing_strategy"):
        arguments.drop(key, "the rate goes on as 'schedule' says: it is not led to another while weights are averaged")
    if "avg_fn" in arguments:
        arguments.refuse("avg_fn", "all weights count the same in the mean here: leave it out")
    arguments.take("device")
    arguments.finish()


def _stop(arguments: Stated, found: Callbacks, kind: TaskKind) -> None:
    patience = arguments.whole("patience")
    # With a patience of 0 Lightning stops at the first score that is no better, as it does with 1.
    found.words["early_stopping"] = 3 if patience is None else max(1, patience)
    if arguments.number("min_delta"):
        arguments.change("min_delta", "any better score counts", "training.early_stopping")
    for key in ("stopping_threshold", "divergence_threshold"):
        arguments.drop(key, "training ends by 'patience' alone")
    for key in OF_STOPPING:
        arguments.take(key)
    score = _score(arguments, kind, found.names)
    if score:
        found.stops = score, arguments
    arguments.finish()


def _keep(arguments: Stated, found: Callbacks, kind: TaskKind) -> None:
    count = arguments.whole("save_top_k")
    if count is not None and count not in (0, 1):
        what = f"the best {count}" if count > 1 else "those of each epoch"
        arguments.change("save_top_k", f"the best weights are kept, not {what}", "training.monitor")
    for key, usual in (("every_n_epochs", 1), ("every_n_train_steps", 0)):
        if (arguments.whole(key) or usual) > usual:
            arguments.change(key, "weights are looked at after each validation", "training.monitor")
    for key in OF_KEEPING:
        arguments.take(key)
    score = _score(arguments, kind, found.names)
    if score and found.monitor not in ("", score):
        arguments.change(
            "monitor",
            f"weights are chosen by one score, 'val/{found.monitor}', which stands first: those that are best by "
            f"'val/{score}' are not kept beside them",
            "training.monitor",
        )
    found.monitor = found.monitor or score or ""
    arguments.finish()


def _score(arguments: Stated, kind: TaskKind, names: Sequence[str]) -> str | None:
    """Return the score that a callback watches. None: it names none, or one that is not measured here."""
    stated, mode = arguments.text("monitor"), arguments.text("mode") or "min"
    if stated is None:
        return None
    plain = stated.removeprefix("val/").removeprefix("val_").lower()
    of_class = _of_class(plain, kind, names)
    score = of_class or SCORES.get(plain, plain)
    if of_class is None and score not in HAS[kind.name]:
        arguments.refuse(
            "monitor",
            f"'{stated}' is not measured here.{did_you_mean(score, HAS[kind.name])} Known: "
            f"{['val/' + name for name in HAS[kind.name]]}",
        )
        return None
    if plain in OTHER_SCORES:
        arguments.change(
            "monitor", f"'val/{score}' is watched, {OTHER_SCORES[plain]}, not '{stated}'", "training.monitor"
        )
    elif plain not in ("loss", "miou", "map"):
        arguments.change(
            "monitor", f"'{stated}' is called 'val/{score}' here, from all samples of the split", "training.monitor"
        )
    _check_mode(arguments, stated, mode, "min" if score in FALLING else "max")
    return score


def _of_class(plain: str, kind: TaskKind, names: Sequence[str]) -> str | None:
    """Return the score of a class, which is told by its name or its number. None: it is none."""
    theirs, ours = BY_CLASS.get(kind.name, ("", ""))
    if not theirs or not plain.startswith(theirs):
        return None
    told = plain.removeprefix(theirs)
    by_name = {name.lower(): name for name in names} | {str(index): name for index, name in enumerate(names)}
    return f"{ours}{by_name[told]}" if told in by_name else None


def _check_mode(arguments: Stated, stated: str, mode: str, right: str) -> None:
    """Say that TerraTorch watches a score in the wrong direction."""
    if mode != right:
        arguments.change(
            "mode",
            f"'{stated}' is better the {'lower' if right == 'min' else 'higher'} it is; by '{mode}' TerraTorch takes "
            "the worst for the best",
            "training.monitor",
        )
