"""What is predicted: classes with names and colours, or numbers."""

from __future__ import annotations

import colorsys

from groundwork.compatibility.terratorch.stated import Stated, Words
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
    replaced = data.whole("no_label_replace")
    if not kind.has_classes:
        return _numbers(kind, task, count, ignore)
    names = given or names or []
    if kind.per == "object":
        return _objects(data, names, count)
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
    if kind.per == "pixel" and total == 1:
        task.refuse("model_args", "a pixel needs two classes or more: 'num_classes: 2', with the background as a class")
    target: Words = {"classes": classes, "per": kind.per, "ignore_value": None}
    if kind.name == "multi_label":
        target["multi_label"] = True
    if kind.per == "pixel":
        target["ignore_value"] = _ignored(data, ignore, replaced, shift, total)
    return target


def _ignored(data: Stated, ignore: int | None, replaced: int | None, shift: int, total: int) -> int | list[int] | None:
    """Return the label values that nobody knows, as the files hold them."""
    values = [] if ignore is None else [ignore + shift]
    if shift and ignore in (-1, 255, None):
        values = [0, *([] if ignore in (-1, None) else [ignore])]
        data.change(
            "reduce_zero_label",
            "labels stay as the files hold them: classes count from 1, and 0 is not known",
            "data.target.classes",
        )
    elif shift:
        data.refuse(
            "reduce_zero_label", f"0 becomes -1, which 'ignore_index: {ignore}' does not leave out: set it to -1"
        )
    if replaced is not None and replaced not in (ignore, -1) and not 0 <= replaced < total:
        data.refuse(
            "no_label_replace", f"{replaced} is no class and not 'ignore_index' ({ignore}): set both to one value"
        )
    if replaced is not None and 0 <= replaced < total and replaced != ignore:
        data.change(
            "no_label_replace",
            f"pixels without a label would be learnt as class {replaced}; here they are not known, and left out",
            "data.target.ignore_value",
        )
    values = [value for value in values if not shift <= value < total + shift] if shift else values
    if ignore is not None and shift <= ignore + shift < total + shift:
        data.findings.refuse(
            "model.init_args.ignore_index",
            f"{ignore} is also one of the {total} classes. Give what is not known a value of its own, such as -1",
        )
        return None
    return None if not values else values[0] if len(values) == 1 else list(values)


def _numbers(kind: TaskKind, task: Stated, count: int | None, ignore: int | None) -> Words:
    names = task.texts("var_names") or (["value"] if (count or 1) == 1 else [f"value_{n}" for n in range(count or 1)])
    outputs: list[Words] = [{"name": name, **({} if ignore is None else {"nodata": ignore})} for name in names]
    return {"classes": [], "outputs": outputs, "per": kind.per, "ignore_value": None}


def _objects(data: Stated, names: list[str], count: int | None) -> Words:
    """Return classes of objects: the background, which detectors count as one, is none here."""
    if count is not None and names and len(names) == count and names[0].lower() in ("background", "bg"):
        names = names[1:]
    total = len(names) if names else (count or 1) - 1
    if count is not None and total not in (count, count - 1):
        data.findings.refuse("model.init_args.class_names", f"{len(names)} name(s) for {count} class(es)")
    if total < 1:
        data.findings.refuse(
            "model.init_args.model_args.num_classes", "1 is the background alone: count it beside classes"
        )
    classes = [
        {"value": index + 1, "name": names[index] if names else f"class_{index + 1}", "color": color_of(index + 1)}
        for index in range(total)
    ]
    return {"classes": classes, "per": "object", "ignore_value": None}
