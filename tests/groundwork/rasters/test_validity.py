"""Which pixels hold data: each case beside GDAL's own answer, or one worked by hand."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from rasterio.enums import ColorInterp, Resampling
from rasterio.transform import from_origin
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window

from groundwork.data.scene_stack import SceneStack
from groundwork.errors import RasterError
from groundwork.rasters.canvas import DeclaredPixels
from groundwork.rasters.scene import Scene
from groundwork.rasters.validity import in_yaml, lets_all_through, masks_of, read_masks
from groundwork.specs import RasterSpec

MakeSpec = Callable[..., RasterSpec]
Write = Callable[..., Path]
RNG = np.random.default_rng(0)
HOLE = np.zeros((8, 8), np.bool_)
HOLE[2:4, 1:6] = True
COLORS = ("RED", "GREEN", "BLUE", "NIR")


def _read(paths: list[Path], spec: RasterSpec, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    with Scene(paths, spec) as scene:
        return scene.read(Window(0, 0, size, size))


def _pixels(count: int, dtype: str, size: int = 8) -> np.ndarray:
    return RNG.integers(1, 100, (count, size, size)).astype(dtype)


# --- alpha ----------------------------------------------------------------------------------------------------------


def test_the_fourth_declared_band_of_an_8_bit_file_is_no_mask(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    pixels = _pixels(4, "uint8")
    pixels[3, :4] = 0
    path = write_raster(tmp_path / "rgbn.tif", pixels)
    with rasterio.open(path) as raster:
        assert raster.colorinterp[3] is ColorInterp.alpha, "GDAL takes it for an alpha band"
    values, valid = _read([path], make_spec(*COLORS, dtype="uint8", nodata=None))
    assert np.array_equal(values, pixels)
    assert valid.all()
    # On another grid GDAL would leave out where it is 0, or refuse to add a mask of its own.
    for nodata in (None, 0):
        spec = make_spec(*COLORS, dtype="uint8", nodata=nodata, validity="any", resampling="nearest")
        with SceneStack({"s": (path,)}, {"s": spec}, None, DeclaredPixels(None, 5)) as stack:
            patch = stack.read(Window(0, 0, 16, 16))
        assert np.array_equal(patch.values["s"], pixels.repeat(2, axis=1).repeat(2, axis=2))
        assert patch.valid["s"].all()


@pytest.mark.parametrize(("name", "is_mask"), [(None, True), ("Alpha", True), ("Band 4", True), ("NIR", False)])
def test_an_undeclared_fourth_band_is_a_mask_where_nothing_calls_it_otherwise(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, name: str | None, is_mask: bool
) -> None:
    pixels = _pixels(4, "uint8")
    pixels[3] = np.where(HOLE, 0, 255)
    path = write_raster(tmp_path / "x.tif", pixels)
    if name is not None:
        with rasterio.open(path, "r+") as raster:
            raster.set_band_description(4, name)
    spec = make_spec(*COLORS[:3], dtype="uint8", nodata=None)
    if is_mask:
        assert np.array_equal(_read([path], spec)[1], ~HOLE)
    else:
        with pytest.raises(RasterError, match=r"x.tif: found 4 band\(s\); expected 3, as 'sources' declares"):
            _read([path], spec)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_an_alpha_band_beside_the_declared_ones_is_a_mask(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, count: int, dtype: str
) -> None:
    pixels = _pixels(count + 1, dtype)
    pixels[-1] = np.where(HOLE, 0, 255)
    path = write_raster(tmp_path / "x.tif", pixels, alpha="unspecified")
    with rasterio.open(path, "r+") as raster:
        raster.colorinterp = [*raster.colorinterp[:-1], ColorInterp.alpha]
    spec = make_spec(*"ABCDEF"[:count], dtype=dtype, nodata=None)
    assert np.array_equal(_read([path], spec)[1], ~HOLE)
    with Scene([path], spec) as scene:
        assert np.array_equal(scene.thumbnail(8)[1], ~HOLE)


def test_what_gdalwarp_leaves_transparent_is_not_valid(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    path = write_raster(tmp_path / "a.tif", _pixels(5, "int16", 40))
    turned = tmp_path / "b.tif"
    with rasterio.open(path) as raster, WarpedVRT(raster, crs="EPSG:32633", add_alpha=True) as warped:
        rasterio.shutil.copy(warped, turned, driver="GTiff")
        transparent = warped.read(6) == 0
    assert transparent.any()
    with Scene([turned], make_spec(*"ABCDE", nodata=None)) as scene:
        _, valid = scene.read(Window(0, 0, scene.grid.width, scene.grid.height))
    assert np.array_equal(valid, ~transparent)


# --- masks and nodata by band ---------------------------------------------------------------------------------------


def _vrt(path: Path, bands: list[tuple[Path, str]]) -> Path:
    """Stack single-band files into a VRT; the text goes into each band."""
    parts = "".join(
        f'<VRTRasterBand dataType="Int16" band="{number}">{extra}<SimpleSource><SourceFilename relativeToVRT="0">{file}'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        for number, (file, extra) in enumerate(bands, start=1)
    )
    with rasterio.open(bands[0][0]) as raster:
        origin = ", ".join(str(value) for value in raster.transform.to_gdal())
        crs = raster.crs.to_wkt().replace('"', "&quot;")
    head = f'<VRTDataset rasterXSize="8" rasterYSize="8"><SRS>{crs}</SRS><GeoTransform>{origin}</GeoTransform>'
    path.write_text(f"{head}{parts}</VRTDataset>", encoding="utf-8")
    return path


def test_the_mask_of_each_band_counts(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    files = [write_raster(tmp_path / f"{name}.tif", _pixels(1, "int16")) for name in "ab"]
    mask = write_raster(tmp_path / "mask.tif", np.where(HOLE, 0, 255).astype(np.uint8))
    inner = (
        f'<MaskBand><VRTRasterBand dataType="Byte"><SimpleSource><SourceFilename relativeToVRT="0">{mask}'
        "</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></MaskBand>"
    )
    path = _vrt(tmp_path / "x.vrt", [(files[0], ""), (files[1], inner)])
    with rasterio.open(path) as raster:
        assert np.array_equal(raster.read_masks([1, 2])[1] == 0, HOLE)
        assert (raster.read_masks(1) == 255).all()
    assert np.array_equal(_read([path], make_spec(nodata=None))[1], ~HOLE)
    assert _read([path], make_spec(nodata=None, use=["A"]))[1].all(), "a band that is not read makes nothing invalid"


def test_another_nodata_in_another_band_is_refused(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    files = [write_raster(tmp_path / f"{name}.tif", _pixels(1, "int16")) for name in "ab"]
    path = _vrt(tmp_path / "x.vrt", [(files[0], ""), (files[1], "<NoDataValue>-1</NoDataValue>")])
    message = r"x.vrt: found nodata -1 in band 2; expected nodata None.*Set 'nodata: -1', and bring all bands to one"
    with pytest.raises(RasterError, match=message):
        Scene([path], make_spec(nodata=None))
    assert _read([path], make_spec(nodata=None, use=["A"]))[1].all()


@pytest.mark.parametrize("kind", ["internal mask", "alpha"])
@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic", "average"])
@pytest.mark.parametrize("nodata", [None, -9999])
def test_the_mask_of_a_resampled_file_is_kept(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, resampling: str, nodata: int | None, kind: str
) -> None:
    hole = HOLE[::2, ::2]
    coarse = {"transform": from_origin(500_000, 5_000_000, 20, 20)}
    # Beneath the mask lies what no neighbour may be mixed with.
    pixels = np.where(hole, 30_000, 100).astype(np.int16)
    if kind == "alpha":
        both = np.stack([pixels, np.where(hole, 0, 255)]).astype(np.int16)
        path = write_raster(tmp_path / "b.tif", both, **coarse)
        with rasterio.open(path, "r+") as raster:
            raster.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
    else:
        path = write_raster(tmp_path / "b.tif", pixels, mask=np.where(hole, 0, 255).astype(np.uint8), **coarse)
    paths = [write_raster(tmp_path / "a.tif", _pixels(1, "int16")), path]
    values, valid = _read(paths, make_spec(nodata=nodata, resampling=resampling))
    with (
        rasterio.open(path) as raster,
        WarpedVRT(
            raster,
            crs=raster.crs,
            transform=from_origin(500_000, 5_000_000, 10, 10),
            width=8,
            height=8,
            resampling=Resampling[resampling],
            add_alpha=kind != "alpha",
        ) as warped,
    ):
        expected, alpha = warped.read(1), warped.read(2)
    assert np.array_equal(valid, alpha > 0)
    assert not valid.all()
    assert np.array_equal(values[1][valid], expected[valid])
    assert set(values[1][valid].tolist()) == {100}, "what is masked is not mixed into its neighbours"


@pytest.mark.parametrize("kind", ["internal mask", "alpha"])
@pytest.mark.parametrize("resampling", ["bilinear", "cubic", "average", "nearest"])
def test_nodata_outside_of_the_mask_is_never_mixed_into_neighbours(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, resampling: str, kind: str
) -> None:
    coarse = {"transform": from_origin(500_000, 5_000_000, 20, 20), "nodata": -9999}
    pixels, mask = np.full((4, 4), 100, np.int16), np.full((4, 4), 255, np.uint8)
    pixels[3, 3], mask[0, 0] = -9999, 0
    if kind == "alpha":
        path = write_raster(tmp_path / "b.tif", np.stack([pixels, mask.astype(np.int16)]), **coarse)
        with rasterio.open(path, "r+") as raster:
            raster.colorinterp = [ColorInterp.gray, ColorInterp.alpha]
    else:
        path = write_raster(tmp_path / "b.tif", pixels, mask=mask, **coarse)
    paths = [write_raster(tmp_path / "a.tif", _pixels(1, "int16"), nodata=-9999), path]
    spec = make_spec(nodata=-9999, resampling=resampling)
    with Scene(paths, spec) as scene:
        if resampling == "nearest":
            values, valid = scene.read(Window(0, 0, 8, 8))
            assert set(values[1][valid].tolist()) == {100}
            assert not valid[:2, :2].any()
            assert not valid[6:, 6:].any()
            return
        _, valid = scene.read(Window(0, 0, 2, 2))
        assert not valid.all()
        with pytest.raises(RasterError, match=r"b.tif: found the nodata value -9999.* in pixels that the file's mask"):
            scene.read(Window(2, 2, 6, 6))


def test_one_nodata_for_each_band_of_a_file_is_its_mask(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    pixels = np.full((3, 8, 8), 60, np.uint8)
    pixels[:, :4, :4] = 0
    pixels[0, 4:] = 0
    path = write_raster(tmp_path / "x.tif", pixels, tags={"NODATA_VALUES": "0 0 0"})
    with Scene([path], make_spec("A", "B", "C", dtype="uint8", nodata=None)) as scene, rasterio.open(path) as raster:
        _, valid = scene.read(Window(0, 0, 8, 8))
        assert np.array_equal(valid, raster.dataset_mask() > 0)
        assert valid.mean() == 0.75


def test_the_nodata_of_a_resampled_file_is_compared(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    coarse = {"transform": from_origin(500_000, 5_000_000, 20, 20)}
    paths = [
        write_raster(tmp_path / "a.tif", _pixels(1, "int16"), nodata=-9999),
        write_raster(tmp_path / "b.tif", _pixels(1, "int16", 4), nodata=0, **coarse),
    ]
    with pytest.raises(RasterError, match=r"b.tif: found nodata 0; .* -9999.*'nodata: 0'. Where files of other bands"):
        Scene(paths, make_spec(resampling="nearest"))


# --- nodata in the digits of its type -------------------------------------------------------------------------------

ODD = [
    ("float32", -3.4028234663852886e38),
    ("float32", 3.4028234663852886e38),
    ("float32", 0.1),
    ("float32", -99999.9),
    ("float32", -1.2676506002282294e30),
    ("float32", 1e20),
    ("float32", 9.969209968386869e36),
    ("float64", -1.7976931348623157e308),
    ("float64", 1e20),
    ("int32", 2147483647),
    ("int32", -2147483648),
    ("uint32", 4294967295),
    ("int32", 1234567),
    ("int16", -32768),
]


@pytest.mark.parametrize(("dtype", "nodata"), ODD)
@pytest.mark.parametrize("in_file", [True, False])
def test_the_remedy_can_be_pasted_and_is_right(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, dtype: str, nodata: float, in_file: bool
) -> None:
    pixels = np.where(HOLE, np.dtype(dtype).type(nodata), 5).astype(dtype)
    path = write_raster(tmp_path / "x.tif", pixels, nodata=nodata if in_file else None)
    spec = make_spec("A", dtype=dtype, nodata=None)
    if in_file:
        with pytest.raises(RasterError, match="found nodata") as told:
            Scene([path], spec)
        pasted = _pasted(str(told.value))
    else:
        pasted = _pasted(f"Set 'nodata: {in_yaml(nodata, dtype)}'")
    with rasterio.open(path) as raster:
        expected = raster.dataset_mask() > 0 if in_file else ~HOLE
    values, valid = _read([path], make_spec("A", dtype=dtype, nodata=pasted))
    assert np.array_equal(valid, expected)
    assert values[0][valid].tolist() == [5] * int((~HOLE).sum())


def _pasted(message: str) -> Any:
    """Take the remedy at its word, through YAML as a recipe is read."""
    from omegaconf import OmegaConf

    return OmegaConf.create(message.split("Set '")[1].split("'", maxsplit=1)[0])["nodata"]


@pytest.mark.parametrize(
    "fill", [-9999.0, -32768.0, -3.4028234663852886e38, 3.4028234663852886e38, 9.969209968386869e36]
)
def test_customary_fill_values_are_noticed(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, fill: float
) -> None:
    path = write_raster(tmp_path / "x.tif", np.where(HOLE, np.float32(fill), 5).astype(np.float32))
    spec = make_spec("A", dtype="float32", nodata=None)
    with pytest.raises(RasterError, match=r"in 15.6% of a window, which looks like undeclared nodata") as told:
        _read([path], spec)
    remedied = make_spec("A", dtype="float32", nodata=_pasted(str(told.value)))
    assert np.array_equal(_read([path], remedied)[1], ~HOLE)
    assert _read([path], spec.model_copy(update={"fill_values": "allow"}))[1].all()


def test_a_fill_value_beneath_a_mask_is_no_measurement(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec
) -> None:
    pixels = np.where(HOLE, -9999, 5).astype(np.int16)
    path = write_raster(tmp_path / "x.tif", pixels, mask=np.where(HOLE, 0, 255).astype(np.uint8))
    assert np.array_equal(_read([path], make_spec("A", nodata=None))[1], ~HOLE)


# --- one file per band ----------------------------------------------------------------------------------------------


def test_descriptions_of_single_files_are_compared(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    paths = [
        write_raster(tmp_path / f"{name}.tif", _pixels(1, "int16"), descriptions=[name], nodata=-9999) for name in "BA"
    ]
    with pytest.raises(RasterError, match=r"B.tif: found the band description 'B'; expected 'A', as the order of"):
        Scene(paths, make_spec())
    _read(paths[::-1], make_spec())
    _read(paths, make_spec(descriptions="ignore"))


def test_one_file_for_two_bands_is_refused(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    path = write_raster(tmp_path / "a.tif", _pixels(1, "int16"))
    with pytest.raises(RasterError, match=r"a.tif: found one file for several bands; expected one file for each band"):
        Scene([path, path], make_spec())


# --- several steps --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layout", "in_file", "outcome"),
    [
        ("steps_first", ["RED", "NIR"] * 2, [0, 1, 2, 3]),
        ("steps_first", ["NIR", "RED"] * 2, [1, 0, 3, 2]),
        ("steps_first", ["RED", "RED", "NIR", "NIR"], None),
        ("steps_first", ["RED", "NIR", "NIR", "RED"], None),
        ("bands_first", ["RED", "RED", "NIR", "NIR"], [0, 2, 1, 3]),
        ("bands_first", ["NIR", "NIR", "RED", "RED"], [2, 0, 3, 1]),
        ("bands_first", ["RED", "NIR"] * 2, None),
        ("steps_first", [None] * 4, [0, 1, 2, 3]),
        ("steps_first", ["RED", None, "RED", None], [0, 1, 2, 3]),
    ],
)
def test_descriptions_of_several_steps_are_compared(
    tmp_path: Path, write_raster: Write, make_spec: MakeSpec, layout: str, in_file: list[str], outcome: list[int] | None
) -> None:
    pixels = _pixels(4, "int16")
    path = write_raster(tmp_path / "x.tif", pixels, descriptions=in_file)
    spec = make_spec("RED", "NIR", steps=2, layout=layout)
    if outcome is None:
        with pytest.raises(RasterError, match="band descriptions that contradict the declared bands"):
            Scene([path], spec)
        return
    values, _ = _read([path], spec)
    # (bands, steps) of RED and NIR at both dates; ``outcome`` names the file's bands step by step.
    assert np.array_equal(values, pixels[outcome].reshape(2, 2, 8, 8).swapaxes(0, 1))


# --- georeference and errors ----------------------------------------------------------------------------------------


def test_a_crs_without_a_geotransform_can_be_declared(tmp_path: Path, write_raster: Write, make_spec: MakeSpec) -> None:
    from affine import Affine

    path = write_raster(tmp_path / "x.tif", _pixels(2, "int16"), transform=Affine.identity())
    with (
        Scene([path], make_spec()) as scene,
        pytest.raises(RasterError, match=r"no geotransform.*Set .georeference"),
    ):
        _ = scene.grid
    with Scene([path], make_spec(georeference="absent")) as scene:
        assert scene.grid.crs is None


def test_the_error_survives_pickling() -> None:
    error = RasterError(Path("/data/x.tif"), "this", "that", "Do so.")
    again = pickle.loads(pickle.dumps(error))
    assert (
        (str(again), again.path)
        == (str(error), error.path)
        == (
            "/data/x.tif: found this; expected that. Do so.",
            Path("/data/x.tif"),
        )
    )


# --- files without a mask -------------------------------------------------------------------------------------------


def test_what_lets_all_through_is_made_once_and_cannot_be_written_into(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "plain.tif", _pixels(2, "int16"))
    with rasterio.open(path) as raster:
        masks = masks_of(raster, (1, 2), 2)
        first, again = (read_masks(raster, masks, Window(0, 0, 4, 6), (6, 4)) for _ in range(2))
        other = read_masks(raster, masks, Window(0, 0, 4, 4), (4, 4))
    assert first is again
    assert first.shape == (6, 4)
    assert other.shape == (4, 4)
    assert first.all()
    with pytest.raises(ValueError, match="read-only"):
        first[0, 0] = False


def test_a_mask_lets_all_through_where_it_is_true_everywhere(tmp_path: Path, write_raster: Write) -> None:
    path = write_raster(tmp_path / "plain.tif", _pixels(2, "int16"))
    with rasterio.open(path) as raster:
        assert lets_all_through(read_masks(raster, masks_of(raster, (1, 2), 2), Window(0, 0, 8, 8), (8, 8)))
    assert lets_all_through(~np.zeros_like(HOLE))
    assert not lets_all_through(~HOLE)
