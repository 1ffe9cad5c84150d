"""A scene with a block that cannot be decoded is predicted as one that holds nodata there, where that is wanted."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin

from broken import break_block
from groundwork.bundle import Bundle
from groundwork.config import DataConfig, InferenceConfig, ModelConfig
from groundwork.config.serving import ServingConfig
from groundwork.errors import RasterError
from groundwork.evaluation.quicklooks import draw_quicklooks
from groundwork.prediction.names import Names
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.spreading import Writing, spread
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.feature_writing import tags_of
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.serving.asked import Asked, settings_for
from groundwork.training.initial import build_initial
from stac_schemas import validate

Write = Callable[..., Path]
TAG = "GROUNDWORK_BAD_BLOCKS"
#: Of both: the block in row 6, column 1, which tiles of 32 pixels cut.
ROWS, COLUMNS = slice(96, 112), slice(16, 32)
SAID = {"source": "optical", "name": "x.tif", "pixels": 256, "share": 0.016, "windows": [[96, 16, 16, 16]]}


def _write_scene(write_raster: Write, path: Path, pixels: np.ndarray, left: int) -> None:
    creation = {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate"}
    place = from_origin(500_000 + left, 5_000_000, 10, 10)
    write_raster(path, pixels, transform=place, nodata=-9999, tags={"DATE": "2024-06-01"}, **creation)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, write_raster: Write) -> SimpleNamespace:
    """Scene x, and y beside it: as ``broken``, where a block of x is damaged, and as ``sound``, with nodata there."""
    root = tmp_path_factory.mktemp("world")
    pixels = np.random.default_rng(0).integers(100, 3000, (2, 3, 200, 80)).astype(np.int16)
    for name in ("broken", "sound"):
        for number, key in enumerate("xy"):
            _write_scene(write_raster, root / name / f"{key}.tif", pixels[number], 600 * number)
        pixels[0][:, ROWS, COLUMNS] = -9999
    break_block(root / "broken" / "x.tif", 6, 1)
    return SimpleNamespace(
        broken=find_rasters(root / "broken", ["{key}.tif"]), sound=find_rasters(root / "sound", ["{key}.tif"])
    )


def _predict(bundle: Bundle, scenes: RasterFolder, folder: Path, **options: Any) -> None:
    words = {"tile_size": 32, "overlap": 8, "on_bad_block": "nodata", "polygons": {}, "probabilities": True}
    config = InferenceConfig.model_validate(words | options)
    write_predictions(Names(folder), predict_scenes(bundle, scenes, config))


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _pixels(path: Path) -> np.ndarray:
    with rasterio.open(path) as raster:
        return np.asarray(raster.read())


def _said(path: Path) -> Any:
    with rasterio.open(path) as raster:
        return json.loads(raster.tags().get(TAG, "null"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle, world: SimpleNamespace) -> Path:
    folder = tmp_path_factory.mktemp("made")
    _predict(tiny_bundle, world.broken, folder, mosaic={"overlaps": "first"})
    return folder


def test_the_answer_is_that_of_a_scene_without_data_there(
    made: Path, tmp_path: Path, tiny_bundle: Bundle, world: SimpleNamespace
) -> None:
    _predict(tiny_bundle, world.sound, tmp_path)
    assert (_pixels(made / "x_classes.tif")[0, ROWS, COLUMNS] == 255).all()
    for product in ("classes", "probabilities"):
        for key in "xy":
            name = f"{key}_{product}.tif"
            assert np.array_equal(_pixels(made / name), _pixels(tmp_path / name), equal_nan=True)
            assert _said(made / name) == ([SAID] if key == "x" else None)
            assert _said(tmp_path / name) is None
    assert not (tmp_path / "bad_blocks.csv").exists()


def test_all_that_is_made_says_that_the_hole_is_none_of_the_scene(made: Path) -> None:
    assert json.loads(tags_of(made / "x_polygons.gpkg")[TAG]) == [SAID]
    item = json.loads((made / "x_item.json").read_text())
    validate(item)
    assert item["properties"]["groundwork:bad_blocks"] == [SAID]
    assert "groundwork:bad_blocks" not in json.loads((made / "y_item.json").read_text())["properties"]
    assert _said(made / "mosaic" / "classes.tif") == [{"scene": "x", **SAID}]
    of_mosaic = json.loads((made / "mosaic" / "classes_item.json").read_text())
    assert of_mosaic["properties"]["groundwork:bad_blocks"] == [{"scene": "x", **SAID}]
    [row] = pd.read_csv(made / "bad_blocks.csv").to_dict("records")
    named = {"scene": "x", "file": "x.tif", "windows": "rows 96+16 columns 16+16"}
    assert row == {**named, "source": "optical", "pixels": 256, "share": 0.016}


def test_blocks_of_rows_that_are_put_together_are_the_same_bytes(
    made: Path, tmp_path: Path, tiny_bundle: Bundle, world: SimpleNamespace
) -> None:
    """What a worker leaves and says travels to the one that puts blocks together."""
    words = {"tile_size": 32, "overlap": 8, "polygons": {}, "probabilities": True, "block_rows": 50}
    config = InferenceConfig.model_validate({**words, "on_bad_block": "nodata"})
    predictions = predict_scenes(tiny_bundle, world.broken, config)
    done = dict(spread(Writing(Names(tmp_path), predictions, None, {}), ["x"]))
    assert [file.as_json() for file in done["x"].bad] == [SAID]
    made_by_one = _contents(made)
    assert _contents(tmp_path) == {name: made_by_one[name] for name in _contents(tmp_path)}
    assert {"x_classes.tif", "x_probabilities.tif", "x_polygons.gpkg"} < set(_contents(tmp_path))


def test_a_run_tells_of_each_scene_once_and_of_all(
    tmp_path: Path, tiny_bundle: Bundle, world: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        _predict(tiny_bundle, world.broken, tmp_path)
    about_scene, about_all = (record.getMessage() for record in caplog.records)
    assert "x.tif: 256 pixels (1.600% of the file) in rows 96+16, columns 16+16." in about_scene
    assert "1 of 2 scene(s) were predicted with holes where blocks of 1 file(s)" in about_all


def test_a_run_that_goes_on_knows_by_which_word_a_scene_was_predicted(
    made: Path, tmp_path: Path, tiny_bundle: Bundle, world: SimpleNamespace
) -> None:
    going_on = {"overwrite": False, "mosaic": {"overlaps": "first"}}
    with pytest.raises(RasterError, match=r"x.tif: found pixels that cannot be decoded"):
        _predict(tiny_bundle, world.broken, tmp_path, **going_on, on_bad_block="refuse")
    _predict(tiny_bundle, world.broken, tmp_path, **going_on)
    before = (tmp_path / "x_classes.tif").stat().st_mtime_ns
    _predict(tiny_bundle, world.broken, tmp_path, **going_on)
    assert (tmp_path / "x_classes.tif").stat().st_mtime_ns == before
    assert _contents(tmp_path) == _contents(made), "the table too, of which the item is asked"
    with pytest.raises(RasterError, match=r"x.tif: found pixels that cannot be decoded"):
        _predict(tiny_bundle, world.broken, tmp_path, **going_on, on_bad_block="refuse")
    _predict(tiny_bundle, world.sound, tmp_path)
    assert not (tmp_path / "bad_blocks.csv").exists()


def test_a_picture_of_such_a_scene_is_drawn(made: Path, tiny_bundle: Bundle, world: SimpleNamespace) -> None:
    spec = tiny_bundle.config.inputs["optical"]
    made_of = find_rasters(made, ["{key}_classes.tif"])
    draw = draw_quicklooks(tiny_bundle, spec, world.broken, made_of, InferenceConfig())["x"]
    assert draw is not None
    image = draw().axes[0].images[0].get_array()
    assert image is not None
    assert len(np.unique(np.asarray(image)[ROWS, COLUMNS].reshape(-1, 3), axis=0)) == 1


@pytest.mark.parametrize("what", ["objects", "embeddings"])
def test_what_is_no_map_says_so_too(tiny_bundle: Bundle, world: SimpleNamespace, tmp_path: Path, what: str) -> None:
    source = tiny_bundle.config.inputs["optical"].model_dump(mode="json")
    classes = [entry.model_dump(mode="json") for entry in tiny_bundle.config.target.classes]
    target = {"per": "object" if what == "objects" else "pixel", "classes": classes}
    words = {"sources": {"optical": source}, "target": target, "chips": {"size": 64}, "split": {"method": "scenes"}}
    network, levels = ("resnet18", [1, 2]) if what == "objects" else ("test_resnet", [1])
    encoder = {"name": "timm", "model": network, "out_indices": levels}
    detector = {
        "factory": {"name": "object_detection", "framework": "fcos"},
        "necks": [{"name": "fpn", "channels": 32}],
    }
    model = (detector if what == "objects" else {"factory": "embedding"}) | {"encoder": encoder}
    bundle = build_initial(DataConfig.model_validate(words), ModelConfig.model_validate(model), 0)
    bundle = replace(bundle, config=bundle.config.model_copy(update={"trained": True}))
    made = {"tile_size": 64, "overlap": 32, "polygons": None, "probabilities": False}
    _predict(bundle, world.broken.only("x"), tmp_path, **made)
    assert json.loads((tmp_path / "x_item.json").read_text())["properties"]["groundwork:bad_blocks"] == [SAID]
    said = tags_of(tmp_path / "x_objects.gpkg")[TAG] if what == "objects" else None
    assert (json.loads(said) if said else _said(tmp_path / "x_embeddings.tif")) == [SAID]


def test_what_is_sent_to_a_server_is_refused() -> None:
    base = ServingConfig(inference=InferenceConfig(on_bad_block="nodata")).inference
    assert settings_for(Asked(), "classes", base).on_bad_block == "refuse"
