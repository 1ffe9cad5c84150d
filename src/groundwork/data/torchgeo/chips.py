"""Samples of TorchGeo as chips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from groundwork.batch import Answers, Batch, Chip, Patch, by_name, collate
from groundwork.config.torchgeo import TorchGeoConfig
from groundwork.data.torchgeo.ground import on_files
from groundwork.data.torchgeo.objects import objects_of, with_objects
from groundwork.errors import DataError, SpecError
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kind import TargetKind
from groundwork.targets.labels import IGNORE, UNDECLARED
from groundwork.targets.numbers import require_range

#: The number of a sample, or the place and time of a window: east and north in units of the CRS, seconds.
Query: TypeAlias = "int | tuple[slice, slice, slice]"


class TorchGeoChips(Dataset[Chip]):
    """The samples of a dataset of TorchGeo, by whatever its sampler asks for."""

    def __init__(
        self,
        dataset: Dataset[Mapping[str, object]],
        keys: Mapping[str, str],
        config: TorchGeoConfig,
        inputs: Mapping[str, RasterSpec],
        kind: TargetKind,
    ) -> None:
        """Take a dataset.

        Args:
            dataset: Its samples are mappings of tensors.
            keys: Source -> what a sample calls its image.
            config: Says what a sample calls its label, and its objects.
            inputs: Source -> what its images hold.
            kind: What labels hold.
        """
        self.dataset, self._keys, self._config = dataset, by_name(keys), config
        self._inputs, self._kind = inputs, kind

    def __len__(self) -> int:
        return len(self.dataset)  # type: ignore[arg-type]

    def __getitem__(self, query: Query) -> Chip:
        """Read one sample.

        Raises:
            DataError: Where it is not as declared.
        """
        sample, name = self.dataset[query], name_of(query)
        values, valid = {}, {}
        for source, key in self._keys.items():
            values[source] = image_of(part_of(sample, key), source, self._inputs[source], name)
            covered = on_files(self.dataset, query, values[source].shape[-2:])
            valid[source] = _valid(values[source], self._inputs[source]) & covered
        size = _common_size(values, name)
        if self._kind.per == "object":
            objects = objects_of(sample, self._config.objects, self._kind.target, size, name)
            return Chip(name, with_objects(Patch(values, valid), objects, self._kind.target, name))
        answers = self._answers(sample, size, name)
        patch = Patch(values, valid, answers)
        self._kind.hide(answers, patch.known)
        return Chip(name, patch)

    def _answers(self, sample: Mapping[str, object], size: tuple[int, int], name: str) -> Answers:
        if self._kind.per == "nothing":
            return np.ones(size, np.bool_)
        return _answers(part_of(sample, self._config.target_key), self._kind, size, name)


def require_positions(target: TargetSpec) -> None:
    """Refuse several classes of an image whose values name other positions in the label than their order does.

    Raises:
        SpecError: With what to change.
    """
    values = [part.value for part in target.classes]
    if target.multi_label and values != sorted(values) == list(range(len(values))):
        raise SpecError(
            f"Labels of several classes have an entry for each, in the order of 'classes'; their values are {values}, "
            "which says another order. Sort 'classes' by the position that the dataset gives each, from 0."
        )


def part_of(sample: Mapping[str, object], key: str) -> Tensor:
    """Return a tensor of a sample.

    Raises:
        DataError: Where it has none of that name.
    """
    part = sample.get(key)
    if not isinstance(part, Tensor):
        raise DataError(
            f"Samples have no tensor '{key}'; they have {sorted(sample)}. Say in 'keys' and 'target_key' what they "
            "call images and labels."
        )
    return part


def image_of(image: Tensor, source: str, spec: RasterSpec, name: str) -> NDArray[np.generic]:
    """Return the image of a sample (channels[, steps], height, width).

    Args:
        image: As TorchGeo has it, with steps first.
        source: Whose image it is, for messages.
        spec: What it holds.
        name: Of the sample, for messages.

    Raises:
        DataError: For other channels or steps than the spec has.
    """
    if spec.steps > 1 and image.ndim == 4:
        image = image.transpose(0, 1)
    expected = (spec.num_channels, spec.steps) if spec.steps > 1 else (spec.num_channels,)
    if tuple(image.shape[:-2]) != expected:
        raise DataError(
            f"Sample {name}: the image of source '{source}' has the shape {tuple(image.shape)}; expected "
            f"{expected} channels (and steps) before height and width, for the bands "
            f"{[band.name for band in spec.used]}. State the bands that the dataset gives, in its order."
        )
    return cast("NDArray[np.generic]", image.numpy())


def _common_size(images: Mapping[str, NDArray[np.generic]], name: str) -> tuple[int, int]:
    sizes = {source: (int(image.shape[-2]), int(image.shape[-1])) for source, image in images.items()}
    if len(set(sizes.values())) > 1:
        raise DataError(
            f"Sample {name}: the images have the sizes {sizes} (height and width); sources of one sample have the same "
            "pixels. Name in 'keys' those of one size, or resample them by a dataset of your own."
        )
    return next(iter(sizes.values()))


def name_of(query: Query) -> str:
    """Return the name of a sample: its number, or where and when its window lies."""
    if isinstance(query, tuple):
        x, y, time = query
        return f"{x.start:.6f}_{y.start:.6f}_{x.stop:.6f}_{y.stop:.6f}_{time.start}".replace(" ", "T")
    return f"{int(query):08d}"


def _valid(values: NDArray[np.generic], spec: RasterSpec) -> NDArray[np.bool_]:
    held = np.isfinite(values)
    if spec.nodata is not None and spec.nodata != "nan":
        held &= values != spec.nodata
    axes = tuple(range(values.ndim - 2))
    return cast("NDArray[np.bool_]", held.any(axis=axes) if spec.validity == "any" else held.all(axis=axes))


def _answers(label: Tensor, kind: TargetKind, size: tuple[int, int], name: str) -> Answers:
    """Return answers (..., height, width), as a kind of answer reads them; those of an image for all its pixels.

    Raises:
        DataError: For values that are no answers, and labels of another size than the image.
    """
    values = label.numpy()
    answers: Answers
    if kind.target.multi_label:
        answers = _class_sets(values, kind.target, name)
    else:
        answers = _numbers(values, kind, name) if kind.target.outputs else _classes(values, kind.target, name)
    if kind.per == "image":
        answers = np.broadcast_to(answers[..., None, None], (*answers.shape, *size)).copy()
    expected = (kind.target.num_outputs, *size) if kind.target.outputs or kind.target.multi_label else size
    if answers.shape != expected:
        what = "the answer of an image" if kind.per == "image" else f"the image {size}"
        raise DataError(f"Sample {name}: the label has the shape {tuple(values.shape)}, which does not fit {what}.")
    return answers


def _numbers(values: NDArray[np.generic], kind: TargetKind, name: str) -> NDArray[np.float32]:
    """Return numbers (outputs) of an image or (outputs, height, width) of pixels, in their units; NaN where unknown."""
    axes, outputs = 1 if kind.per == "image" else 3, kind.target.outputs
    numbers = values.astype(np.float32)
    numbers = numbers[None] if numbers.ndim < axes else numbers
    if numbers.ndim != axes or len(numbers) != len(outputs):
        raise DataError(
            f"Sample {name}: the label has the shape {tuple(values.shape)}; expected {len(outputs)} number(s) for each "
            f"{kind.per}, first: {list(kind.target.names)}. Declare the outputs that the dataset gives, in its order."
        )
    for index, output in enumerate(outputs):
        plane = numbers[index, ...]
        known = np.isfinite(plane) & (plane != output.nodata)
        numbers[index] = np.where(known, plane * output.scale + output.offset, np.nan)
        require_range(Path(output.name), np.asarray(numbers[index], np.float64), output)
    return numbers


def _classes(labels: NDArray[np.generic], target: TargetSpec, name: str) -> NDArray[np.int64]:
    """Return class indexes; IGNORE where the class is not known."""
    labels = labels[0] if labels.ndim in {1, 3} and len(labels) == 1 else labels
    known = {**dict.fromkeys(target.ignore_values, IGNORE), **target.label_values}
    answers = np.full(labels.shape, UNDECLARED, np.int64)
    for value, index in known.items():
        answers[labels == value] = index
    answers[~np.isfinite(labels)] = IGNORE
    wrong = np.unique(labels[answers == UNDECLARED])
    if wrong.size:
        raise DataError(
            f"Sample {name}: the label holds {wrong[:10].tolist()}, which no class declares; declared are "
            f"{target.label_values}. Declare the classes, or add the values to 'ignore_value'."
        )
    return answers


def _class_sets(labels: NDArray[np.generic], target: TargetSpec, name: str) -> NDArray[np.int8]:
    """Return for each class whether the image is of it; IGNORE where not known."""
    answers = np.full(labels.shape, UNDECLARED, np.int8)
    for value, answer in {0: 0, 1: 1, **dict.fromkeys(target.ignore_values, IGNORE)}.items():
        answers[labels == value] = answer
    answers[~np.isfinite(labels)] = IGNORE
    wrong = np.unique(labels[answers == UNDECLARED])
    if wrong.size:
        raise DataError(
            f"Sample {name}: the label holds {wrong[:10].tolist()}; expected for each of {list(target.names)} 1 where "
            "the image is of the class, and 0 where it is not."
        )
    return answers


def collate_chips(chips: Sequence[Chip]) -> Batch:
    """Return chips as a batch.

    Raises:
        DataError: Where they differ in size.
    """
    sizes = sorted({chip.patch.size for chip in chips})
    if len(sizes) > 1:
        raise DataError(
            f"Samples of one batch have the sizes {sizes}. Take a datamodule that cuts them to one size, or "
            "'batch_size: 1'."
        )
    return collate(chips)
