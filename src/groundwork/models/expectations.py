"""Hold rasters against what an encoder's pre-trained weights were made for."""

from __future__ import annotations

from collections.abc import Iterator

from groundwork.errors import SpecError
from groundwork.models.weights.info import DIGITAL_NUMBER, EncoderInfo
from groundwork.specs import BandSpec, RasterSpec
from groundwork.strict import did_you_mean

#: Pixel sizes that differ by more than this factor show another world.
_MOST_ZOOM = 1.5


def check_expectations(info: EncoderInfo, raster: RasterSpec, accept: tuple[str, ...]) -> None:
    """Refuse rasters that contradict what pre-trained weights were made for.

    Args:
        info: What the weights expect.
        raster: What the rasters hold.
        accept: Kinds of contradiction that the recipe accepts.

    Raises:
        SpecError: With every contradiction, and how to accept it.
    """
    found = [(kind, text) for kind, text in _contradictions(info, raster) if kind not in accept]
    if found:
        kinds = ", ".join(dict.fromkeys(kind for kind, _ in found))
        raise SpecError(
            f"The rasters contradict what the encoder's pre-trained weights were made for: "
            f"{'; '.join(text for _, text in found)}. Change the source in data.sources, or write "
            f"'accept: [{kinds}]' in the model's configuration, where that is meant"
        )


def statistics_of(info: EncoderInfo | None, raster: RasterSpec) -> tuple[list[float], list[float]]:
    """Return mean and deviation of the pre-training data for each band that is read, in the rasters' raw units.

    Raises:
        SpecError: Where the encoder publishes none for a band, or the raster does not state a band's units.
    """
    if info is None or not info.mean:
        raise SpecError(
            "'standardise: from_encoder' needs an encoder that publishes statistics; take 'from_data'. Weights of a "
            "training of your own have them in the bundle of one source that they lie in: name the file there"
        )
    means, stds = [], []
    for band in raster.used:
        index = _index_of(band, info)
        _require_units(band, info, raster.dtype)
        means.append((info.mean[index] * info.scale - band.offset) / band.scale)
        stds.append(info.std[index] * info.scale / abs(band.scale))
    return means, stds


def _contradictions(info: EncoderInfo, raster: RasterSpec) -> Iterator[tuple[str, str]]:
    unknown = [band.name for band in raster.used if band.name not in info.bands]
    if info.bands and unknown:
        hints = "".join(did_you_mean(name, info.bands) for name in unknown)
        yield "bands", f"it never saw the bands {unknown}.{hints} It saw {list(info.bands)}"
    units = sorted({band.unit for band in raster.used if band.unit is not None and band.unit != info.unit})
    # Digital numbers measure nothing, so that no unit contradicts them.
    if info.unit not in {None, DIGITAL_NUMBER} and units:
        yield "unit", f"it saw values in {info.unit}, the rasters hold {', '.join(units)}"
    if info.pixel_size_m is not None and raster.pixel_size_m is not None:
        zoom = raster.pixel_size_m / info.pixel_size_m
        if not 1 / _MOST_ZOOM <= zoom <= _MOST_ZOOM:
            yield "pixel_size", f"it saw pixels of {info.pixel_size_m:g} m, the rasters have {raster.pixel_size_m:g} m"


def _index_of(band: BandSpec, info: EncoderInfo) -> int:
    if band.name not in info.bands:
        raise SpecError(
            f"'standardise: from_encoder': the encoder publishes no statistics of the band '{band.name}'."
            f"{did_you_mean(band.name, info.bands)} It has {list(info.bands)}; take 'from_data'"
        )
    return info.bands.index(band.name)


def _require_units(band: BandSpec, info: EncoderInfo, dtype: str) -> None:
    if info.unit is None:
        raise SpecError("'standardise: from_encoder': the encoder's statistics come without a unit; take 'from_data'")
    if info.unit == DIGITAL_NUMBER:
        _require_digital_numbers(band, dtype)
        return
    unstated = [key for key in ("scale", "unit") if key not in band.model_fields_set]
    if unstated or band.unit != info.unit:
        raise SpecError(
            f"'standardise: from_encoder' needs band '{band.name}' in {info.unit}: state its 'scale' (physical value = "
            f"raw value * scale + offset) and 'unit: {info.unit}' in data.sources; found scale {band.scale:g}"
            f"{'' if 'scale' in band.model_fields_set else ' (not stated)'}, unit {band.unit}"
        )


def _require_digital_numbers(band: BandSpec, dtype: str) -> None:
    # In 8 bits they are what the file holds. Of other types only their owner knows what stands for 255.
    is_scaled = dtype == "uint8" or "scale" in band.model_fields_set
    if band.unit == DIGITAL_NUMBER and is_scaled:
        return
    remedy = f"state 'unit: {DIGITAL_NUMBER}' for it in data.sources, if its values are the 0 to 255 of a picture"
    if dtype != "uint8":
        remedy = (
            f"state 'unit: {DIGITAL_NUMBER}' and the 'scale' and 'offset' that bring its values to 0 to 255 in "
            "data.sources, such as scale 0.0255 for 0 to 10000"
        )
    raise SpecError(
        f"'standardise: from_encoder': the encoder saw photographs, whose values go from 0 to 255, and band "
        f"'{band.name}' is {dtype} with unit {band.unit}: {remedy}; or take 'from_data'"
    )
