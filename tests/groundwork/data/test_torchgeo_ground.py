"""Windows and splits of TorchGeo that hold more than its files do: what was filled in is nobody's measurement."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image
from rasterio.transform import from_origin
from torch.utils.data import Dataset
from torchgeo.datasets import RasterDataset

from groundwork.config.torchgeo import TorchGeoConfig
from groundwork.config.training import LoaderConfig
from groundwork.data.torchgeo.importing import SamplesToImport, import_samples
from groundwork.data.torchgeo.module import TorchGeoData, classes_of
from groundwork.errors import DataError
from groundwork.specs import RasterSpec, TargetSpec
from torchgeo_sets import QUIET, class_target

Write = Callable[..., Path]
MakeSpec = Callable[..., RasterSpec]
LOADER = LoaderConfig(batch_size=4)
THREE = class_target(3)
pytestmark = QUIET


class Images(RasterDataset):
    filename_glob = "image_*.tif"


class Labels(RasterDataset):
    filename_glob = "label_*.tif"
    is_image = False


class Middles(Images):
    """Gives the middle of each window alone, as ChesapeakeCVPRDataModule lets its dataset."""

    def __getitem__(self, query: Any) -> dict[str, Any]:
        sample = super().__getitem__(query)
        return {**sample, "image": sample["image"][..., 4:12, 4:12]}


class MiddlesOfLabels(Labels):
    """Likewise."""

    def __getitem__(self, query: Any) -> dict[str, Any]:
        sample = super().__getitem__(query)
        return {**sample, "mask": sample["mask"][..., 4:12, 4:12]}


@pytest.fixture
def write_tile(tmp_path: Path, write_raster: Write) -> Callable[..., None]:
    """Write an image of values above 100 and a label of 1 and 2, some pixels east of the others of a split."""

    def write(split: str, size: tuple[int, int], east: int = 0) -> None:
        number, random = ("train", "val", "test").index(split), np.random.default_rng(east)
        place = {"crs": "EPSG:32618", "transform": from_origin(400_000 + 5000 * number + 10 * east, 4_000_000, 10, 10)}
        image, label = random.integers(101, 200, (1, *size)), random.integers(1, 3, size)
        write_raster(tmp_path / split / f"image_{east}.tif", image.astype(np.uint8), **place)
        write_raster(tmp_path / split / f"label_{east}.tif", label.astype(np.uint8), **place)

    return write


def _config(root: Path, kinds: tuple[type, type] = (Images, Labels), **changes: Any) -> TorchGeoConfig:
    names = [f"{__name__}.{kind.__name__}" for kind in kinds]
    datasets = {
        split: [{"name": name, "paths": str(root / split)} for name in names] for split in ("train", "val", "test")
    }
    return TorchGeoConfig.model_validate({"datasets": datasets, "chip_size": 16} | changes)


def test_what_lies_beyond_the_files_is_not_known(
    tmp_path: Path, write_tile: Callable[..., None], make_spec: MakeSpec
) -> None:
    for split in ("train", "val", "test"):
        write_tile(split, (20, 24))
    inputs = {"aerial": make_spec("GREY", dtype="float32", nodata=None, pixel_size_m=None)}
    data = TorchGeoData(_config(tmp_path), inputs, THREE, LOADER, 0)
    (batch,) = list(data.val_dataloader())
    # A grid of 2 x 2 windows of 16 pixels covers 20 x 24 pixels, each once.
    assert int(batch["valid"]["aerial"].sum()) == 20 * 24
    assert torch.equal(batch["valid"]["aerial"], batch["images"]["aerial"][:, 0] > 100)
    assert torch.equal(batch["target"] >= 0, batch["valid"]["aerial"])

    import_samples(SamplesToImport(_config(tmp_path), inputs, THREE, 0), tmp_path / "made")
    with rasterio.open(tmp_path / "val" / "image_0.tif") as whole:
        for name, size in zip((tmp_path / "made/lists/val.txt").read_text().split(), (16, 8, 16, 8), strict=True):
            with rasterio.open(tmp_path / f"made/scenes/aerial/{name}.tif") as part:
                assert part.width == size
                assert np.array_equal(part.read(), whole.read(window=whole.window(*part.bounds)))
            with rasterio.open(tmp_path / f"made/labels/{name}.tif") as label:
                assert (label.bounds, label.read().min()) == (part.bounds, 1)


def test_images_of_the_middle_of_windows_have_no_place(
    tmp_path: Path, write_tile: Callable[..., None], make_spec: MakeSpec, caplog: pytest.LogCaptureFixture
) -> None:
    for split in ("train", "val", "test"):
        write_tile(split, (20, 24))
    config = _config(tmp_path, (Middles, MiddlesOfLabels))
    inputs = {"aerial": make_spec("GREY", dtype="float32", nodata=None, pixel_size_m=None)}
    data = TorchGeoData(config, inputs, THREE, LOADER, 0)
    (batch,) = list(data.val_dataloader())
    # Of 2 x 2 windows of 16 pixels one lies on the 20 x 24 pixels of the file; the grid begins in the lower left.
    with rasterio.open(tmp_path / "val/image_0.tif") as image, rasterio.open(tmp_path / "val/label_0.tif") as label:
        pixels, classes = image.read(1)[8:16, 4:12], label.read(1)[8:16, 4:12]
    assert batch["valid"]["aerial"].flatten(1).all(dim=1).tolist() == [True, False, False, False]
    assert not batch["valid"]["aerial"][1:].any()
    assert not (batch["target"][1:] >= 0).any()
    assert np.array_equal(batch["images"]["aerial"][0, 0], pixels)
    assert np.array_equal(batch["target"][0], classes)

    import_samples(SamplesToImport(config, inputs, THREE, 0), tmp_path / "made")
    assert "val: the images of 4 of 4 windows are not their windows' pixels" in caplog.text
    (name,) = (tmp_path / "made/lists/val.txt").read_text().split()
    for folder, expected in (("scenes/aerial", pixels), ("labels", classes)):
        with rasterio.open(tmp_path / f"made/{folder}/{name}.tif") as part:
            assert (part.crs, part.transform.is_identity) == (None, True)
            assert np.array_equal(part.read(1), expected)


def test_holes_between_files_have_nodata(
    tmp_path: Path, write_tile: Callable[..., None], make_spec: MakeSpec, caplog: pytest.LogCaptureFixture
) -> None:
    for split in ("train", "val", "test"):
        write_tile(split, (20, 20))
    write_tile("val", (8, 12), east=20)
    none, nodata = ({"aerial": make_spec("GREY", dtype="float32", nodata=value)} for value in (None, -9999))
    with pytest.raises(DataError, match=r"val_00000001: 56.2% of its window lie between or beyond the files"):
        import_samples(SamplesToImport(_config(tmp_path), none, THREE, 0), tmp_path / "made")
    assert "are the same" not in caplog.text
    assert "datasets.val: 1 of 2 areas have less than 16 x 16 pixels and are passed over" in caplog.text
    import_samples(SamplesToImport(_config(tmp_path), nodata, THREE, 0), tmp_path / "made")
    with rasterio.open(tmp_path / "made/scenes/aerial/val_00000001.tif") as part:
        # 4 columns of the one file, and 4 rows of the other beside them.
        expected = np.zeros((16, 16), bool)
        expected[:, :4] = expected[:4, 4:] = True
        assert np.array_equal(part.read(1) > 100, expected)
        assert np.array_equal(part.read(1) == -9999, ~expected)


def test_ground_on_which_no_window_fits_is_refused(
    tmp_path: Path, write_tile: Callable[..., None], make_spec: MakeSpec
) -> None:
    for split in ("train", "val", "test"):
        write_tile(split, (20, 24))
    inputs = {"aerial": make_spec("GREY", dtype="float32", nodata=None)}
    with pytest.raises(DataError, match=r"no window of 32 x 32 pixels fits: the largest of 1 area\(s\) has 20 x 24"):
        TorchGeoData(_config(tmp_path, chip_size=32), inputs, THREE, LOADER, 0)


class Numbers(Dataset[dict[str, Any]]):
    """Samples with their own number and tens beyond it, of an image or of each of its pixels."""

    def __init__(self, count: int, *, per_pixel: bool) -> None:
        self._shape = (count, 4, 4) if per_pixel else (count,)

    def __len__(self) -> int:
        return 4

    def __getitem__(self, number: int) -> dict[str, Any]:
        if number >= len(self):
            raise IndexError(number)
        tens = number + 10 * torch.arange(float(self._shape[0]))
        label = tens.reshape(-1, *[1] * (len(self._shape) - 1)).expand(self._shape)
        return {"image": torch.rand(1, 4, 4), "label": label[0] if self._shape == (1,) else label}


def _numbers(count: int, *, per_pixel: bool, outputs: int, make_spec: MakeSpec) -> TorchGeoData:
    part = {"name": f"{__name__}.Numbers", "count": count, "per_pixel": per_pixel}
    target = TargetSpec.model_validate(
        {
            "per": "pixel" if per_pixel else "image",
            "outputs": [
                {"name": f"n{index}", "unit": "m", "scale": 2, "minimum": 0, "maximum": 99} for index in range(outputs)
            ],
        }
    )
    config = {"datasets": dict.fromkeys(("train", "val", "test"), part), "target_key": "label"}
    inputs = {"aerial": make_spec("GREY", dtype="float32", nodata=None)}
    return TorchGeoData(TorchGeoConfig.model_validate(config), inputs, target, LOADER, 0)


@pytest.mark.parametrize("per_pixel", [True, False])
@pytest.mark.parametrize("count", [1, 2])
def test_numbers_have_their_units(count: int, *, per_pixel: bool, make_spec: MakeSpec) -> None:
    data = _numbers(count, per_pixel=per_pixel, outputs=count, make_spec=make_spec)
    (batch,) = list(data.val_dataloader())
    expected = 2 * (torch.arange(4.0)[:, None] + 10 * torch.arange(float(count)))
    assert torch.equal(batch["target"], expected[..., None, None].expand(4, count, 4, 4))
    assert [found.mean for found in data.compute_statistics().target.numbers.values()] == [3.0, 23.0][:count]


def test_splits_of_the_same_samples_are_warned_of(make_spec: MakeSpec, caplog: pytest.LogCaptureFixture) -> None:
    _numbers(1, per_pixel=True, outputs=1, make_spec=make_spec)
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        assert f"The datasets of '{first}' and '{second}' are the same, with the same options" in caplog.text


@pytest.mark.parametrize(("count", "outputs"), [(2, 1), (1, 2)])
@pytest.mark.parametrize("per_pixel", [True, False])
def test_other_numbers_than_declared_are_refused(
    count: int, outputs: int, *, per_pixel: bool, make_spec: MakeSpec
) -> None:
    data = _numbers(count, per_pixel=per_pixel, outputs=outputs, make_spec=make_spec)
    per = "pixel" if per_pixel else "image"
    with pytest.raises(DataError, match=rf"Sample 00000000: .* expected {outputs} number\(s\) for each {per}"):
        next(iter(data.val_dataloader()))


@pytest.fixture
def without_test(tmp_path: Path) -> Path:
    """Files in the layouts of GID-15 and LoveDA, whose labels for testing are not public."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    places = [f"GID/img_dir/train/{number}.tif" for number in range(5)]
    places += [f"GID/ann_dir/train/{number}_15label.png" for number in range(5)]
    for split in ("Train", "Val"):
        places += [f"{split}/{scene}/{kind}_png/0.png" for scene in ("Urban", "Rural") for kind in ("images", "masks")]
    for place in places:
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels if "im" in path.parts[-3] + path.parts[-2] else pixels[..., 0]).save(path)
    return tmp_path


def test_a_datamodule_without_samples_for_testing_says_so(
    without_test: Path, make_spec: MakeSpec, caplog: pytest.LogCaptureFixture
) -> None:
    def read(name: str) -> None:
        config = {"datamodule": {"name": f"torchgeo.datamodules.{name}", "root": str(without_test)}}
        inputs = {"aerial": make_spec("RED", "GREEN", "BLUE", dtype="float32", nodata=None)}
        TorchGeoData(TorchGeoConfig.model_validate(config), inputs, THREE, LOADER, 0)

    with pytest.raises(DataError, match=r"LoveDADataModule has no samples for 'test' .* Name the datasets of each"):
        read("LoveDADataModule")
    assert "of its own" not in caplog.text
    read("GID15DataModule")
    assert "GID15DataModule has no samples of its own for 'test', and gives all that it has" in caplog.text


def test_classes_in_another_order_than_labels_are_to_be_declared() -> None:
    class LoveDA:
        classes = ("background", "building", "no-data")

    class OpenStreetMap:
        classes = ({"name": "building", "selector": []},)

    for dataset in (LoveDA(), OpenStreetMap()):
        with pytest.raises(DataError, match="names its classes in another order than its labels have: declare"):
            classes_of(dataset)
