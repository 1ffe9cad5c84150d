"""Lightning's Trainer, and its loggers."""

from __future__ import annotations

from groundwork.compatibility.terratorch.callbacks import read_callbacks
from groundwork.compatibility.terratorch.stated import Stated, Words, of_class, without_empty
from groundwork.compatibility.terratorch.tasks import TaskKind

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
    "overfit_batches": 0.0,
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
    "limit_predict_batches": "all scenes are predicted",
    "fast_dev_run": "it keeps no weights: for a trial, take 'max_epochs: 1' and 'trainer.limit_train_batches'",
    **dict.fromkeys(
        ("min_epochs", "max_steps", "min_steps", "max_time"), "training ends by 'max_epochs' and 'early_stopping'"
    ),
}
#: Values of them that ask for nothing, as files have them that Lightning wrote itself.
SILENT: dict[str, object] = {"enable_checkpointing": True, "fast_dev_run": False, "max_steps": -1}
#: Arguments that show the training, or are the project's own matter.
TAKEN = (
    *("enable_progress_bar", "enable_model_summary", "barebones", "use_distributed_sampler"),
    *("enable_autolog_hparams", "model_registry"),
)
LOGGERS = {"TensorBoardLogger": "tensorboard", "WandbLogger": "wandb", "MLFlowLogger": "mlflow"}


def read_trainer(stated: Stated, whole: Stated, kind: TaskKind, outputs: list[str]) -> Words:
    """Return what the Trainer says of ``training``: epochs, monitor, early stopping, loggers and its own arguments.

    Args:
        stated: What stands under ``trainer``.
        whole: The keys of the file.
        kind: What the task learns.
        outputs: Names of the classes, or of the numbers, that are predicted.
    """
    epochs = stated.whole("max_epochs")
    if epochs is None or epochs < 1:
        stated.refuse("max_epochs", "state how many epochs are trained")
    found: Words = {"max_epochs": epochs or 1}
    kept = {key: stated.value(key) for key in KEPT}
    trainer = {key: value for key, value in kept.items() if value is not None and value != KEPT[key]}
    for key, text in DROPPED.items():
        if key in SILENT and stated.look(key) == SILENT[key]:
            stated.take(key)
        else:
            stated.drop(key, text)
    for key in TAKEN:
        stated.take(key)
    callbacks = read_callbacks(stated, whole, kind, int(epochs or 1), outputs)
    found |= callbacks.words
    monitor = callbacks.monitor
    found["monitor"] = "val/" + (f"{monitor}_{outputs[0]}" if monitor in ("rmse", "mae") and outputs else monitor)
    loggers = [logger for entry in _loggers(stated) if (logger := _logger(entry)) is not None]
    stated.finish()
    return found | without_empty({"loggers": loggers, "trainer": trainer})


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
    server = arguments.take("tracking_uri")
    if name == "MLFlowLogger" and str(server).startswith("http"):
        words["server"] = server
    if arguments.flag("offline"):
        words["offline"] = True
    arguments.change("save_dir", "it writes into the folder of the run", "training.loggers")
    return words
