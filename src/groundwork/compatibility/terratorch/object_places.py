"""Where labels of objects lie: a JSON of boxes for each image, called as the image is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath

from groundwork.compatibility.terratorch.patterns import keyed_pairs
from groundwork.compatibility.terratorch.stated import Stated


def object_pattern(stated: Stated, images: str, *, outlines: bool) -> str:
    """Return the pattern of the labels' names, which TerraTorch makes of those of the images.

    Args:
        stated: The keys of the datamodule.
        images: Pattern of the images.
        outlines: Whether outlines are learnt, of which the lists of boxes that TerraTorch reads hold none.
    """
    stated.pass_over("label_grep", "TerraTorch takes it, and looks for labels by the names of images")
    if outlines:
        stated.change(
            "train_label_data_root",
            "this datamodule gives boxes alone, with which TerraTorch cannot train 'mask-rcnn': here labels are COCO's "
            "JSON with a segmentation of each object, a file for each image, called as it is",
            "data.target.objects",
        )
    return PurePosixPath(images).with_suffix(".json").name


def check_labelled(stated: Stated, roots: Mapping[str, tuple[str, str]], patterns: tuple[str, str]) -> None:
    """Refuse images without a file of boxes, where both folders are there: to TerraTorch they show no object.

    Args:
        stated: For messages.
        roots: Split -> folder of its images, folder of its labels.
        patterns: Of images and of labels.
    """
    for split, images, labels in keyed_pairs(stated, "img_grep", roots, patterns):
        alone = sorted(images.keys() - labels.keys())
        if alone:
            files = [images[key] for key in alone[:3]]
            stated.refuse(
                f"{split}_label_data_root",
                f"{len(alone)} image(s) have no '{patterns[1]}', such as {files}: to TerraTorch they show no object. "
                'Where that is so, write \'{"boxes": [], "labels": []}\' into a file for each',
            )
