from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from affine import Affine
from rasterio.windows import Window

from groundwork.errors import RasterError
from groundwork.rasters.bad_blocks import BadBlocks
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.scaling import shifted
from groundwork.rasters.scene import Scene
from groundwork.rasters.sentinel2 import baseline_of
from groundwork.rasters.stated import check_stated
from groundwork.rasters.stated_file import StatedBand, StatedFile
from groundwork.specs import RasterChanges, RasterSpec

WriteRaster = Callable[..., Path]

SAFE = "S2A_MSIL2A_20210601T101031_N{baseline}_R022_T32UQD_20210601T161511.SAFE"
FILE = "GRANULE/L2A_T32UQD_A051911/IMG_DATA/R10m/T32UQD_20210601T101031_{band}_10m.jp2"
WHOLE = Window(0, 0, 16, 16)
#: Nodata, a dark pixel that is less than the offset, the brightest there is, and others.
RAW = np.full((16, 16), 1400, np.uint16)
RAW[0, :3] = 0, 700, 65535
#: The same without the offset of newer baselines: no measurement becomes nodata.
OLDER = np.full((16, 16), 400, np.uint16)
OLDER[0, :3] = 0, 1, 64535


def spec_of(offset: float = 0.0, **changes: Any) -> RasterSpec:
    bands = [{"name": name, "scale": 0.0001, "offset": offset} for name in ("BLUE", "GREEN")]
    return RasterSpec.model_validate({"bands": bands, "dtype": "uint16", "nodata": 0} | changes)


def product(root: Path, baseline: str, write_raster: WriteRaster, pixels: np.ndarray) -> tuple[Path, ...]:
    """Write bands B02 and B03 of a product, the second with 10 more where there is data."""
    paths = [root / SAFE.format(baseline=baseline) / FILE.format(band=band) for band in ("B02", "B03")]
    second = np.where((pixels > 0) & (pixels < 65000), pixels + 10, pixels).astype(np.uint16)
    return tuple(
        write_raster(path, values, nodata=None if path.suffix == ".jp2" else 0)
        for path, values in zip(paths, (pixels, second), strict=True)
    )


def read(paths: Sequence[Path], spec: RasterSpec) -> tuple[np.ndarray, np.ndarray]:
    with Scene(paths, spec) as scene:
        return scene.read(WHOLE)


@pytest.mark.parametrize(
    ("name", "baseline", "offset"),
    [
        (SAFE.format(baseline="0400") + "/" + FILE.format(band="B02"), "04.00", -1000),
        (SAFE.format(baseline="0511") + "/" + FILE.format(band="B8A"), "05.11", -1000),
        (SAFE.format(baseline="0301") + "/" + FILE.format(band="B02"), "03.01", 0),
        (SAFE.format(baseline="0511") + "/" + FILE.format(band="B02").replace(".jp2", ".tif"), "05.11", -1000),
        ("S2B_MSIL1C_20220301T101031_N0400_R022_T32UQD_20220301T1.SAFE/GRANULE/x/IMG_DATA/a_B04.jp2", "04.00", -1000),
    ],
)
def test_the_name_of_a_product_says_its_baseline(name: str, baseline: str, offset: int) -> None:
    assert baseline_of(Path("/data") / name) == (baseline, offset)


@pytest.mark.parametrize(
    "name",
    [
        SAFE.format(baseline="9999") + "/" + FILE.format(band="B02"),
        SAFE.format(baseline="0511") + "/" + FILE.format(band="SCL"),
        SAFE.format(baseline="0511") + "/" + FILE.format(band="AOT"),
        SAFE.format(baseline="0511").replace(".SAFE", ".tif"),
        "T32UQD_20210601T101031_B02_10m.jp2",
    ],
)
def test_others_say_nothing(name: str) -> None:
    assert baseline_of(Path("/data") / name) is None


def test_a_product_with_another_offset_is_refused(tmp_path: Path, write_raster: WriteRaster) -> None:
    paths = product(tmp_path, "0511", write_raster, RAW)
    with pytest.raises(RasterError) as error:
        read(paths, spec_of())
    assert str(paths[0]) in str(error.value)
    assert "found offset -0.1 in band 'BLUE', of processing baseline 05.11" in str(error.value)
    assert "expected scale 0.0001 and offset 0, as 'sources' declares" in str(error.value)
    assert "Set 'offset: -0.1' of the band, if all rasters have it." in str(error.value)
    assert "'other_offsets: convert'" in str(error.value)
    with pytest.raises(RasterError, match=r"found offset 0 in band 'BLUE', of processing baseline 03\.01; expected"):
        read(product(tmp_path, "0301", write_raster, OLDER), spec_of(-0.1))
    plain = RasterSpec.model_validate({"bands": ["BLUE", "GREEN"], "dtype": "uint16", "nodata": 0})
    with pytest.raises(RasterError, match=r"Set 'offset: -1000' of the band"):
        read(paths, plain)


