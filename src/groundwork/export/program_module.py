"""The network that is exported: a model between plain tensors, with all that stands around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from groundwork.batch import Images
from groundwork.config.export import Validity
from groundwork.export.description import LOCATION, ProgramInput
from groundwork.models.interface import Model
from groundwork.specs import RasterSpec
from groundwork.targets.kind import TargetKind


class ProgramModule(nn.Module):
    """Raw values in, activated scores out: standardisation, what is not valid, padding and activation are inside.

    Args:
        model: In evaluation mode.
        kind: What its scores mean.
        inputs: What it will be given, in order.
        specs: Source -> what its rasters hold.
        validity: Whether masks are given, or found by the values.
    """

    def __init__(
        self,
        model: Model,
        kind: TargetKind,
        inputs: Sequence[ProgramInput],
        specs: Mapping[str, RasterSpec],
        validity: Validity,
    ) -> None:
        super().__init__()
        self.model = model.eval()
        self._kind, self._inputs, self._specs, self._validity = kind, tuple(inputs), dict(specs), validity

    def forward(self, *given: Tensor) -> Tensor:
        """Give activated scores (batch, outputs, height, width), or (batch, outputs).

        Args:
            given: One tensor for each input, in their order.
        """
        images = images_of_inputs(self._inputs, given)
        if self._validity == "nodata":
            found = {source: holds_data(image, self._specs[source]) for source, image in images.values.items()}
            images = Images(images.values, found, images.dates, images.location)
        return self._kind.activate(self.model(images).output.float())


def images_of_inputs(inputs: Sequence[ProgramInput], given: Sequence[Tensor]) -> Images:
    """Return the tensors of a program's inputs as what a model is given."""
    parts: dict[str, dict[str, Tensor]] = {"values": {}, "validity": {}, "dates": {}}
    location = None
    for entry, tensor in zip(inputs, given, strict=True):
        if entry.holds == "location":
            location = tensor
        else:
            parts[entry.holds][str(entry.source)] = tensor
    return Images(parts["values"], parts["validity"], parts["dates"], location)


def inputs_of_images(inputs: Sequence[ProgramInput], images: Images, specs: Mapping[str, RasterSpec]) -> list[Tensor]:
    """Return what a program is given of images, in the order of its inputs.

    Where it has no input for masks, pixels without data are given a value that says so.
    """
    masked = {entry.source for entry in inputs if entry.holds == "validity"}
    given: list[Tensor] = []
    for entry in inputs:
        source = str(entry.source)
        if entry.holds == "location":
            given.append(_known(images.location, LOCATION))
        elif entry.holds == "dates":
            given.append(_known(images.dates.get(source), entry.name))
        elif entry.holds == "validity":
            given.append(_mask_of(images, source, specs[source]))
        else:
            values = images.values[source]
            given.append(values if source in masked else _mark(values, images.valid.get(source), specs[source]))
    return given


def holds_data(values: Tensor, spec: RasterSpec) -> Tensor:
    """Return where raw values hold data by themselves, as :func:`groundwork.rasters.validity.holds_data` does.

    Args:
        values: (batch, channels[, steps], height, width).
        spec: Of the rasters, without quality bands.

    Returns:
        (batch, height, width), or (batch, steps, height, width) where each step has its own.
    """
    finite = torch.isfinite(values)
    holds = finite
    if spec.nodata not in {None, "nan"}:
        # Whoever scales values before and back again does not meet whole numbers to the last bit.
        is_whole = not spec.dtype.startswith("float")
        nodata = float(spec.nodata or 0)
        holds = finite & (((values - nodata).abs() >= 0.5) if is_whole else (values != nodata))
    known = holds.any(dim=1) & finite.all(dim=1) if spec.validity == "any" else holds.all(dim=1)
    return known.all(dim=1) if known.dim() == 4 and not spec.has_validity_per_step else known


def _mark(values: Tensor, valid: Tensor | None, spec: RasterSpec) -> Tensor:
    """Return values of which a program sees the same pixels hold data as a mask says. None: all do."""
    nowhere = torch.nan if spec.nodata in {None, "nan"} else float(spec.nodata or 0)
    marked = values if valid is None else torch.where(_over(valid, values), values, nowhere)
    if spec.nodata in {None, "nan"}:
        return marked
    hidden = ~holds_data(marked, spec)
    # Values that were brought to the units of the training may be its nodata value, and hold data nevertheless.
    hidden = hidden if valid is None else hidden & valid
    return torch.where(_over(hidden, values), _off(marked, spec), marked) if bool(hidden.any()) else marked


def _over(mask: Tensor, values: Tensor) -> Tensor:
    """Return a mask in the rank of values."""
    while mask.dim() < values.dim():
        mask = mask.unsqueeze(1)
    return mask


def _off(values: Tensor, spec: RasterSpec) -> Tensor:
    """Return values that lie as far from the nodata value as a program needs to see data in them."""
    nodata = torch.tensor(float(spec.nodata or 0), dtype=torch.float32, device=values.device)
    apart = 0.0 if spec.dtype.startswith("float") else 0.5
    above = torch.maximum(nodata + apart, nodata.nextafter(nodata.new_tensor(torch.inf)))
    below = torch.minimum(nodata - apart, nodata.nextafter(nodata.new_tensor(-torch.inf)))
    # Of the largest number there is nothing above.
    upwards = torch.where(above.isfinite(), above, below)
    moved = torch.where(values >= nodata, upwards, below)
    return torch.where((values > below) & (values < above), moved, values)


def _mask_of(images: Images, source: str, spec: RasterSpec) -> Tensor:
    valid, values = images.valid.get(source), images.values[source]
    if valid is not None:
        return valid
    steps = (values.shape[2],) if spec.has_validity_per_step else ()
    return torch.ones((len(values), *steps, *values.shape[-2:]), dtype=torch.bool, device=values.device)


def _known(part: Tensor | None, name: str) -> Tensor:
    if part is None:
        raise ValueError(f"The program needs '{name}', and the images come without")
    return part.float()
