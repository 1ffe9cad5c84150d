"""The published networks of SatMAE and what their weights expect. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from groundwork.models.weights.info import EncoderInfo

#: Size and pre-training data: fMoW in natural colours, or fMoW-Sentinel.
VariantName: TypeAlias = Literal["satmae_large_rgb", "satmae_base_sentinel2", "satmae_large_sentinel2"]


@dataclass(frozen=True, slots=True)
class SatMAEVariant:
    """One network."""

    embed_dim: int
    depth: int
    num_heads: int
    #: Side of a patch and of the images of pre-training, in pixels.
    patch_size: int
    image_size: int
    #: Bands that share a token. With one group only, tokens say nothing of it.
    groups: tuple[tuple[str, ...], ...]
    #: Part of a token's code that says which group it is.
    group_dim: int
    #: Address of the weights.
    weights: str


_RGB = (("RED", "GREEN", "BLUE"),)
_SENTINEL2 = (
    ("BLUE", "GREEN", "RED", "NIR_BROAD"),
    ("RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3", "NIR_NARROW"),
    ("SWIR_1", "SWIR_2"),
)
_COLOURS = "https://zenodo.org/record/7369797/files/fmow_pretrain.pth"
_SPECTRA = "https://zenodo.org/record/7338613/files/pretrain-vit-{}-e199.pth"

VARIANTS: dict[str, SatMAEVariant] = {
    "satmae_large_rgb": SatMAEVariant(1024, 24, 16, 16, 224, _RGB, 0, _COLOURS),
    "satmae_base_sentinel2": SatMAEVariant(768, 12, 12, 8, 96, _SENTINEL2, 256, _SPECTRA.format("base")),
    "satmae_large_sentinel2": SatMAEVariant(1024, 24, 16, 8, 96, _SENTINEL2, 256, _SPECTRA.format("large")),
}

#: Mean and standard deviation of the pre-training data: natural colours from 0 to 1, reflectance times 10000.
_RGB_VALUES = {
    "RED": (0.4182007312774658, 0.28774282336235046),
    "GREEN": (0.4214799106121063, 0.27541765570640564),
    "BLUE": (0.3991275727748871, 0.2764017581939697),
}
_SENTINEL2_VALUES = {
    "BLUE": (1184.3824625, 650.2842772),
    "GREEN": (1120.77120066, 712.12507725),
    "RED": (1136.26026392, 965.23119807),
    "RED_EDGE_1": (1263.73947144, 948.9819932),
    "RED_EDGE_2": (1645.40315151, 1108.06650639),
    "RED_EDGE_3": (1846.87040806, 1258.36394548),
    "NIR_BROAD": (1762.59530783, 1233.1492281),
    "NIR_NARROW": (1972.62420416, 1364.38688993),
    "SWIR_1": (1732.16362238, 1310.36996126),
    "SWIR_2": (1247.91870117, 1087.6020813),
}


def describe(variant: str) -> EncoderInfo:
    """Return what the published weights of a network expect.

    SatMAE maps reflectance two standard deviations below and above the mean to 0 and 1, and cuts off what lies beyond;
    the statistics are those that map, and nothing is cut off here.
    """
    sizes = VARIANTS[variant]
    bands = tuple(band for group in sizes.groups for band in group)
    is_rgb = sizes.groups == _RGB
    values = [(_RGB_VALUES if is_rgb else _SENTINEL2_VALUES)[band] for band in bands]
    return EncoderInfo(
        bands=bands,
        unit=None if is_rgb else "reflectance",
        scale=1.0 if is_rgb else 1e-4,
        mean=tuple(255 * mean if is_rgb else mean - 2 * std for mean, std in values),
        std=tuple(255 * std if is_rgb else 4 * std for _, std in values),
        image_size=sizes.image_size,
        patch_size=sizes.patch_size,
        weights=sizes.weights,
        licence="CC-BY-NC-4.0",
        citation="https://arxiv.org/abs/2207.08051",
    )
