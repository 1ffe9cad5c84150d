"""What classes of TorchGeo draw, miss, and do to batches elsewhere."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning import LightningDataModule
from torch.utils.data import DataLoader, Dataset
from torchgeo.datasets import DependencyNotFoundError, NonGeoDataset

from groundwork.config.torchgeo import TorchGeoConfig
from groundwork.config.training import LoaderConfig
from groundwork.data.torchgeo.importing import SamplesToImport, import_samples
from groundwork.data.torchgeo.module import TorchGeoData, classes_of
from groundwork.errors import ComponentError, DataError, SpecError
from groundwork.specs import RasterSpec, TargetSpec
from torchgeo_sets import QUIET, class_target

MakeSpec = Callable[..., RasterSpec]
NAMES = ("train", "val", "test")
TWO = class_target(2)
pytestmark = QUIET


class Drawn(NonGeoDataset):
    """Samples that are drawn anew whenever they are asked for, by each generator there is."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> dict[str, Any]:
        parts = [torch.rand(4, 8), torch.from_numpy(np.random.rand(4, 8)).float()]  # noqa: NPY002
        parts += [torch.full((4, 8), random.random())]
        return {"image": torch.stack(parts), "mask": (torch.rand(4, 8) > 0.5).long()}


class Shifted(LightningDataModule):
    """Gives labels other values on the device, as SpaceNet1DataModule does."""

    def train_dataloader(self) -> DataLoader[dict[str, Any]]:
        return DataLoader(Drawn())

    val_dataloader = test_dataloader = train_dataloader

    def on_after_batch_transfer(self, batch: dict[str, Any], dataloader_idx: int) -> dict[str, Any]:
        batch["mask"] += 1
        return super().on_after_batch_transfer(batch, dataloader_idx)


class Sized(Dataset[dict[str, Any]]):
    """Images of two sensors in pixels of their own, as of TreeSatAI."""

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"fine": torch.rand(1, 8, 8), "coarse": torch.rand(1, 2, 2), "mask": torch.zeros(8, 8).long()}


class Packaged(Drawn):
    """Reads files of a format for which a package is missing, in TorchGeo's words."""

    def __init__(self) -> None:
        raise DependencyNotFoundError(
            "h6py is not installed and is required to use this feature. Either run:\n\n$ pip install h6py"
        )


def _of(kind: type, **changes: Any) -> TorchGeoConfig:
    part = {"name": f"{__name__}.{kind.__name__}"}
    return TorchGeoConfig.model_validate({"datasets": dict.fromkeys(NAMES, part)} | changes)


@pytest.fixture
def rgb(make_spec: MakeSpec) -> dict[str, RasterSpec]:
    return {"aerial": make_spec("RED", "GREEN", "BLUE", dtype="float32", nodata=None, georeference="absent")}


def test_what_a_dataset_draws_follows_from_the_seed(tmp_path: Path, rgb: dict[str, RasterSpec]) -> None:
    def made(name: str, seed: int) -> dict[str, bytes]:
        import_samples(SamplesToImport(_of(Drawn), rgb, TWO, seed), tmp_path / name)
        files = sorted((tmp_path / name).rglob("*.tif"))
        return {path.relative_to(tmp_path / name).as_posix(): path.read_bytes() for path in files}

    state = torch.random.get_rng_state(), np.random.get_state()[1], random.getstate()  # noqa: NPY002
    first = made("first", 0)
    assert len(first) == 18
    assert len(set(first.values())) == 6, "three images and labels"
    assert torch.equal(torch.random.get_rng_state(), state[0])
    assert np.array_equal(np.random.get_state()[1], state[1])  # noqa: NPY002
    assert random.getstate() == state[2]
    torch.manual_seed(9)
    assert made("again", 0) == first
    assert made("other", 1) != first
    data = [TorchGeoData(_of(Drawn), rgb, TWO, LoaderConfig(batch_size=1), seed) for seed in (0, 0, 1)]
    one, same, other = (part.compute_statistics() for part in data)
    assert one == same != other


def test_a_datamodule_that_changes_labels_on_the_device_is_told_of(
    rgb: dict[str, RasterSpec], caplog: pytest.LogCaptureFixture
) -> None:
    config = TorchGeoConfig.model_validate({"datamodule": f"{__name__}.Shifted"})
    data = TorchGeoData(config, rgb, TWO, LoaderConfig(batch_size=1), 0)
    assert "Shifted changes batches on the device by a method of its own (on_after_batch_transfer)" in caplog.text
    assert {int(value) for batch in data.val_dataloader() for value in batch["target"].unique()} == {0, 1}


def test_sources_of_other_sizes_are_refused(make_spec: MakeSpec) -> None:
    inputs = {name: make_spec("GREY", dtype="float32", nodata=None) for name in ("fine", "coarse")}
    config = _of(Sized, keys={"fine": "fine", "coarse": "coarse"})
    data = TorchGeoData(config, inputs, TWO, LoaderConfig(batch_size=1), 0)
    with pytest.raises(DataError, match=r"Sample 00000000: the images have the sizes .*'coarse': \(2, 2\)"):
        next(iter(data.val_dataloader()))


@pytest.mark.parametrize("workers", [0, 1])
def test_processes_that_read_ask_for_samples_of_the_epoch_that_is_told_after_they_began(
    workers: int, rgb: dict[str, RasterSpec]
) -> None:
    def order(epoch: int, *, late: bool) -> list[str]:
        loader = TorchGeoData(_of(Drawn), rgb, TWO, LoaderConfig(batch_size=1, num_workers=workers), 0)
        train = loader.train_dataloader()
        batches = iter(train) if late else None
        train.batch_sampler.sampler.set_epoch(epoch)  # type: ignore[union-attr]
        return [name for batch in batches or train for name in batch["sample_id"]]

    found = [order(epoch, late=True) for epoch in range(4)]
    assert found == [order(epoch, late=False) for epoch in range(4)]
    assert len({str(names) for names in found}) > 1


def test_a_missing_package_is_named(rgb: dict[str, RasterSpec]) -> None:
    with pytest.raises(ComponentError, match=r"datasets.train: h6py is not installed .*: install this package"):
        TorchGeoData(_of(Packaged), rgb, TWO, LoaderConfig(batch_size=1), 0)


def test_a_single_name_is_no_list_of_classes() -> None:
    class CDL:
        classes = (0,)

    with pytest.raises(DataError, match=r"CDL names one class alone, \['0'\]"):
        classes_of(CDL())


def test_several_classes_of_an_image_stand_in_the_order_of_its_label(
    tmp_path: Path, rgb: dict[str, RasterSpec]
) -> None:
    def target(*values: int) -> TargetSpec:
        classes = [{"value": value, "name": f"class{value}", "color": "#000000"} for value in values]
        return TargetSpec.model_validate({"per": "image", "multi_label": True, "classes": classes})

    config = _of(Drawn, target_key="label")
    for values in ((0, 1, 2), (5, 3, 9)):
        TorchGeoData(config, rgb, target(*values), LoaderConfig(batch_size=1), 0)
    for refuse in (
        lambda: TorchGeoData(config, rgb, target(1, 0, 2), LoaderConfig(batch_size=1), 0),
        lambda: import_samples(SamplesToImport(config, rgb, target(1, 0, 2), 0), tmp_path / "made"),
    ):
        with pytest.raises(SpecError, match=r"their values are \[1, 0, 2\], which says another order. Sort 'classes'"):
            refuse()
