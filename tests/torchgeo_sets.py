"""Sets of objects in the layouts in which TorchGeo's own classes read them, small ones with what lies where known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from groundwork.specs import TargetSpec

#: Of NWPU VHR-10, by the numbers that its annotations have.
AIRPLANE, SHIP = 1, 2
SIDE = 64


#: Marks of tests that load TorchGeo, and write samples that lie nowhere.
QUIET = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.script. is deprecated"),
    pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning"),
]


def class_target(count: int) -> TargetSpec:
    """Return so many classes of pixels, whose values count from 0."""
    entries = [{"value": value, "name": f"class{value}", "color": "#000000"} for value in range(count)]
    return TargetSpec.model_validate({"classes": entries})


def write_vhr10(root: Path, count: int = 10) -> list[list[dict[str, Any]]]:
    """Write NWPU VHR-10: bright triangles (airplanes) and dark squares (ships), and return the annotations by image."""
    folder = root / "NWPU VHR-10 dataset"
    (folder / "positive image set").mkdir(parents=True)
    # TorchGeo asks for the archive, and reads what was unpacked.
    (root / "NWPU VHR-10 dataset.zip").touch()
    random, annotations = np.random.default_rng(0), list[list[dict[str, Any]]]()
    for number in range(count):
        pixels = random.integers(90, 110, (SIDE, SIDE, 3), dtype=np.uint8)
        found = []
        for index, (left, top) in enumerate(((6 + number, 8), (36, 30 + number))):
            side = 14 + index
            corners = [left, top, left + side, top, left, top + side]
            if index:
                corners = [left, top, left + side, top, left + side, top + side, left, top + side]
            covered = coco_mask.decode(coco_mask.frPyObjects([corners], SIDE, SIDE))[..., 0] > 0
            pixels[covered] = 10 if index else 245
            found.append(
                {
                    "id": len(annotations) * 2 + index + 1,
                    "image_id": number,
                    "iscrowd": 0,
                    "area": int(covered.sum()),
                    "category_id": SHIP if index else AIRPLANE,
                    "bbox": [left, top, side, side],
                    "segmentation": [corners],
                }
            )
        annotations.append(found)
        Image.fromarray(pixels).save(folder / f"positive image set/{number + 1:03d}.jpg", quality=95)
    content = {
        "images": [{"id": number, "file_name": f"{number + 1:03d}.jpg"} for number in range(count)],
        "annotations": [entry for found in annotations for entry in found],
        "categories": [{"id": AIRPLANE, "name": "airplane"}, {"id": SHIP, "name": "ships"}],
    }
    (folder / "annotations.json").write_text(json.dumps(content), "utf-8")
    return annotations


_OBJECT = """<object><possibleresult><name>{name}</name></possibleresult><points>{points}</points></object>"""


def write_fair1m(root: Path, images: dict[str, list[tuple[str, list[tuple[float, float]]]]]) -> None:
    """Write FAIR1M's training images, with the name and the closed corners of each object in them."""
    folder = root / "train/part1"
    for name in ("images", "labelXml"):
        (folder / name).mkdir(parents=True)
    (root / "train/part2/images").mkdir(parents=True)
    (root / "train/part2/labelXml").mkdir()
    for key, objects in images.items():
        Image.fromarray(np.full((SIDE, SIDE, 3), 100, np.uint8)).save(folder / f"images/{key}.tif")
        parts = [
            _OBJECT.format(name=name, points="".join(f"<point>{x:.6f},{y:.6f}</point>" for x, y in corners))
            for name, corners in objects
        ]
        text = (
            f"<annotation><source><filename>{key}.tif</filename></source>"
            f"<size><width>{SIDE}</width><height>{SIDE}</height><depth>3</depth></size>"
            f"<objects>{''.join(parts)}</objects></annotation>"
        )
        (folder / f"labelXml/{key}.xml").write_text(text, "utf-8")
