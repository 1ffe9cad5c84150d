"""Datamodules of one source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from groundwork.compatibility.terratorch.object_places import check_labelled, object_pattern
from groundwork.compatibility.terratorch.patterns import Place, check_pairs, join_roots, pattern_of
from groundwork.compatibility.terratorch.places import Found, as_axes, first_of, join, told_apart
from groundwork.compatibility.terratorch.sources import Wanted, read_source
from groundwork.compatibility.terratorch.splits import SPLITS, read_splits
from groundwork.compatibility.terratorch.stated import Stated, Words, as_words
from groundwork.compatibility.terratorch.tasks import TaskKind

#: Name of the source, where there is only one.
ONLY = "images"


def read_one_source(stated: Stated, kind: TaskKind, wanted: Wanted, target: Words) -> Found:
    """Translate a datamodule of one source."""
    images = {split: root for split in SPLITS if (root := stated.text(f"{split}_data_root"))}
    if kind.per == "image":
        return _folders_of_classes(stated, images, wanted, target)
    labels = {split: stated.text(f"{split}_label_data_root") or root for split, root in images.items()}
    pairs = {split: (images[split], labels[split]) for split in images}
    image_pattern = pattern_of(stated, "img_grep", stated.text("img_grep"), [*images.values()])
    if kind.per == "object":
        outlines = bool(as_words(target.get("objects")).get("masks"))
        patterns = (image_pattern, object_pattern(stated, image_pattern, outlines=outlines))
        check_labelled(stated, pairs, patterns)
    else:
        grep = stated.text("label_grep")
        patterns = (image_pattern, pattern_of(stated, "label_grep", grep, [*labels.values()]))
        patterns = check_pairs(stated, "label_grep", pairs, patterns)
    splits = read_splits(stated, images, patterns[0])
    lying = wanted.lying
    scenes, answers = (
        join(stated, "train_data_root", images, patterns[0], lying.variables[0]),
        join(stated, "train_label_data_root", labels, patterns[1], lying.variables[1]),
    )
    if (lying.repeats or scenes.repeats()) and (apart := told_apart(splits, scenes, answers, pairs)) is not None:
        splits, scenes, answers = apart.splits, apart.scenes, apart.labels
        stated.change(
            "train_data_root", "names repeat themselves in the folders of the splits: keys begin with the folder's name"
        )
    first = first_of(scenes, as_axes(lying.spec.get("axes")))
    labelled = answers.words() | ({"kind": "coco_labels"} if kind.per == "object" else {})
    places: Words = {"scenes": scenes.words(), "labels": labelled, "inference_scenes": _to_predict(stated, scenes)}
    return Found({ONLY: read_source(stated, ONLY, wanted, first, many=False)}, places, splits, first)


def _folders_of_classes(stated: Stated, images: Mapping[str, str], wanted: Wanted, target: Words) -> Found:
    """Translate images in a folder for each class."""
    for key in ("img_grep", "label_grep"):
        stated.take(key)
    pattern = pattern_of(stated, "img_grep", None, list(images.values()))
    splits = read_splits(stated, images, f"*/{pattern}")
    scenes = join(stated, "train_data_root", images, f"*/{pattern}")
    by_class = join_roots([*images.values()], f"{{class}}/{pattern}") or scenes
    first = first_of(scenes)
    if "*" in by_class.pattern:
        stated.change(
            "train_data_root", "classes are the names of the folders below that of a split", "data.target.classes"
        )
    _name_by_folders(stated, images, target)
    labels: Words = {"kind": "class_folders", "path": by_class.path, "pattern": by_class.pattern}
    places: Words = {"scenes": scenes.words(), "labels": labels, "inference_scenes": _to_predict(stated, scenes)}
    return Found({ONLY: read_source(stated, ONLY, wanted, first, many=False)}, places, splits, first)


def _name_by_folders(stated: Stated, images: Mapping[str, str], target: Words) -> None:
    """Take the names of the classes from their folders, which are counted in the order of their names."""
    root = Path(images.get("train", ""))
    folders = sorted(path.name for path in root.iterdir() if path.is_dir()) if root.is_dir() and images else []
    classes = target.get("classes")
    if not isinstance(classes, list):
        return
    if folders and len(folders) == len(classes):
        for entry, folder in zip(classes, folders, strict=True):
            entry["name"] = folder
    elif folders:
        stated.refuse("train_data_root", f"there are {len(folders)} folders for {len(classes)} classes: {folders[:5]}")
    else:
        stated.change(
            "train_data_root",
            "classes must be called as the folders of the images are, in the order of their names: the folders were "
            "not there to look at",
            "data.target.classes",
        )


def _to_predict(stated: Stated, scenes: Place) -> Words:
    root = stated.text("predict_data_root")
    return Place(root, scenes.pattern.rpartition("/")[2]).words() if root else scenes.words()
