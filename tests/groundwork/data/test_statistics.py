"""Statistics are those of the valid training pixels, as numpy computes them in one go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from groundwork.config import DataConfig
from groundwork.config.data import ChipsConfig
from groundwork.data.scan import scan_scenes
from groundwork.data.statistics import Moments, Statistics, compute_statistics
from groundwork.errors import DataError
from groundwork.rasters.folder import find_rasters
from groundwork.specs import RasterSpec

Write = Callable[..., Path]


def _training_pixels(data: SimpleNamespace) -> tuple[np.ndarray, np.ndarray]:
    """Return valid values (bands, pixels) and the label values there, read chip by chip with plain rasterio."""
    values, labels = [], []
    for row in data.samples[data.samples["split"] == "train"].itertuples():
        part = (slice(row.row, row.row + 32), slice(row.column, row.column + 32))
        with rasterio.open(data.root / "scenes" / row.path_optical) as scene:
            image = scene.read()[:, *part]
        with rasterio.open(data.root / "labels" / row.path_label) as raster:
            label = raster.read(1)[part]
        valid = (image != -9999).all(axis=0)
        values.append(image[:, valid].astype(np.float64))
        labels.append(label[valid])
    return np.concatenate(values, axis=1), np.concatenate(labels)


def test_statistics_are_numpys(tiny_data: SimpleNamespace, tiny_statistics: Statistics) -> None:
    values, labels = _training_pixels(tiny_data)
    found = tiny_statistics.sources["optical"]
    assert list(found) == ["A", "B", "C"]
    for band, pixels in zip(found.values(), values, strict=True):
        assert band.mean == pytest.approx(pixels.mean(), rel=1e-8)
        assert band.std == pytest.approx(pixels.std(), rel=1e-8)
        assert (band.minimum, band.maximum) == (pixels.min(), pixels.max())
        assert band.minimum > -9999, "nodata never counts"
    assert tiny_statistics.valid_pixels == values.shape[1]
    expected = {name: int((labels == value).sum()) for value, name in enumerate(("water", "forest", "field"), start=1)}
    assert tiny_statistics.target.class_pixels == expected


def test_only_the_training_split_counts(tiny_data: SimpleNamespace, tiny_statistics: Statistics) -> None:
    train = tiny_data.samples[tiny_data.samples["split"] == "train"]
    assert compute_statistics(train, tiny_data.cells, tiny_data.config) == tiny_statistics


def test_the_order_of_the_samples_does_not_matter(tiny_data: SimpleNamespace, tiny_statistics: Statistics) -> None:
    shuffled = tiny_data.samples.sample(frac=1, random_state=3)
    found = compute_statistics(shuffled, tiny_data.cells, tiny_data.config)
    assert found.target == tiny_statistics.target
    for name, band in found.sources["optical"].items():
        assert band.mean == pytest.approx(tiny_statistics.sources["optical"][name].mean, rel=1e-8)
        assert band.std == pytest.approx(tiny_statistics.sources["optical"][name].std, rel=1e-8)


def _moments_of(values: np.ndarray) -> Moments:
    moments = Moments(len(values))
    if values.size:
        moments.count, moments.mean = values.shape[1], values.mean(axis=1)
        moments.squares = ((values - moments.mean[:, None]) ** 2).sum(axis=1)
        moments.minimum, moments.maximum = values.min(axis=1), values.max(axis=1)
    return moments


@given(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=8),
    seed=st.integers(0, 2**31),
    center=st.sampled_from([0.0, 1e-6, 1.0, 1e6]),
)
def test_moments_merge_blocks_of_any_size_in_any_order(sizes: list[int], seed: int, center: float) -> None:
    random = np.random.default_rng(seed)
    blocks = [random.normal(center, max(center, 1e-3) / 7, (2, size)) for size in sizes]
    together = np.concatenate(blocks, axis=1)
    for order in (blocks, blocks[::-1]):
        moments = Moments(2)
        for block in order:
            moments.add(_moments_of(block))
        assert moments.count == together.shape[1]
        if moments.count:
            assert np.allclose(moments.mean, together.mean(axis=1), rtol=1e-10, atol=0)
            assert np.allclose(moments.std, together.std(axis=1), rtol=1e-8, atol=1e-15 * center)
            assert np.array_equal(moments.minimum, together.min(axis=1))
            assert np.array_equal(moments.maximum, together.max(axis=1))


def _one_scene(
    folder: Path, write: Write, config: DataConfig, image: np.ndarray, **spec: object
) -> tuple[Statistics, np.ndarray]:
    height, width = image.shape[-2:]
    label = np.random.default_rng(0).integers(1, 4, (height, width)).astype(np.uint8)
    write(folder / "s" / "x.tif", image)
    write(folder / "l" / "x.tif", label)
    source = config.sources["optical"].model_copy(update={"date_tag": None} | spec)
    config = config.model_copy(update={"sources": {"optical": source}})
    folders = [find_rasters(folder / name, ["{key}.tif"]) for name in ("s", "l")]
    scan = scan_scenes(*folders, config)
    return compute_statistics(scan.chips.assign(split="train"), scan.cells, config), label


def test_small_values_keep_their_digits(tmp_path: Path, write_raster: Write, data_config: DataConfig) -> None:
    image = np.random.default_rng(1).normal(3e-6, 1e-7, (3, 32, 32)).astype(np.float32)
    found, _ = _one_scene(tmp_path, write_raster, data_config, image, dtype="float32", nodata="nan")
    for band, pixels in zip(found.sources["optical"].values(), image.astype(np.float64), strict=True):
        assert band.mean == pytest.approx(pixels.mean(), rel=1e-8)
        assert band.std == pytest.approx(pixels.std(), rel=1e-8)


def test_nan_never_counts(tmp_path: Path, write_raster: Write, data_config: DataConfig) -> None:
    image = np.random.default_rng(1).normal(5, 2, (3, 32, 32)).astype(np.float32)
    image[1, :10] = np.nan
    image[2, 31, 31] = np.inf
    found, label = _one_scene(tmp_path, write_raster, data_config, image, dtype="float32", nodata="nan")
    valid = np.isfinite(image).all(axis=0)
    assert found.valid_pixels == valid.sum()
    assert found.sources["optical"]["A"].mean == pytest.approx(image[0, valid].astype(np.float64).mean(), rel=1e-8)
    assert sum(found.target.class_pixels.values()) == (label[valid] > 0).sum()


def test_steps_are_pooled_per_band(tmp_path: Path, write_raster: Write, data_config: DataConfig) -> None:
    image = np.random.default_rng(1).integers(0, 100, (6, 32, 32)).astype(np.int16)
    found, _ = _one_scene(tmp_path, write_raster, data_config, image, steps=2, layout="bands_first")
    assert found.sources["optical"]["B"].mean == pytest.approx(image[2:4].mean(), rel=1e-8)
    assert found.sources["optical"]["B"].std == pytest.approx(image[2:4].std(), rel=1e-8)
    assert found.valid_pixels == 32 * 32


def test_a_constant_band_is_refused(tmp_path: Path, write_raster: Write, data_config: DataConfig) -> None:
    image = np.random.default_rng(1).integers(0, 100, (3, 32, 32)).astype(np.int16)
    image[1] = 7
    with pytest.raises(
        DataError, match=r"Band\(s\) \['B'\] hold one and the same value \(\[7.0\]\) in all of the train"
    ):
        _one_scene(tmp_path, write_raster, data_config, image)


def test_bands_are_found_by_name_whatever_their_order(
    tiny_statistics: Statistics, make_spec: Callable[..., RasterSpec]
) -> None:
    bands = tiny_statistics.sources["optical"]
    backwards = Statistics.model_validate(
        {**tiny_statistics.model_dump(), "sources": {"optical": dict(reversed(bands.items()))}}
    )
    for statistics in (tiny_statistics, backwards):
        assert statistics.of_bands("optical", make_spec("A", "B", "C", use=["C", "A"])) == [bands["C"], bands["A"]]
    with pytest.raises(DataError, match=r"no band \['D'\]; they have \['A', 'B', 'C'\]. Compute them anew"):
        tiny_statistics.of_bands("optical", make_spec("A", "D"))
    with pytest.raises(DataError, match=r"no source 'radar'; they have \['optical'\]. Compute them anew"):
        tiny_statistics.of_bands("radar", make_spec("A"))


def test_pixels_that_several_chips_share_count_once(tiny_data: SimpleNamespace) -> None:
    def found(stride: int) -> Statistics:
        chips = ChipsConfig(size=32, stride=stride, min_valid_fraction=0)
        config = tiny_data.config.model_copy(update={"chips": chips})
        scan = scan_scenes(tiny_data.scenes, tiny_data.labels, config)
        return compute_statistics(scan.chips.assign(split="train"), scan.cells, config)

    apart, overlapping = found(32), found(8)
    assert overlapping.valid_pixels == apart.valid_pixels
    assert overlapping.target == apart.target
    for name, band in apart.sources["optical"].items():
        other = overlapping.sources["optical"][name]
        assert (other.mean, other.std) == pytest.approx((band.mean, band.std), rel=1e-8)
