"""What is predicted: classes with names and colours, or numbers."""

from __future__ import annotations

import colorsys

from groundwork.compatibility.terratorch.object_classes import read_object_classes, without_ignored
from groundwork.compatibility.terratorch.stated import Stated, Words, as_words
from groundwork.compatibility.terratorch.tasks import TaskKind

#: Colours of the first classes; others follow around the colour wheel.
COLORS = ("#4d4d4d", "#c8443c", "#2f6fb5", "#1f6b35", "#e3c24b", "#9a7650", "#7b4fa0", "#5fa8a0", "#e07b39", "#9bcb63")


def color_of(index: int) -> str:
    """Return the colour of a class."""
    if index < len(COLORS):
        return COLORS[index]
    # The golden angle, so that neighbours differ.
    parts = colorsys.hsv_to_rgb(index * 0.381966 % 1, 0.55, 0.8)
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)


def read_target(
    kind: TaskKind, data: Stated, task: Stated, names: list[str] | None = None, usual_ignore: int | None = None
) -> Words:
    """Return what stands under ``data.target``.

    Args:
        kind: What the task learns.
        data: The keys of the datamodule.
        task: The keys of the task.
        names: Of the classes, where the set has its own.
        usual_ignore: What labels of the set hold where nobody knows.
    """
    arguments = task.section("model_args")
    count = arguments.whole("num_classes") or data.whole("num_classes") or arguments.whole("num_outputs")
    given = task.texts("class_names") or data.texts("class_names")
    ignore = task.whole("ignore_index")
    ignore = usual_ignore if ignore is None else ignore
    if not kind.has_classes:
        _check_replaced_numbers(data, ignore)
        return _numbers(kind, task, count, ignore)
    names = given or names or []
    if kind.per == "object":
        return _objects(data, task, names, count)
    if not names and count is None:
        task.refuse("model_args", "'num_classes' is not stated, nor 'class_names': nothing says what is predicted")
        return {}
    if names and count is not None and len(names) != count:
        task.refuse("class_names", f"{len(names)} name(s) for {count} class(es): give one for each")
    shift = int(data.flag("reduce_zero_label") or False)
    total = count or len(names)
    classes: list[Words] = [
        {
            "value": index + shift,
            "name": names[index] if index < len(names) else f"class_{index}",
            "color": color_of(index),
        }
        for index in range(total)
    ]
    target: Words = {"classes": classes, "per": kind.per, "ignore_value": None}
    if kind.name == "multi_label":
        target["multi_label"] = True
    if kind.per == "pixel":
        ignored = _ignored(data, ignore, shift)
        _check_replaced(data, data.whole("no_label_replace"), ignore, total)
        target["classes"] = _without(data, classes, ignored)
        target["ignore_value"] = None if not ignored else ignored[0] if len(ignored) == 1 else ignored
    return target


def _ignored(data: Stated, ignore: int | None, shift: int) -> list[int]:
    """Return the label values that nobody knows, as the files hold them."""
    if not shift:
        return [] if ignore is None else [ignore]
    if ignore not in (-1, 255, None):
        data.refuse(
            "reduce_zero_label", f"0 becomes -1, which 'ignore_index: {ignore}' does not leave out: set it to -1"
        )
    data.change(
        "reduce_zero_label",
        "labels stay as the files hold them: classes count from 1, and 0 is not known",
        "data.target.classes",
    )
    return [0, 255] if ignore == 255 else [0]


def _check_replaced(data: Stated, replaced: int | None, ignore: int | None, total: int) -> None:
    """Compare what takes the place of labels that are missing with what is left out."""
    if replaced is None or replaced in (ignore, -1):
        return
    if 0 <= replaced < total:
        data.change(
            "no_label_replace",
            f"pixels without a label would be learnt as class {replaced}; here they are not known, and left out",
            "data.target.ignore_value",
        )
    else:
        data.refuse(
            "no_label_replace", f"{replaced} is no class and not 'ignore_index' ({ignore}): set both to one value"
        )


def _check_replaced_numbers(data: Stated, ignore: int | None) -> None:
    """Say that pixels without a number are left out, where they would be learnt as one."""
    replaced = data.number("no_label_replace")
    if replaced is not None and replaced != ignore:
        data.change(
            "no_label_replace",
            f"pixels without a number would be learnt as {replaced:g}; here they are not known, and left out",
            "data.target.outputs",
        )


def _without(data: Stated, classes: list[Words], ignored: list[int]) -> list[Words]:
    """Return the classes that are learnt: one that is ignored is none here."""
    kept = [entry for entry in classes if entry["value"] not in ignored]
    left = [str(entry["name"]) for entry in classes if entry["value"] in ignored]
    if left:
        data.findings.change(
            "model.init_args.ignore_index",
            f"{left} is not known where it lies, and no class: the model has a score less",
            "data.target.classes",
            alters=True,
        )
    if len(kept) == 1:
        data.findings.refuse(
            "model.init_args.model_args.num_classes",
            "a pixel needs two classes or more that are not ignored, with the background as a class",
        )
    return kept


def _numbers(kind: TaskKind, task: Stated, count: int | None, ignore: int | None) -> Words:
    names = task.texts("var_names") or (["value"] if (count or 1) == 1 else [f"value_{n}" for n in range(count or 1)])
    outputs: list[Words] = [{"name": name, **({} if ignore is None else {"nodata": ignore})} for name in names]
    return {"classes": [], "outputs": outputs, "per": kind.per, "ignore_value": None}


def _objects(data: Stated, task: Stated, names: list[str], count: int | None) -> Words:
    """Return classes of objects: the background, which detectors count as one, is none here."""
    classes, how = without_ignored(read_object_classes(data, task, names, count), task)
    colored = [entry | {"color": color_of(int(str(entry["value"])))} for entry in classes]
    if as_words(task.look("model_args")).get("framework") == "mask-rcnn":
        how["objects"] = {"masks": True, **as_words(how.get("objects"))}
    return {"classes": colored, "per": "object", "ignore_value": None, **how}
