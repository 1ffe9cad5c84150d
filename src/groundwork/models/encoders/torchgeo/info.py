"""Read from TorchGeo's weights what they expect: bands, statistics, sizes, licence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle, islice

import torchvision.transforms.v2 as transforms
from torch import nn
from torchvision.models import WeightsEnum

from groundwork.models.encoders.torchgeo.bands import RGB, name_bands, pixel_size_of, sensor_of
from groundwork.models.weights.info import EncoderInfo


def read_info(weights: WeightsEnum, *, patch_size: int | None = None, licence: str | None = None) -> EncoderInfo:
    """Return what a TorchGeo entry says of its weights.

    Args:
        weights: For example ``ResNet50_Weights.SENTINEL2_ALL_MOCO``.
        patch_size: Of the network, which the entry does not say.
        licence: Of the weights, where the entry does not say.
    """
    meta = weights.meta
    bands, steps = _read_bands(weights)
    mean, std = _read_statistics(weights.transforms, len(bands))
    unit, scale = _guess_unit(weights.name, mean, std)
    return EncoderInfo(
        bands=bands,
        unit=unit,
        scale=scale,
        mean=mean,
        std=std,
        image_size=_read_size(weights),
        patch_size=patch_size,
        pixel_size_m=meta.get("resolution") or pixel_size_of(weights.name),
        steps=steps,
        weights=weights.url,
        licence=meta.get("license", licence),
        citation=meta.get("publication") or meta.get("repo"),
    )


def _read_bands(weights: WeightsEnum) -> tuple[tuple[str, ...], int]:
    """Return the names of the bands of one date, and the number of dates."""
    own = weights.meta.get("bands")
    if own is None:
        # Entries without bands are of photographs.
        return (RGB if weights.meta.get("in_chans") == len(RGB) else ()), 1
    named = name_bands(own, sensor_of(weights.name))
    of_one_date = tuple(dict.fromkeys(named))
    return of_one_date, len(named) // len(of_one_date)


def _read_statistics(steps: nn.Module, num_bands: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std that come to the same as all the normalisations of the entry, one behind another."""
    mean, std = [0.0] * num_bands, [1.0] * num_bands
    found = [module for module in steps.modules() if isinstance(module, transforms.Normalize)]
    for normalise in found:
        pairs = zip(_repeat(normalise.mean, num_bands), _repeat(normalise.std, num_bands), strict=True)
        for band, (next_mean, next_std) in enumerate(pairs):
            mean[band] += std[band] * next_mean
            std[band] *= next_std
    return (tuple(mean), tuple(std)) if found else ((), ())


def _repeat(values: Sequence[float], count: int) -> Iterator[float]:
    # One number stands for all bands; numbers of several dates repeat from date to date.
    return islice(cycle(values), count)


def _guess_unit(name: str, mean: tuple[float, ...], std: tuple[float, ...]) -> tuple[str | None, float]:
    """Return the unit and what values of pre-training are multiplied by to have it, where the numbers tell it."""
    sensor = sensor_of(name)
    # Sentinel-2 stores reflectance times 10000; numbers of 0 to 255 are pictures, whose stretching is not known.
    if sensor == "SENTINEL2" and std and (min(std) >= 1000 or max(mean) > 255):
        return "reflectance", 1e-4
    if sensor == "SENTINEL1" and mean and max(mean) < 0:
        return "dB", 1.0
    return None, 1.0


def _read_size(weights: WeightsEnum) -> int | None:
    stated: int | None = weights.meta.get("img_size") or weights.meta.get("image_size")
    sizes = [
        module.size
        for module in weights.transforms.modules()
        if isinstance(module, transforms.CenterCrop | transforms.Resize)
    ]
    if stated or not sizes:
        return stated
    last = sizes[-1]
    return last if isinstance(last, int) else int(last[0])