def test_one_that_is_as_declared_is_read_as_it_lies(tmp_path: Path, write_raster: WriteRaster) -> None:
    newer, older = (product(tmp_path, name, write_raster, RAW) for name in ("0511", "0301"))
    for paths, spec in ((newer, spec_of(-0.1)), (older, spec_of()), (newer, spec_of(other_offsets="allow"))):
        values, valid = read(paths, spec)
        assert np.array_equal(values[0], RAW)
        assert np.array_equal(valid, RAW > 0)


def test_values_are_brought_to_the_declared_offset(tmp_path: Path, write_raster: WriteRaster) -> None:
    newer = product(tmp_path, "0511", write_raster, RAW)
    values, valid = read(newer, spec_of(other_offsets="convert"))
    assert values.dtype == np.uint16
    assert np.array_equal(values[0], OLDER)
    assert np.array_equal(values[1][1:], OLDER[1:] + 10)
    assert np.array_equal(valid, RAW > 0)
    older = product(tmp_path, "0301", write_raster, OLDER)
    assert np.array_equal(read(older, spec_of(other_offsets="convert"))[0][0], OLDER)
    values, _ = read(older, spec_of(-0.1, other_offsets="convert"))
    # What was below the offset is not known any more, and what is above the type's highest cannot be held.
    assert np.array_equal(values[0][1:], RAW[1:])
    assert values[0][0, :3].tolist() == [0, 1001, 65535]


def test_pictures_of_scenes_are_converted_too(tmp_path: Path, write_raster: WriteRaster) -> None:
    with Scene(product(tmp_path, "0511", write_raster, RAW), spec_of(other_offsets="convert")) as scene:
        values, valid = scene.thumbnail(16)
    assert np.array_equal(values[0], OLDER)
    assert np.array_equal(valid, RAW > 0)


@pytest.mark.parametrize("layout", ["steps_first", "bands_first"])
def test_a_picture_of_a_stacked_date_has_the_offsets_of_that_date(
    tmp_path: Path, write_raster: WriteRaster, layout: str
) -> None:
    offsets = [0.0, 0.0, -0.1, -0.1] if layout == "steps_first" else [0.0, -0.1, 0.0, -0.1]
    path = write_raster(tmp_path / "a.tif", np.stack([RAW] * 4), nodata=0, scaling=([0.0001] * 4, offsets))
    with Scene([path], spec_of(other_offsets="convert", steps=2, layout=layout)) as scene:
        values, _ = scene.read(WHOLE)
        for step, expected in enumerate((RAW, OLDER)):
            shown, _ = scene.thumbnail(16, last=step == 1)
            assert np.array_equal(shown, values[:, step])
            assert np.array_equal(shown, [expected] * 2)


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "average"])
def test_a_raster_that_is_resampled_is_converted_after_it(
    tmp_path: Path, write_raster: WriteRaster, resampling: str
) -> None:
    coarse = Affine(20, 0, 500_000, 0, -20, 5_000_000)
    first = product(tmp_path, "0511", write_raster, RAW)[0]
    random = np.random.default_rng(0).integers(1200, 3000, (8, 8)).astype(np.uint16)
    second = write_raster(first.with_name(first.name.replace("B02_10m", "B03_20m")), random, transform=coarse)
    plain = write_raster(tmp_path / "plain_2.tif", (random - 1000).astype(np.uint16), transform=coarse)
    other = write_raster(tmp_path / "plain_1.tif", OLDER)
    spec = spec_of(other_offsets="convert", resampling=resampling)
    values, valid = read((first, second), spec)
    expected, expected_valid = read((other, plain), spec)
    assert np.array_equal(valid, expected_valid)
    assert np.abs(values.astype(int) - expected.astype(int))[:, valid].max() <= (resampling == "average")


def test_each_date_has_its_own_baseline(tmp_path: Path, write_raster: WriteRaster) -> None:
    newer, older = (product(tmp_path, name, write_raster, pixels) for name, pixels in (("0400", RAW), ("0302", OLDER)))
    spec = spec_of(other_offsets="convert", steps=2, layout="file_per_date")
    values, _ = read((*newer, *older), spec)
    assert values.shape == (2, 2, 16, 16)
    assert np.array_equal(values[:, 0, 1:], values[:, 1, 1:])
    assert np.array_equal(values[0], np.stack([OLDER, OLDER]))


