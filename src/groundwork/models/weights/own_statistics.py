"""What a file of weights that this library wrote was standardised by: not what the published weights were."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from safetensors import safe_open
from torch import Tensor

from groundwork.bundle_formats import FORMAT_VERSION, name_anew
from groundwork.errors import WeightsError
from groundwork.models.weights.info import EncoderInfo
from groundwork.specs import RasterSpec
from groundwork.strict import Config

#: Under this, the description of a safetensors file has them, as JSON.
KEY = "statistics"
#: How names begin of what a bundle standardises by.
_STATISTICS = "standardise."
#: Names of a bundle's files.
_WEIGHTS, _DESCRIPTION = "weights.safetensors", "bundle.json"


class OwnStatistics(Config):
    """What the rasters of a training held, band by band, in physical values."""

    #: In the order of the first layer.
    bands: tuple[str, ...]
    #: None: it was not stated of all bands, or not one and the same.
    unit: str | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pixel_size_m: float | None

    @classmethod
    def of(cls, raster: RasterSpec, mean: Tensor, std: Tensor) -> OwnStatistics:
        """Return those of a model.

        Args:
            raster: What its rasters hold.
            mean: That raw values were standardised by, (bands,).
            std: Likewise.
        """
        units = {band.unit for band in raster.used}
        by_band = list(zip(raster.used, mean.double().tolist(), std.double().tolist(), strict=True))
        return cls(
            bands=tuple(band.name for band in raster.used),
            unit=units.pop() if len(units) == 1 else None,
            mean=tuple(band.scale * value + band.offset for band, value, _ in by_band),
            std=tuple(abs(band.scale) * value for band, _, value in by_band),
            pixel_size_m=raster.pixel_size_m,
        )

    def told_of(self, info: EncoderInfo) -> EncoderInfo:
        """Return what is said of an encoder with these in place of those of its published weights."""
        known = replace(info, bands=self.bands, unit=self.unit, scale=1.0, pixel_size_m=self.pixel_size_m)
        return replace(known, mean=self.mean, std=self.std)


def own_statistics(file: Path) -> OwnStatistics | None:
    """Return what the weights of a file were standardised by. None: this library did not write it, or did not say so.

    Raises:
        WeightsError: Where what describes it cannot be read.
    """
    if not file.is_file():
        return None
    try:
        if is_in_bundle(file):
            return _of_bundle(file)
        words = described_in(file, KEY)
        return None if words is None else OwnStatistics.model_validate_json(words)
    except (ValidationError, ValueError) as error:
        raise WeightsError(f"What describes the statistics of {file} cannot be read: {error}") from None


def has_statistics(file: Path) -> bool:
    """Whether a file says what a model standardised by, be it in ways that nobody can read without its bundle."""
    if file.suffix != ".safetensors" or not file.is_file():
        return False
    with safe_open(file, "pt") as opened:
        return any(name.startswith(_STATISTICS) for name in opened.keys())  # noqa: SIM118


def is_in_bundle(file: Path) -> bool:
    """Whether weights lie in a bundle, which describes them."""
    return file.name == _WEIGHTS and file.with_name(_DESCRIPTION).is_file()


def source_of_bundle(file: Path) -> tuple[str, RasterSpec] | None:
    """Return the name of the source of a bundle that weights lie in, and what its rasters hold. None: it has several.

    Raises:
        ValueError: Where the description cannot be read.
    """
    inputs = _description(file).get("inputs")
    if not isinstance(inputs, dict) or len(inputs) != 1:
        return None
    ((source, spec),) = inputs.items()
    return source, RasterSpec.model_validate(spec)


def _description(file: Path) -> dict[str, Any]:
    content = json.loads(file.with_name(_DESCRIPTION).read_text(encoding="utf-8"))
    return {"format_version": FORMAT_VERSION, **content} if isinstance(content, dict) else {}


def described_in(file: Path, key: str) -> str | None:
    """Return what the description of a safetensors file has under a key. None: nothing, or it is another file."""
    if file.suffix != ".safetensors":
        return None
    with safe_open(file, "pt") as opened:
        return cast("Mapping[str, str]", opened.metadata() or {}).get(key)


def _of_bundle(file: Path) -> OwnStatistics | None:
    if (found := source_of_bundle(file)) is None:
        return None
    source, raster = found
    with safe_open(file, "pt") as opened:
        held = {name: opened.get_tensor(name) for name in opened.keys() if name.startswith(_STATISTICS)}  # noqa: SIM118
    held = name_anew(held, _description(file))
    names = [f"{_STATISTICS}{source}.{part}" for part in ("mean", "std")]
    if not set(names) <= set(held):
        return None
    return OwnStatistics.of(raster, held[names[0]], held[names[1]])
