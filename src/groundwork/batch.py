"""What travels from rasters to models: windows as they are read, batches of them, and what a model is given of one.

Images are mappings by the names of their sources, also where there is one, in the order of these names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NotRequired, TypeAlias, TypedDict, TypeVar
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Value = TypeVar("Value")
#: Answers as they are known, as the kind of the target reads them, such as class indexes (height, width).
Answers: TypeAlias = NDArray[np.generic]


def by_name(values: Mapping[str, Value]) -> dict[str, Value]:
    """Return a mapping by source in the order of the names: what a model is must not follow from anything else."""
    return dict(sorted(values.items()))


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a window, in its pixels. A window without any has none of each: (0, 4), (0,), (0, 2)."""

    #: Left, top, right and bottom edge of each, in pixels from the upper left corner of the window (objects, 4).
    boxes: NDArray[np.float32]
    #: Index of the class of each (objects,).
    labels: NDArray[np.int64]
    #: Column and row of the middle of the pixel in which the centre of each lies, as the scene shows it: of an object
    #: that the window shows in part it may lie outside (objects, 2).
    centers: NDArray[np.float32]
    #: 1 where a pixel belongs to the object (objects, height, width). None: boxes alone are known.
    masks: NDArray[np.uint8] | None = None

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return what is known of them by name; the first axis of each is that of the objects."""
        known: dict[str, NDArray[np.generic]] = {"boxes": self.boxes, "labels": self.labels, "centers": self.centers}
        return known if self.masks is None else {**known, "masks": self.masks}


@dataclass(frozen=True, slots=True)
class Patch:
    """A window of all sources, as it was read, with its answers where there is a label."""

    #: Source -> raw values (channels[, steps], height, width), in the type of the raster.
    values: Mapping[str, NDArray[np.generic]]
    #: Source -> where it holds data (height, width), or (steps, height, width) where its spec says so.
    valid: Mapping[str, NDArray[np.bool_]]
    #: As the kind of the target reads them from the label. None: there is no label.
    target: Answers | None = None
    #: The objects, of a target that asks for them; ``target`` then says which pixels they cover.
    objects: Objects | None = None
    #: Where answers are asked for (height, width); a model sees what lies around as well. None: everywhere.
    inside: NDArray[np.bool_] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Height and width in pixels."""
        height, width = next(iter(self.valid.values())).shape[-2:]
        return height, width

    @property
    def known(self) -> NDArray[np.bool_]:
        """Where any source holds data, and answers are asked for (height, width)."""
        first, *others = (_at_any_step(part) for part in self.valid.values())
        known: NDArray[np.bool_] = np.logical_or.reduce([first, *others]) if others else first
        return known if self.inside is None else known & self.inside

    def picture_of(self, source: str, *, last: bool = False) -> tuple[NDArray[np.generic], NDArray[np.bool_]]:
        """Return raw values (channels, height, width) of the first or last step that holds data, and its validity."""
        values, valid = self.values[source], self.valid[source]
        by_step = values.reshape(len(values), -1, *self.size)
        if valid.ndim == 2:
            return by_step[:, -1 if last else 0], valid
        there = np.flatnonzero(valid.any(axis=(-2, -1)))
        step = int(there[-1 if last else 0]) if len(there) else 0
        return by_step[:, step], valid[step]

    def cut(self, rows: slice, columns: slice) -> Patch:
        """Return a part of the window, without a copy and without objects, which a label is asked for by window."""
        values = {source: part[..., rows, columns] for source, part in self.values.items()}
        valid = {source: part[..., rows, columns] for source, part in self.valid.items()}
        target = None if self.target is None else self.target[..., rows, columns]
        return Patch(values, valid, target, inside=None if self.inside is None else self.inside[rows, columns])


