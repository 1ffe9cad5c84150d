"""Quality bands in the files of another source: read on the grid of the reference, and no input of the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine
from pydantic import ValidationError
from rasterio.windows import Window

from groundwork.config import DataConfig, InferenceConfig, ModelConfig, TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.scan import scan_scenes
from groundwork.data.scene_stack import folders_by_source, open_checked
from groundwork.data.splits import assign_splits
from groundwork.data.statistics import compute_statistics
from groundwork.prediction.scene import predict_scenes
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.training.card import write_card
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

SCL: dict[str, Any] = {"bands": ["SCL"], "use": [], "dtype": "uint8", "nodata": None, "resampling": "average"}
RULE = {"source": "scl", "band": "SCL", "not_values": [3, 8]}


def _config(base: DataConfig, scl: dict[str, Any] | None = None, **optical: Any) -> DataConfig:
    words = base.model_dump()
    words["sources"]["optical"] |= {"valid": RULE, **optical}
    words["sources"]["scl"] = SCL if scl is None else scl
    return DataConfig.model_validate(words)


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, tiny_data: SimpleNamespace, write_raster: Callable[..., Path]
) -> SimpleNamespace:
    """The tiny scenes with codes of 20 m beside them, and the same scenes with the pixels masked by hand."""
    root, masks = tmp_path_factory.mktemp("quality"), {}
    for number, key in enumerate(tiny_data.scenes.files):
        with rasterio.open(tiny_data.root / "scenes" / f"{key}.tif") as scene:
            pixels, place, tags = scene.read(), {"crs": scene.crs, "transform": scene.transform}, scene.tags()
        rows, columns = pixels.shape[1] // 2, pixels.shape[2] // 2
        codes = np.random.default_rng(number).choice([3, 4, 5, 8], (rows, columns), p=[0.1, 0.4, 0.4, 0.1])
        coarse = {**place, "transform": place["transform"] * Affine.scale(2)}
        write_raster(root / "scl" / f"{key}.tif", codes.astype(np.uint8), **coarse)
        masks[key] = np.isin(codes, [4, 5]).repeat(2, axis=0).repeat(2, axis=1)
        masked = np.where(masks[key], pixels, -9999).astype(np.int16)
        write_raster(root / "masked" / f"{key}.tif", masked, **place, nodata=-9999, tags=tags)
    scl, masked = (find_rasters(root / name, ["{key}.tif"]) for name in ("scl", "masked"))
    data = _config(tiny_data.config)
    scenes = {"optical": tiny_data.scenes, "scl": scl}
    return SimpleNamespace(
        data=data, scenes=scenes, masked=masked, masks=masks, scan=scan_scenes(scenes, tiny_data.labels, data)
    )


def test_codes_are_read_on_the_grid_of_the_reference(world: SimpleNamespace) -> None:
    folders = folders_by_source(world.scenes, world.data.sources)
    with open_checked(folders, "11", world.data.sources) as stack:
        patch = stack.read(Window(0, 0, 96, 64))
        beyond = stack.read(Window(90, 60, 10, 10))
    assert list(patch.values) == ["optical"], "codes are no input of the model"
    assert np.array_equal(patch.valid["optical"], world.masks["11"])
    assert np.array_equal(beyond.valid["optical"][:4, :6], world.masks["11"][60:, 90:])
    assert not beyond.valid["optical"][4:].any()


def test_it_is_as_if_the_pixels_were_masked_in_the_files(world: SimpleNamespace, tiny_data: SimpleNamespace) -> None:
    plain = scan_scenes(world.masked, tiny_data.labels, tiny_data.config)
    same = [name for name in plain.chips.columns if name not in {"checksum", "content"}]
    pd.testing.assert_frame_equal(world.scan.chips[same], plain.chips[same])
    assert "valid_optical" not in world.scan.report
    samples = assign_splits(plain.chips, world.data.split, {}, seed=0)
    found = compute_statistics(samples, world.scan.cells, world.data)
    expected = compute_statistics(samples, plain.cells, tiny_data.config)
    assert list(found.sources) == ["optical"]
    assert found == expected


def test_a_model_is_trained_and_predicts_with_it(
    world: SimpleNamespace, tiny_data: SimpleNamespace, model_config: ModelConfig, tmp_path: Path,
    make_training: Callable[..., TrainingConfig],
) -> None:  # fmt: skip
    samples = assign_splits(world.scan.chips, world.data.split, {}, seed=0)
    initial = build_initial(world.data, model_config, seed=0)
    labelled = initial.labelled(samples, world.scenes, tiny_data.labels)
    assert isinstance(labelled, LabelledData)
    statistics = compute_statistics(samples, world.scan.cells, world.data)
    bundle = fit(initial, labelled, statistics, make_training(max_epochs=1), 0, tmp_path).bundle
    assert bundle.reference == "optical"
    assert "scl" not in write_card(bundle, 32)
    config = InferenceConfig(tile_size=128, overlap=0)
    [(key, stream)] = predict_scenes(
        bundle, {name: _only(folder, "1") for name, folder in world.scenes.items()}, config
    ).streams
    [(_, products)] = list(stream.blocks)
    corner = np.ones((64, 64), bool)
    corner[:10, :10] = False
    assert key == "1"
    assert np.array_equal(products["classes"][0] != 255, world.masks["1"] & corner)


def _only(folder: RasterFolder, key: str) -> RasterFolder:
    return RasterFolder(folder.root, {key: folder.files[key]})


@pytest.mark.parametrize(
    ("scl", "optical", "message"),
    [
        ({**SCL, "use": None}, {}, "of the sources .* is the reference"),
        (SCL, {"valid": {**RULE, "source": "slc"}}, "band 'SCL' of the source 'slc', which 'sources' lacks.*'scl'"),
        (SCL, {"valid": {**RULE, "band": "SLC"}}, "band 'SLC' of the source 'scl', which lacks it.*'SCL'"),
        (SCL, {"valid": {**RULE, "source": "optical"}}, "which is itself: leave 'source' out of the rule"),
        ({**SCL, "optional": True}, {}, "which scenes may lack: leave 'optional' out of it"),
        ({**SCL, "steps": 2, "layout": "steps_first"}, {}, r"of 2 step\(s\): it needs 1, or the 1 of 'optical'"),
        (SCL, {"valid": (), "use": []}, "nothing is read of the source 'optical': its 'use' is empty"),
        (SCL, {"valid": ()}, "nothing is read of the source 'scl': its 'use' is empty, and no rule"),
    ],
)
def test_rules_that_cannot_be_applied_are_refused(
    tiny_data: SimpleNamespace, scl: dict[str, Any], optical: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        _config(tiny_data.config, scl, **optical)
