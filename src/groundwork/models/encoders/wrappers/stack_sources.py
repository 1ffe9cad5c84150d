"""Show several sources to an encoder of one, as one image of all their bands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from groundwork.batch import Images
from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.weights.info import EncoderInfo
from groundwork.registry import build
from groundwork.specs import RasterSpec
from groundwork.strict import did_you_mean

#: What the stacked image is called inside.
STACKED = "stacked"


class StackSourcesEncoder(Encoder):
    """Lays the bands of all sources behind one another, and sends them through one encoder: early fusion.

    The encoder finds the bands by name, as those of one source: published weights keep what they know of each.

    Args:
        inputs: Source -> what its rasters hold; at least two, of as many time steps.
        encoder: Name and options of the encoder.
        order: All sources, as their bands lie behind one another. Empty: in the order of their names.

    Raises:
        SpecError: For one source, sources of different numbers of time steps, or bands of one name in two of them.
        ComponentError: For an order that is not all of the sources.
    """

    def __init__(
        self, inputs: Mapping[str, RasterSpec], *, encoder: ComponentConfig, order: tuple[str, ...] = ()
    ) -> None:
        super().__init__()
        self.order = _checked(inputs, order, encoder.name)
        reference = next((name for name in self.order if inputs[name].reference), self.order[0])
        self.encoder = build(Encoder, ENCODERS, encoder, {STACKED: _stacked(inputs, self.order, reference)})
        self._reference = reference
        self.out = self.encoder.out
        self.coordinates = self.encoder.coordinates
        self.single_precision = self.encoder.single_precision
        self.size_multiple = self.encoder.size_multiple
        self.only_size = self.encoder.only_size
        info = self.encoder.info.get(STACKED)
        self.info = {} if info is None else {name: _of_source(info, inputs[name]) for name in self.order}
        self.loaded = {name: report for report in self.encoder.loaded.values() for name in self.order}

    def forward(self, images: Images) -> list[Tensor]:
        """Give one map per level. See :class:`Encoder`."""
        values = torch.cat([images.values[name] for name in self.order], dim=1)
        stacked = Images({STACKED: values}, location=images.location)
        if self._reference in images.dates:
            stacked.dates[STACKED] = images.dates[self._reference]
        maps: list[Tensor] = self.encoder(stacked)
        return maps


def _stacked(inputs: Mapping[str, RasterSpec], order: tuple[str, ...], reference: str) -> RasterSpec:
    """Return what the image of all bands holds. Standardised values have no type and no data that is missing."""
    grid = inputs[reference]
    bands = tuple(band.model_copy(update={"dtype": None}) for name in order for band in inputs[name].used)
    return RasterSpec(
        bands=bands, dtype="float32", nodata=None, steps=grid.steps, layout=grid.layout, pixel_size_m=grid.pixel_size_m
    )


def _checked(inputs: Mapping[str, RasterSpec], order: tuple[str, ...], name: str) -> tuple[str, ...]:
    if len(inputs) < 2:
        raise SpecError(
            f"'stack_sources' lays the bands of several sources together, and there is one: {sorted(inputs)}. Name "
            f"'{name}' itself as the encoder"
        )
    unknown = [source for source in order if source not in inputs]
    if unknown or (order and sorted(order) != sorted(inputs)):
        hint = did_you_mean(unknown[0], list(inputs)) if unknown else ""
        raise ComponentError(
            f"'order' must name each source once; found {list(order)}, sources {sorted(inputs)}.{hint}"
        )
    steps = {source: spec.steps for source, spec in inputs.items()}
    if len(set(steps.values())) > 1:
        raise SpecError(
            f"'stack_sources' lays sources of as many time steps together; found {steps}. Give each its own encoder in "
            "'encoders'"
        )
    owners: dict[str, list[str]] = {}
    for source, spec in inputs.items():
        for band in spec.used:
            owners.setdefault(band.name, []).append(source)
    doubled = {band: sources for band, sources in owners.items() if len(sources) > 1}
    if doubled:
        raise SpecError(
            f"'stack_sources' tells bands by their names, and sources share some: {doubled}. Give them other names in "
            "data.sources"
        )
    return order or tuple(sorted(inputs))


def _of_source(info: EncoderInfo, raster: RasterSpec) -> EncoderInfo:
    """Return what the weights expect of a source. Of one whose bands they never saw they know nothing but that."""
    if not info.bands or any(band.name in info.bands for band in raster.used):
        return info
    return replace(info, unit=None, mean=(), std=(), pixel_size_m=None)
