"""One file of TerraTorch, translated as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeGuard

from groundwork.compatibility.terratorch.bands import band_names
from groundwork.compatibility.terratorch.callbacks import AT_THE_TOP
from groundwork.compatibility.terratorch.datasets import DataPart, read_data
from groundwork.compatibility.terratorch.encoder_names import DOFA
from groundwork.compatibility.terratorch.findings import Findings
from groundwork.compatibility.terratorch.learning import read_freezing, read_optimizer, read_schedule
from groundwork.compatibility.terratorch.losses import read_losses
from groundwork.compatibility.terratorch.model import read_model
from groundwork.compatibility.terratorch.parts import require_parts
from groundwork.compatibility.terratorch.sources import Wanted
from groundwork.compatibility.terratorch.stated import Stated, Words, of_class
from groundwork.compatibility.terratorch.tasks import NO_TASKS, TASKS, TaskKind
from groundwork.compatibility.terratorch.tiles import read_inference
from groundwork.compatibility.terratorch.trainer import read_trainer
from groundwork.compatibility.terratorch.transformers import Seen, usual_bands
from groundwork.errors import TranslationError
from groundwork.strict import did_you_mean

#: Keys of the file that are the command's, and not the training's.
OF_THE_COMMAND = (
    "ckpt_path",
    "predict_output_dir",
    "output_file_prefix",
    "out_dtype",
    "deploy_config_file",
    "verbose",
    "return_predictions",
    "weights_only",
)
#: Keys of the task that were read elsewhere, or need no counterpart.
OF_THE_TASK = (
    *("plot_on_val", "path_to_record_metrics", "test_dataloaders_names", "ignore_index", "class_names"),
    *("scheduler", "scheduler_hparams", "optimizer_hparams"),
)


@dataclass(frozen=True, slots=True)
class Translation:
    """A file in our words."""

    #: Parameter -> what it states.
    parameters: Mapping[str, object]
    #: ``scenes``, ``labels``, ``inference_scenes`` and ``split_lists`` -> where it lies.
    places: Words
    findings: Findings


def is_terratorch(stated: object) -> TypeGuard[Mapping[str, object]]:
    """Whether a file names classes of TerraTorch, by the whole path or by a bare name of its tasks."""
    model = stated.get("model") if isinstance(stated, Mapping) else None
    path = model.get("class_path") if isinstance(model, Mapping) else None
    return isinstance(path, str) and (path.startswith("terratorch.") or path in {*TASKS, *NO_TASKS})


def translate(stated: Mapping[str, object], name: str) -> Translation:
    """Translate a file.

    Args:
        stated: What it holds.
        name: Of the file, for messages.

    Raises:
        TranslationError: With every key that cannot be translated, and what to do, or a part that is not there.
    """
    findings = Findings()
    whole = Stated(stated, "", findings)
    if not is_terratorch(stated):
        raise TranslationError(f"{name}: 'model.class_path' names no task of TerraTorch; known: {sorted(TASKS)}")
    model = whole.section("model")
    task_class, task = of_class(model)
    model.finish()
    kind = TASKS.get(task_class)
    if kind is None:
        what = NO_TASKS.get(task_class, f"it is not known here.{did_you_mean(task_class, list(TASKS))}")
        raise TranslationError(f"{name}: the task '{task_class}' cannot be translated: {what}")
    require_parts(stated, name)
    wanted = _wanted(task)
    # Without data what is wrong of the rest is said as well.
    data = read_data(whole.section("data"), task, kind, wanted, _by_source(task)) or DataPart()
    parameters = _parameters(whole, task, kind, data, wanted.steps)
    _finish(whole, task, kind)
    findings.require(name)
    return Translation(parameters, data.places, findings)


def _parameters(whole: Stated, task: Stated, kind: TaskKind, data: DataPart, usual_steps: int) -> dict[str, object]:
    first = next(iter(data.sources.values()), None)
    steps = first.steps if first else usual_steps
    model = _stacked_model(task, kind, data, steps) if data.stacked else read_model(task, kind, _seen(data, steps))
    statistics = {name: source.statistics for name, source in data.sources.items() if source.statistics}
    if statistics and len(statistics) == len(data.sources):
        model |= {"standardise": "given", "statistics": statistics}
    else:
        model |= {"standardise": "from_data"}
    outputs = data.data.get("target")
    names = [str(entry["name"]) for key in ("classes", "outputs") for entry in _entries(outputs, key)]
    trainer = read_trainer(whole.section("trainer"), whole, kind, names)
    training: Words = {
        "task": kind.name,
        **trainer,
        "loader": data.loader,
        "augmentation": data.chips.changes,
        "loss": read_losses(task, kind),
        "optimizer": read_optimizer(task, whole),
        "schedule": read_schedule(task, whole, str(trainer["monitor"])),
        **read_freezing(task, whole),
    }
    if data.chips.is_random:
        training["sampling"] = "random"
    branches = model.get("auxiliary")
    weights = task.section("aux_loss")
    stated = {name: weights.number(name) for name in weights.keys()}  # noqa: SIM118 - it is no mapping
    if branches or stated:
        training["auxiliary_loss"] = stated
        _check_branches(task, branches if isinstance(branches, Mapping) else {}, stated)
    return {
        "seed": _seed(whole),
        "data": data.data,
        "model": model,
        "training": training,
        "inference": read_inference(task, kind, data.chips.size or 0),
    }


def _seen(data: DataPart, steps: int) -> Seen:
    return Seen({name: source.used for name, source in data.sources.items()}, steps, data.has_places)


def _stacked_model(task: Stated, kind: TaskKind, data: DataPart, steps: int) -> Words:
    """Return a model whose encoder sees the bands of all sources as one image."""
    bands = tuple(band for name in data.stacked for band in data.sources[name].used)
    model = read_model(task, kind, Seen({"stacked": bands}, steps, data.has_places))
    if model.get("factory"):
        task.refuse(
            "model_factory",
            "'concat_bands' of the data lays sources together, and only an encoder takes them so here: take "
            "'EncoderDecoderFactory'",
        )
    if not model.get("encoder"):
        return model
    return model | {"encoder": {"name": "stack_sources", "encoder": model["encoder"], "order": list(data.stacked)}}


def _entries(words: object, key: str) -> list[Mapping[str, object]]:
    found = words.get(key) if isinstance(words, Mapping) else None
    return [entry for entry in found if isinstance(entry, Mapping)] if isinstance(found, list) else []


def _check_branches(task: Stated, branches: Mapping[str, object], weights: Mapping[str, object]) -> None:
    if set(branches) != set(weights):
        task.refuse(
            "aux_loss", f"it weighs {sorted(weights)}, and 'aux_heads' names {sorted(branches)}: name the same in both"
        )


def _seed(whole: Stated) -> int:
    value = whole.look("seed_everything")
    if isinstance(value, bool):
        whole.take("seed_everything")
        if value:
            whole.change("seed_everything", "a seed that nobody states is none: it is 0 here", "seed")
        return 0
    return abs(whole.whole("seed_everything") or 0)


def _wanted(task: Stated) -> Wanted:
    """Return what the model says of bands and dates."""
    found = task.look("model_args")
    arguments = found if isinstance(found, Mapping) else {}
    inner = arguments.get("backbone_kwargs")
    own = inner if isinstance(inner, Mapping) else {}
    keys = ("backbone_bands", "backbone_model_bands", "bands")
    bands = next((arguments[key] for key in keys if arguments.get(key)), own.get("bands"))
    steps = arguments.get("backbone_num_frames", arguments.get("num_frames", own.get("num_frames", 1)))
    dates = arguments.get("backbone_temporal_n_timestamps", own.get("temporal_n_timestamps", 1))
    if (
        task.look("model_factory") == "EncoderDecoderFactory"
        and isinstance(bands, list)
        and not _is_prefixed(arguments, own)
    ):
        bands = None
    if isinstance(bands, Mapping) and len(bands) == 1:
        bands = next(iter(bands.values()))
    names = _names(bands)
    listed = arguments.get("backbone_modalities", own.get("modalities"))
    modality = str(listed[0]) if isinstance(listed, list) and len(listed) == 1 else ""
    backbone = str(arguments.get("backbone"))
    usual = usual_bands(backbone, modality)
    return Wanted(names, max(int(str(steps or 1)), int(str(dates or 1))), usual, backbone in DOFA)


def _names(bands: object) -> tuple[str, ...]:
    """Return the names of a list of bands; none of what is no list, which is said where the list itself is read."""
    if not isinstance(bands, Sequence) or isinstance(bands, str):
        return ()
    try:
        return tuple(band_names(bands))
    except ValueError:
        return ()


def _is_prefixed(arguments: Mapping[str, object], own: Mapping[str, object]) -> bool:
    return bool(arguments.get("backbone_bands") or arguments.get("backbone_model_bands") or own.get("bands"))


def _by_source(task: Stated) -> dict[str, Wanted]:
    """Return the bands that the model says of each of several sources, or that its weights know of them."""
    found = task.look("model_args")
    arguments = found if isinstance(found, Mapping) else {}
    bands, listed = arguments.get("backbone_bands"), arguments.get("backbone_modalities")
    stated = bands if isinstance(bands, Mapping) else {}
    names = [str(name) for name in listed if not isinstance(name, Mapping)] if isinstance(listed, list) else []
    return {
        source: Wanted(_names(stated.get(source)), 1, usual_bands(str(arguments.get("backbone")), source))
        for source in dict.fromkeys([*map(str, stated), *names])
    }


def _finish(whole: Stated, task: Stated, kind: TaskKind) -> None:
    """Take what needs no counterpart, and refuse what is left."""
    for key in OF_THE_TASK:
        task.take(key)
    for key in ("tiled_inference_on_testing", "tiled_inference_on_validation"):
        if task.flag(key):
            task.change(key, "models are judged on the chips of the split, of the size that they learn from")
    if task.take("var_weights") is not None and not kind.has_classes:
        task.refuse("var_weights", "all numbers weigh the same here: leave it out")
    task.finish()
    for key in (*OF_THE_COMMAND, *AT_THE_TOP):
        whole.take(key)
    if whole.take("custom_modules_path") is not None:
        whole.change(
            "custom_modules_path",
            "nothing is imported from there: what the file names is known here, or refused by its key. Classes of your "
            "own are named by their import path; see docs/how-to/add-a-component.md",
        )
    whole.finish(("trainer", "model", "data", "optimizer", "lr_scheduler", "seed_everything"))
