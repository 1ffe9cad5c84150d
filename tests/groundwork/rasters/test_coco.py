"""COCO's JSON: what is wrong in a file is named, with its entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio.features
from pycocotools import mask as coco_mask

from groundwork.data.annotated_images import find_annotated
from groundwork.errors import PairingError, RasterError
from groundwork.rasters.annotations import AnnotatedImage, Annotation
from groundwork.rasters.coco import read_coco
from groundwork.rasters.coco_outlines import outline_of, runs_of
from marked import MarkedScenes

IMAGES = [{"id": 1, "file_name": "a.tif", "width": 20, "height": 12}]
CATEGORIES = [{"id": 4, "name": "disc"}]
ANNOTATIONS = [{"id": 9, "image_id": 1, "category_id": 4, "bbox": [1, 2, 3, 4]}]
CONTENT: dict[str, Any] = {"images": IMAGES, "categories": CATEGORIES, "annotations": ANNOTATIONS}


def _write(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_objects_are_read_by_image(tmp_path: Path) -> None:
    more = {"id": 2, "file_name": "b.tif", "width": 5, "height": 6}
    images = read_coco(_write(tmp_path / "c.json", CONTENT | {"images": [*IMAGES, more]}))
    assert list(images) == ["a.tif", "b.tif"]
    assert (images["b.tif"].width, images["b.tif"].height, images["b.tif"].annotations) == (5, 6, ())
    (found,) = images["a.tif"].annotations
    assert (found.name, found.category, found.box, found.is_crowd) == ("annotation 9", "disc", (1, 2, 3, 4), False)
    assert found.segmentation is None


def _annotation(**changes: Any) -> dict[str, Any]:
    return {"annotations": [ANNOTATIONS[0] | changes]}


BAD: dict[str, tuple[object, str]] = {
    "no JSON": ("{", "no JSON that can be read .*; expected annotations in COCO's JSON"),
    "a list": ([1], "a list; expected an object with the lists"),
    "GeoJSON": ({"type": "FeatureCollection", "features": []}, r"the keys \['features', 'type'\]; expected an object"),
    "no categories": (
        {"images": [], "annotations": []},
        r"the keys \['annotations', 'images'\]; expected an object with the lists \['images', 'categories'",
    ),
    "an entry that is none": (CONTENT | {"images": [3]}, "nothing as 'id' of number 1 of 'images'"),
    "no size": (
        CONTENT | {"images": [{"id": 1, "file_name": "a.tif"}]},
        "nothing as 'width' of number 1 of 'images'; expected a whole number",
    ),
    "a text as id": (CONTENT | _annotation(image_id="1"), "'1' as 'image_id' of number 1 of 'annotations'"),
    "no box": (CONTENT | {"annotations": [{"image_id": 1, "category_id": 4}]}, "nothing as 'bbox' of number 1"),
    "a short box": (CONTENT | _annotation(bbox=[1, 2, 3]), r"the bbox \[1, 2, 3\] in annotation 9; expected four num"),
    "no number": (CONTENT | _annotation(bbox=[1, 2, 3, None]), r"the bbox \[1, 2, 3, None\] in annotation 9"),
    "not finite": (CONTENT | _annotation(bbox=[1, 2, 3, float("nan")]), r"the bbox \[1, 2, 3, nan\] in annotation 9"),
    "an unknown image": (
        CONTENT | _annotation(image_id=7),
        "image_id 7 in annotation 9; expected one of 1 images, such as '1'",
    ),
    "an unknown category": (
        CONTENT | _annotation(category_id=7),
        "category_id 7 in annotation 9; expected one of 'categories': {4: 'disc'}",
    ),
    "an image twice": (
        CONTENT | {"images": [*IMAGES, IMAGES[0] | {"id": 2}]},
        r"the file_name 'a.tif' twice in 'images'; expected each once",
    ),
    "an id twice": (CONTENT | {"images": [*IMAGES, IMAGES[0] | {"file_name": "b"}]}, "the id '1' twice in 'images'"),
    "a category twice": (CONTENT | {"categories": [*CATEGORIES, {"id": 5, "name": "disc"}]}, "the name 'disc' twice"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_wrong_in_a_file_is_named(tmp_path: Path, case: str) -> None:
    content, message = BAD[case]
    with pytest.raises(RasterError, match=message):
        read_coco(_write(tmp_path / "c.json", content))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RasterError, match="no such file; expected annotations in COCO's JSON"):
        read_coco(tmp_path / "c.json")


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    path = _write(tmp_path / "c.json", CONTENT)
    assert len(read_coco(path)["a.tif"].annotations) == 1
    _write(path, CONTENT | {"annotations": []})
    assert len(read_coco(path)["a.tif"].annotations) == 0


# --- which image is which scene -------------------------------------------------------------------------------------


def _named(path: Path, *names: str) -> Path:
    images = [IMAGES[0] | {"id": number, "file_name": name} for number, name in enumerate(names)]
    return _write(path, {"images": images, "categories": [], "annotations": []})


def test_images_are_joined_by_their_whole_name(tmp_path: Path) -> None:
    table = find_annotated(_named(tmp_path / "c.json", "1.tif", "11.tif", "a.b.png"), "{key}.*")
    assert table.rows == {"1": {"image": "1.tif"}, "11": {"image": "11.tif"}, "a.b": {"image": "a.b.png"}}
    inside = find_annotated(_named(tmp_path / "d.json", "train/1_s2.tif"), "train/{key}_s2.tif")
    assert inside.rows == {"1": {"image": "train/1_s2.tif"}}


def test_images_of_other_names_or_of_one_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PairingError, match=r"1 image\(s\) that do not match '{key}.tif': 'b.png'. Correct 'image'"):
        find_annotated(_named(tmp_path / "c.json", "a.tif", "b.png"), "{key}.tif")
    with pytest.raises(PairingError, match=r"'a.tif' and 'a.png' for one key 'a'; expected one"):
        find_annotated(_named(tmp_path / "d.json", "a.tif", "a.png"), "{key}.*")
    with pytest.raises(PairingError, match=r"found no image. Correct 'image'"):
        find_annotated(_named(tmp_path / "e.json"), "{key}.*")


def test_the_scenes_of_tests_are_read_as_they_were_made(tmp_path: Path) -> None:
    made = MarkedScenes(tmp_path, {"a": [], "b": []}, 64)
    assert list(read_coco(made.write_coco(tmp_path / "c.json"))) == ["a.tif", "b.tif"]


@pytest.mark.parametrize("seed", range(6))
def test_runs_are_those_of_pycocotools(tmp_path: Path, seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = (int(side) for side in random.integers(3, 90, 2))
    # From single pixels to large pieces, so that runs take one letter and several.
    grain = int(random.integers(1, 12))
    pixels = np.kron(random.random((height, width)) < 0.4, np.ones((grain, grain)))[:height, :width] > 0
    pixels[-1, -1] = seed % 2
    pixels[0, 0] = seed % 3 == 0
    pixels[height // 2, width // 2] = True
    packed = coco_mask.encode(np.asfortranarray(pixels.astype(np.uint8)))
    plain = runs_of(pixels)
    assert coco_mask.frPyObjects(plain, height, width) == packed
    box, image = (0.0, 0.0, float(width), float(height)), AnnotatedImage("a.tif", width, height, ())
    for counts in (packed["counts"].decode(), plain["counts"]):
        segmentation = {"size": [height, width], "counts": counts}
        outline = outline_of(tmp_path, image, Annotation("annotation 1", "ship", box, False, segmentation))
        drawn = rasterio.features.rasterize([outline], (height, width)) > 0
        assert np.array_equal(drawn, pixels)