def _at_any_step(valid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return valid if valid.ndim == 2 else np.asarray(valid.any(axis=0))


def known_in(batch: Batch) -> Tensor:
    """Return where any source holds data at any step, (batch, height, width)."""
    masks = [mask if mask.dim() == 3 else mask.any(dim=1) for mask in batch["valid"].values()]
    return torch.stack(masks).any(dim=0)


def below(above: Patch, other: Patch) -> Patch:
    """Return two windows of one width as one, the other below the first, without objects."""
    values = {name: np.concatenate([part, other.values[name]], axis=-2) for name, part in above.values.items()}
    valid = {name: np.concatenate([part, other.valid[name]], axis=-2) for name, part in above.valid.items()}
    targets = [part.target for part in (above, other) if part.target is not None]
    inside = [part.inside for part in (above, other) if part.inside is not None]
    target = np.concatenate(targets, axis=-2) if targets else None
    return Patch(values, valid, target, inside=np.concatenate(inside) if inside else None)


@dataclass(frozen=True, slots=True)
class Chip:
    """One sample."""

    sample_id: str
    #: With answers.
    patch: Patch
    #: (height, width): False where an earlier chip of the same split holds the same pixel. None: none does.
    counted: NDArray[np.bool_] | None = None
    #: Source -> year, and day of the year from 0, of each step (steps, 2).
    dates: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    #: Latitude and longitude in degrees (2,).
    location: NDArray[np.float32] | None = None


class Batch(TypedDict):
    """What a datamodule gives and a task takes."""

    #: Source -> raw values (batch, channels[, steps], height, width), in the type of the raster.
    images: dict[str, Tensor]
    #: Source -> where it holds data (batch, height, width), or (batch, steps, height, width).
    valid: dict[str, Tensor]
    #: The answers as they are known, as the kind of the target reads them.
    target: Tensor
    sample_id: list[str]
    #: (batch, height, width): False where an earlier chip of the same split holds the same pixel. Absent: none does.
    counted: NotRequired[Tensor]
    #: Source -> year, and day of the year from 0, of each step (batch, steps, 2).
    dates: NotRequired[dict[str, Tensor]]
    #: Latitude and longitude in degrees (batch, 2).
    location: NotRequired[Tensor]
    #: A number for each chip, by which a model draws what it leaves to chance (batch,): see :class:`Images`.
    seeds: NotRequired[Tensor]
    #: For each chip ``boxes`` (objects, 4), ``labels`` (objects,), ``centers`` (objects, 2) and, where known, ``masks``
    #: (objects, height, width): see :class:`Objects`. Absent: the target does not ask for objects.
    objects: NotRequired[list[dict[str, Tensor]]]
    #: Which chips are asked for (batch,); others fill up the batch of one of several processes. Absent: all.
    own: NotRequired[Tensor]


@dataclass(frozen=True, slots=True)
class Truth:
    """What scores for a batch are judged by."""

    #: What is asked of each image, as the kind of the target has it (batch, ...); not known is what is not judged.
    target: Tensor
    #: As in :class:`Batch`. None: the target does not ask for objects.
    objects: Sequence[Mapping[str, Tensor]] | None = None

    def of(self, index: int) -> Truth:
        """Return that of one image, as a batch of one."""
        objects = None if self.objects is None else self.objects[index : index + 1]
        return Truth(self.target[index : index + 1], objects)


@dataclass(frozen=True)
class Image:
    """The images of one source, as an encoder of one source is given them."""

    #: (batch, channels, height, width), or (batch, channels, steps, height, width).
    values: Tensor
    #: Where they hold data (batch, height, width), or (batch, steps, height, width). None: everywhere.
    valid: Tensor | None = None
    #: Year, and day of the year from 0, of each step (batch, steps, 2).
    dates: Tensor | None = None
    #: Latitude and longitude in degrees (batch, 2).
    location: Tensor | None = None


@dataclass(frozen=True)
class Images:
    """What a model is given of a batch; a registered pytree, so that it passes through ``torch.export``."""

    #: Source -> (batch, channels, height, width), or (batch, channels, steps, height, width); all of one height and
    #: width. Raw values before a model has standardised them.
    values: dict[str, Tensor]
    #: Source -> where it holds data (batch, height, width), or (batch, steps, height, width). Absent: everywhere.
    valid: dict[str, Tensor] = field(default_factory=dict)
    #: Source -> year, and day of the year from 0, of each step (batch, steps, 2).
    dates: dict[str, Tensor] = field(default_factory=dict)
    #: Latitude and longitude in degrees (batch, 2).
    location: Tensor | None = None
    #: A number for each image, by which a model draws what it leaves to chance, such as what it hides of the image
    #: (batch,). None: torch's own generator draws.
    seeds: Tensor | None = None

    def of(self, source: str) -> Image:
        """Return those of one source."""
        return Image(self.values[source], self.valid.get(source), self.dates.get(source), self.location)

    def only(self, source: str, name: str) -> Images:
        """Return those of one source, under another name of it."""
        image = self.of(source)
        valid = {} if image.valid is None else {name: image.valid}
        dates = {} if image.dates is None else {name: image.dates}
        return Images({name: image.values}, valid, dates, image.location, self.seeds)

    def with_values(self, values: dict[str, Tensor]) -> Images:
        """Return the same with other values."""
        return replace(self, values=values)

    def part(self, rows: slice) -> Images:
        """Return some of the images of the batch."""
        return self._each(lambda part: part[rows])

    def grown(self, count: int) -> Images:
        """Return the same with its last image repeated so often."""

        def grow(part: Tensor) -> Tensor:
            return torch.cat([part, part[-1:].expand(count, *part.shape[1:])])

        return self._each(grow)

    def to(self, device: torch.device) -> Images:
        """Return the same on a device."""
        return self._each(lambda part: part.to(device, non_blocking=True))

    def _each(self, change: Callable[[Tensor], Tensor]) -> Images:
        parts = (self.values, self.valid, self.dates)
        values, valid, dates = ({source: change(part) for source, part in entry.items()} for entry in parts)
        location, seeds = (None if part is None else change(part) for part in (self.location, self.seeds))
        return Images(values, valid, dates, location, seeds)


torch.export.register_dataclass(Image, serialized_type_name="groundwork.Image")
torch.export.register_dataclass(Images, serialized_type_name="groundwork.Images")


def images_of(batch: Batch) -> Images:
    """Return what a model is given of a batch."""
    place, seeds = batch.get("location"), batch.get("seeds")
    return Images(batch["images"], batch["valid"], batch.get("dates", {}), place, seeds)


def stack(patches: Sequence[Patch]) -> Images:
    """Return windows of one size as a batch of images, in the types they were read in."""
    values = {name: _stack([patch.values[name] for patch in patches]) for name in by_name(patches[0].values)}
    return Images(values, {name: _stack([patch.valid[name] for patch in patches]) for name in values})


def collate(chips: Sequence[Chip]) -> Batch:
    """Return chips of one size as a batch. All of them have dates and places, or none has."""
    images = stack([chip.patch for chip in chips])
    batch = Batch(
        images=images.values,
        valid=images.valid,
        target=_stack([chip.patch.target for chip in chips]),
        sample_id=[chip.sample_id for chip in chips],
        seeds=torch.tensor([crc32(chip.sample_id.encode()) for chip in chips]),
    )
    if chips[0].counted is not None:
        batch["counted"] = _stack([chip.counted for chip in chips])
    if chips[0].dates:
        batch["dates"] = {name: _stack([chip.dates[name] for chip in chips]) for name in by_name(chips[0].dates)}
    if chips[0].location is not None:
        batch["location"] = _stack([chip.location for chip in chips])
    found = [chip.patch.objects for chip in chips if chip.patch.objects is not None]
    if found:
        batch["objects"] = [
            {name: torch.from_numpy(values) for name, values in objects.arrays().items()} for objects in found
        ]
    return batch


def _stack(parts: Sequence[NDArray[np.generic] | None]) -> Tensor:
    return torch.from_numpy(np.stack([part for part in parts if part is not None]))
