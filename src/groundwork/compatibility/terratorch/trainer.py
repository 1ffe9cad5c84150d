"""Lightning's Trainer, its callbacks and loggers."""

from __future__ import annotations

from groundwork.compatibility.terratorch.stated import Stated, Words, of_class, without_empty
from groundwork.compatibility.terratorch.tasks import SCORES, TaskKind
from groundwork.strict import did_you_mean

#: Arguments that are passed on as they are -> the value at which they say nothing.
KEPT: dict[str, object] = {
    "accelerator": "auto",
    "devices": 1,
    "strategy": "auto",
    "num_nodes": 1,
    "precision": None,
    "plugins": None,
    "check_val_every_n_epoch": 1,
    "accumulate_grad_batches": 1,
    "log_every_n_steps": None,
    "detect_anomaly": False,
    "gradient_clip_val": None,
    "gradient_clip_algorithm": None,
    "limit_train_batches": None,
    "limit_val_batches": None,
    "limit_test_batches": None,
    "deterministic": None,
    "benchmark": None,
    "sync_batchnorm": False,
    "overfit_batches": None,
    "num_sanity_val_steps": None,
    "profiler": None,
    "val_check_interval": None,
    "reload_dataloaders_every_n_epochs": 0,
    "inference_mode": True,
}
#: Arguments that are the project's own matter.
DROPPED = {
    "default_root_dir": "results lie where the recipe's entries say",
    "enable_checkpointing": "the best weights are always kept",
    "fast_dev_run": "it keeps no weights: for a trial, take 'max_epochs: 1' and 'trainer.limit_train_batches'",
    **dict.fromkeys(
        ("min_epochs", "max_steps", "min_steps", "max_time"), "training ends by 'max_epochs' and 'early_stopping'"
    ),
}
#: Arguments that show the training, or are the project's own matter.
TAKEN = ("enable_progress_bar", "enable_model_summary", "barebones", "use_distributed_sampler")
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
LOGGERS = {"TensorBoardLogger": "tensorboard", "WandbLogger": "wandb", "MLFlowLogger": "mlflow"}
#: Scores that a task has here: of each kind.
HAS = {
    "semantic_segmentation": ("loss", "miou", "overall_accuracy"),
    "classification": ("loss", "f1", "overall_accuracy"),
    "multi_label": ("loss", "map", "f1_macro", "f1_micro"),
    "pixel_regression": ("loss", "r2", "rmse", "mae"),
    "scalar_regression": ("loss", "r2", "rmse", "mae"),
    "object_detection": ("map", "map_50", "mask_map", "mask_map_50", "f1"),
}


def read_trainer(stated: Stated, kind: TaskKind, outputs: list[str]) -> Words:
    """Return what the Trainer says of ``training``: epochs, monitor, early stopping, loggers and its own arguments.

    Args:
        stated: What stands under ``trainer``.
        kind: What the task learns.
        outputs: Names of the numbers that are predicted.
    """
    epochs = stated.whole("max_epochs")
    if epochs is None or epochs < 1:
        stated.refuse("max_epochs", "state how many epochs are trained")
    found: Words = {"max_epochs": epochs or 1}
    kept = {key: stated.value(key) for key in KEPT}
    trainer = {key: value for key, value in kept.items() if value is not None and value != KEPT[key]}
    for key, text in DROPPED.items():
        stated.drop(key, text)
    for key in TAKEN:
        stated.take(key)
    monitor = "loss" if "loss" in HAS[kind.name] else "map"
    for callback in stated.sections("callbacks"):
        monitor = _callback(callback, found, kind, monitor)
    found["monitor"] = "val/" + (f"{monitor}_{outputs[0]}" if monitor in ("rmse", "mae") and outputs else monitor)
    loggers = [logger for entry in _loggers(stated) if (logger := _logger(entry)) is not None]
    stated.finish()
    return found | without_empty({"loggers": loggers, "trainer": trainer})


def _callback(callback: Stated, found: Words, kind: TaskKind, monitor: str) -> str:
    """Translate one callback into the training, and return the score that weights are chosen by."""
    name, arguments = of_class(callback)
    place = callback.path("")[:-1]
    if name in NEEDLESS:
        return monitor
    if name == "EarlyStopping":
        found["early_stopping"] = max(1, arguments.whole("patience") or 3)
        if arguments.number("min_delta"):
            arguments.change("min_delta", "any better score counts", "training.early_stopping")
        for key in ("check_finite", "verbose", "strict", "log_rank_zero_only"):
            arguments.take(key)
        watched = _score(arguments, kind)
        if watched and watched != monitor and monitor in ("loss", "map"):
            return watched
    elif name in ("ModelCheckpoint", "StateDictAwareModelCheckpoint"):
        return _checkpoint(arguments, kind, monitor)
    elif name == "StochasticWeightAveraging":
        start = arguments.number("swa_epoch_start") or 0.8
        epochs = found["max_epochs"]
        first = start if start >= 1 or not isinstance(epochs, int) else start * epochs
        found["averaging"] = {"name": "swa", "from_epoch": int(first)}
    else:
        known = [*NEEDLESS, "EarlyStopping", "ModelCheckpoint", "StochasticWeightAveraging"]
        callback.findings.refuse(
            place, f"the callback '{name}' has no counterpart here.{did_you_mean(name, known)} Leave it out"
        )
    return monitor


def _checkpoint(arguments: Stated, kind: TaskKind, monitor: str) -> str:
    count = arguments.whole("save_top_k")
    if count is not None and count > 1:
        arguments.change("save_top_k", f"the best weights are kept, not the best {count}", "training.monitor")
    return _score(arguments, kind) or monitor


def _score(arguments: Stated, kind: TaskKind) -> str | None:
    stated = arguments.text("monitor")
    if stated is None:
        return None
    plain = stated.removeprefix("val/").removeprefix("val_").lower()
    score = SCORES.get(plain, plain)
    if score not in HAS[kind.name]:
        arguments.refuse(
            "monitor",
            f"'{stated}' is not measured here.{did_you_mean(score, HAS[kind.name])} Known: "
            f"{['val/' + name for name in HAS[kind.name]]}",
        )
        return None
    if score not in ("loss",) and plain not in ("miou", "map"):
        arguments.change(
            "monitor", f"'{stated}' is called 'val/{score}' here, from all samples of the split", "training.monitor"
        )
    return score


def _loggers(stated: Stated) -> list[Stated]:
    value = stated.look("logger")
    if isinstance(value, bool) or value is None:
        stated.take("logger")
        return []
    return stated.sections("logger")


def _logger(entry: Stated) -> Words | None:
    name, arguments = of_class(entry)
    if name not in LOGGERS:
        entry.findings.change(
            entry.path("")[:-1], f"the logger '{name}' is left out: the history is kept as a table", "training.loggers"
        )
        return None
    words: Words = {"name": LOGGERS[name]}
    project = arguments.text("project") if name == "WandbLogger" else arguments.text("experiment_name")
    key = "project" if name == "WandbLogger" else "experiment"
    if name != "TensorBoardLogger" and project:
        words[key] = project
    if arguments.flag("offline"):
        words["offline"] = True
    arguments.change("save_dir", "it writes into the folder of the run", "training.loggers")
    return words