def test_a_file_that_says_its_offset_itself_is_converted(tmp_path: Path, write_raster: WriteRaster) -> None:
    path = write_raster(tmp_path / "a.tif", np.stack([RAW, RAW]), nodata=0, scaling=([0.0001] * 2, [-0.1, 0.0]))
    values, _ = read([path], spec_of(other_offsets="convert"))
    assert np.array_equal(values, np.stack([OLDER, RAW])), "each band by what it says"
    with pytest.raises(RasterError, match=r"scale 0\.0001 and offset -0\.1 in band 'BLUE'"):
        read([path], spec_of())
    other_scale = write_raster(tmp_path / "b.tif", np.stack([RAW, RAW]), nodata=0, scaling=([0.001] * 2, [-0.1] * 2))
    for way in ("convert", "allow"):
        with pytest.raises(RasterError, match="Set 'scale' and 'offset' of the band to what the file says"):
            read([other_scale], spec_of(other_offsets=way))
    uneven = write_raster(tmp_path / "c.tif", np.stack([RAW, RAW]), nodata=0, scaling=([0.0001] * 2, [-0.00015] * 2))
    with pytest.raises(RasterError, match=r"The difference is -1\.5 steps, which a raster of uint16 cannot hold"):
        read([uneven], spec_of(other_offsets="convert"))


@pytest.mark.parametrize("layout", ["steps_first", "bands_first"])
def test_stacked_dates_are_converted_the_same_where_bad_blocks_may_be_filled(
    tmp_path: Path, write_raster: WriteRaster, layout: str
) -> None:
    # BLUE has the offset of newer products at both dates, GREEN at none.
    offsets = [-0.1, 0.0, -0.1, 0.0] if layout == "steps_first" else [-0.1, -0.1, 0.0, 0.0]
    path = write_raster(tmp_path / "a.tif", np.stack([RAW] * 4), nodata=0, scaling=([0.0001] * 4, offsets))
    spec = spec_of(other_offsets="convert", steps=2, layout=layout)
    values, valid = read([path], spec)
    assert np.array_equal(values, np.stack([[OLDER] * 2, [RAW] * 2]))
    with Scene([path], spec, bad=BadBlocks()) as scene:
        found, found_valid = scene.read(WHOLE)
    assert np.array_equal(found, values)
    assert np.array_equal(found_valid, valid)


def test_no_number_becomes_nodata() -> None:
    spec = spec_of(dtype="float32", nodata=-9999)
    values = np.array([[[-9999, -9998, 5]]], np.float32)
    moved = shifted(values, np.array([-1.0]), spec)
    assert moved[0, 0, 0] == -9999
    assert -9999 < moved[0, 0, 1] < -9998.9
    assert moved[0, 0, 2] == 4
    highest = spec_of(dtype="uint8", nodata=255)
    found = shifted(np.array([[[255, 254, 3]]], np.uint8), np.array([20.0]), highest)
    assert found.ravel().tolist() == [255, 254, 23]


def test_an_item_that_states_what_the_name_says_passes_where_it_is_converted(
    tmp_path: Path, write_raster: WriteRaster
) -> None:
    product(tmp_path, "0511", write_raster, RAW)
    patterns = [f"{{key}}.SAFE/GRANULE/*/IMG_DATA/R10m/*_{band}_10m.jp2" for band in ("B02", "B03")]
    folder = find_rasters(tmp_path, patterns)
    (key,) = folder.files

    def state(offset: float) -> None:
        bands = (StatedBand(scale=0.0001, offset=offset),)
        folder.stated[key] = (StatedFile("item", bands), StatedFile("item", bands))  # type: ignore[index]

    state(-0.1)
    check_stated(folder, spec_of(other_offsets="convert"))
    check_stated(folder, spec_of(other_offsets="allow"))
    with pytest.raises(RasterError, match="'other_offsets: convert' brings files together that lie in folders"):
        check_stated(folder, spec_of())
    # What the reader does not know of, it does not convert.
    state(-0.2)
    with pytest.raises(RasterError, match=r"stated scale 0\.0001 and offset -0\.2"):
        check_stated(folder, spec_of(other_offsets="convert"))


def test_a_bundle_that_knew_no_offsets_is_told_by_one_key() -> None:
    trained = spec_of()
    assert "other_offsets" not in trained.model_dump(mode="json"), "earlier bundles and tables stay as they are"
    changed = RasterChanges.model_validate({"other_offsets": "convert"}).of(trained, "inference.source")
    assert changed.other_offsets == "convert"
    assert changed.bands == trained.bands
