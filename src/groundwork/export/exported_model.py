"""An exported program in the place of the model that it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn, final

import torch
from torch import Tensor, nn

from groundwork.batch import Images
from groundwork.config.data import read_by_model
from groundwork.errors import ExportError
from groundwork.export.description import Description, ProgramSizes
from groundwork.export.program_module import inputs_of_images
from groundwork.export.programs import Program
from groundwork.models.features.padding import crop_center, pad_to
from groundwork.models.interface import Model, ModelOutput
from groundwork.targets.kinds import kind_of


@final
class ExportedModel(Model):
    """Gives the scores of a program. It has no weights of its own, and cannot be trained.

    Where the program takes batches of one size, smaller ones are filled up by their last image. Images that are smaller
    than the program takes are mirrored at their edges where the network would do just that, and cut back.

    Args:
        program: What is run.
        description: What it says of itself.
    """

    is_settled = True

    def __init__(self, program: Program, description: Description) -> None:
        super().__init__()
        self._program, self._description = program, description
        self._kind = kind_of(description.bundle.target)
        self._specs = read_by_model(description.bundle.inputs)
        held = {entry.holds for entry in description.inputs}
        words = (("dates", "time"), ("location", "location"))
        self.coordinates = frozenset(word for holds, word in words if holds in held)

    def forward(self, images: Images) -> ModelOutput:
        """Give raw scores. See :class:`Model`.

        Raises:
            ExportError: For images larger than the only size that the program takes, and for smaller ones where the
                program would give something else than the network.
        """
        sizes, first = self._description.sizes, next(iter(images.values.values()))
        size = (first.shape[-2], first.shape[-1])
        _require_size(size, sizes)
        padded = _padded(size, sizes)
        if padded != size:
            self._require_same_growth(size, padded)
        grown = _grown(images, padded)
        parts = [self._ask(part, sizes.batch) for part in _batches(grown, sizes.batch)]
        activated = torch.cat(parts) if len(parts) > 1 else parts[0]
        scores = self._kind.deactivate(activated[: len(first)])
        return ModelOutput(crop_center(scores, size) if scores.dim() == 4 else scores)

    def set_statistics(self, mean: Sequence[float], std: Sequence[float], source: str | None = None) -> NoReturn:  # noqa: ARG002
        """Refuse: they are part of the program. See :class:`Model`."""
        raise ExportError("An exported program cannot be trained: train the bundle that it was made of.")

    def compile(self) -> NoReturn:
        """Refuse: it is a program already."""
        raise ExportError("An exported program is not compiled once more: set 'inference.compile: false'.")

    def parts(self) -> dict[str, dict[str, nn.Parameter]]:
        """Return none. See :class:`Model`."""
        return {}

    def _require_same_growth(self, size: tuple[int, int], padded: tuple[int, int]) -> None:
        """Refuse to grow images to a size that the network would not have grown them to by itself.

        What is grown counts as data, which answers of whole images would take for a part of the image.
        """
        multiple = self._description.sizes.grown
        by_itself = None if multiple is None else tuple(-(-length // multiple) * multiple for length in size)
        if self._kind.per == "pixel" and by_itself == padded:
            return
        raise ExportError(
            f"The exported program takes images of {_words(self._description.sizes)} pixels, and was given {size[0]} x "
            f"{size[1]}. Filled up it would give other answers than the bundle. Predict these with the bundle itself, "
            "or export again with an 'inference.tile_size' of this size"
        )

    def _ask(self, images: Images, batch: int | None) -> Tensor:
        count = len(next(iter(images.values.values())))
        full = images.grown(batch - count) if batch is not None and count < batch else images
        return self._program.run(inputs_of_images(self._description.inputs, full, self._specs))


def _require_size(size: tuple[int, int], sizes: ProgramSizes) -> None:
    for length, only in zip(size, (sizes.height, sizes.width), strict=True):
        if only is not None and length > only:
            raise ExportError(
                f"The exported program takes images of {sizes.height} x {sizes.width} pixels, and was given {size[0]} "
                f"x {size[1]}: set 'inference.tile_size: {sizes.height}', or export again with that tile size"
            )


def _words(sizes: ProgramSizes) -> str:
    least = f"at least {sizes.least}"
    return f"{sizes.height or least} x {sizes.width or least}"


def _padded(size: tuple[int, int], sizes: ProgramSizes) -> tuple[int, int]:
    return sizes.height or max(size[0], sizes.least), sizes.width or max(size[1], sizes.least)


def _grown(images: Images, size: tuple[int, int]) -> Images:
    """Return images mirrored at their edges up to a size, masks as well."""
    values = {source: pad_to(part, size) for source, part in images.values.items()}
    valid = {source: pad_to(part, size) for source, part in images.valid.items()}
    return Images(values, valid, images.dates, images.location, images.seeds)


def _batches(images: Images, size: int | None) -> list[Images]:
    """Return images in batches that are no larger than a program takes."""
    count = len(next(iter(images.values.values())))
    if size is None or count <= size:
        return [images]
    return [images.part(slice(start, start + size)) for start in range(0, count, size)]
