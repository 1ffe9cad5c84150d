"""Classes of objects: which label each has, and whether one of them is the background."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path

from groundwork.compatibility.terratorch.detection import FRAMEWORKS
from groundwork.compatibility.terratorch.files import labels_in, names_below
from groundwork.compatibility.terratorch.splits import SPLITS
from groundwork.compatibility.terratorch.stated import Stated, Words, as_words

#: The key of the number of classes, for messages.
COUNT = "model.init_args.model_args.num_classes"


def read_object_classes(data: Stated, task: Stated, names: Sequence[str], count: int | None) -> list[Words]:
    """Return value and name of each class of objects.

    A detector of two stages counts the background as one, the first. The others have no background: what label 0 is to
    them follows from names and files.

    Args:
        data: The keys of the datamodule.
        task: The keys of the task.
        names: As stated; empty where they are not.
        count: Of classes, as the model is told. None: it is not stated.
    """
    stated = str(as_words(task.look("model_args")).get("framework"))
    has_background = stated in FRAMEWORKS and FRAMEWORKS[stated].has_background
    if count is None:
        data.findings.refuse(COUNT, "it is not stated, and TerraTorch fails without it: count the classes")
        return []
    is_called = bool(names) and names[0].lower() in ("background", "bg")
    if len(names) == count and has_background and not is_called:
        data.findings.refuse(
            "model.init_args.class_names",
            f"of {count} classes the first is the background to '{stated}', so that '{names[0]}' would never be found: "
            f"name the background as the first, or set 'num_classes: {count + 1}'",
        )
    elif names and len(names) not in ((count,) if is_called else (count, count - 1)):
        data.findings.refuse("model.init_args.class_names", f"{len(names)} name(s) for {count} class(es)")
    labels = _labels(data)
    if has_background or is_called or len(names) == count - 1:
        first = 1
    elif names:
        first = 0
    else:
        first = _first_of(data, labels)
    called = names[1:] if len(names) == count and first else names
    _check_labels(data, (labels or set()) - {task.look("ignore_index")}, first, count)
    if count <= first:
        data.findings.refuse(COUNT, "1 is the background alone: count it beside classes")
    return [
        {"value": value, "name": called[value - first] if value - first < len(called) else f"class_{value}"}
        for value in range(first, count)
    ]


def _first_of(data: Stated, labels: set[int] | None) -> int:
    """Return the label of the first class of a detector without background, where names do not say it."""
    if labels is not None:
        return 0 if 0 in labels else 1
    data.findings.change(
        COUNT,
        "label 0 is taken for the background. Where it is a class, name all classes in 'class_names'",
        "data.target.classes",
    )
    return 1


def _labels(data: Stated) -> set[int] | None:
    """Return the labels that files of boxes hold. None: there are none to look at."""
    roots = [data.look(f"{split}_label_data_root") or data.look(f"{split}_data_root") for split in SPLITS]
    found: set[int] | None = None
    for root in dict.fromkeys(str(root) for root in roots if root):
        for name in names_below(root) or []:
            inside = labels_in(Path(root) / name)
            if inside is not None:
                found = (found or set()) | inside
    return found


def _check_labels(data: Stated, labels: Set[object], first: int, count: int) -> None:
    beyond = sorted(label for label in labels if isinstance(label, int) and not first <= label < count)
    if beyond:
        what = "0 is the background" if beyond[0] == 0 else f"there are {count} classes, the background among them"
        data.findings.refuse(
            COUNT,
            f"files of boxes hold the label(s) {beyond[:5]}, where {first} to {count - 1} are classes: {what}. Count "
            "classes and labels alike",
        )


def without_ignored(classes: Sequence[Words], task: Stated) -> tuple[list[Words], Words]:
    """Return the classes that are asked for, and how their labels are understood.

    Args:
        classes: All of them.
        task: The keys of the task. What ``ignore_index`` names is passed over there, as if nothing were.
    """
    ignored = task.whole("ignore_index")
    if ignored in (None, -1):
        return list(classes), {}
    kept = [entry for entry in classes if entry["value"] != ignored]
    if len(kept) < len(classes):
        task.change(
            "ignore_index",
            f"objects of the label {ignored} are passed over, as if nothing were there; it is no class, and the model "
            "has a score less",
            "data.target.classes",
            alters=True,
        )
    names = [str(entry["name"]) for entry in classes if entry["value"] == ignored]
    return kept, {"objects": {"background": [str(ignored), *names]}}
