"""The published networks of Prithvi-EO: their sizes, and what their weights expect. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from groundwork.errors import ComponentError
from groundwork.models.weights.info import Coordinate, EncoderInfo

#: The names of the networks, as on https://huggingface.co/ibm-nasa-geospatial.
VariantName: TypeAlias = Literal[
    "prithvi_eo_tiny",
    "prithvi_eo_v1_100",
    "prithvi_eo_v2_tiny_tl",
    "prithvi_eo_v2_100_tl",
    "prithvi_eo_v2_300",
    "prithvi_eo_v2_300_tl",
    "prithvi_eo_v2_600",
    "prithvi_eo_v2_600_tl",
]

#: The bands of Harmonized Landsat and Sentinel-2 (HLS) that every Prithvi-EO was trained on.
HLS_BANDS = ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")
_V1 = {
    "mean": (775.0, 1081.0, 1229.0, 2497.0, 2204.0, 1611.0),
    "std": (1282.0, 1270.0, 1399.0, 1368.0, 1292.0, 1155.0),
}
_V2 = {
    "mean": (1087.0, 1342.0, 1433.0, 2734.0, 1958.0, 1363.0),
    "std": (2248.0, 2179.0, 2178.0, 1850.0, 1242.0, 1049.0),
}


@dataclass(frozen=True, slots=True)
class PrithviVariant:
    """The sizes of one network. ``decoder_*`` are those of the decoder it was trained with as a masked autoencoder."""

    embed_dim: int
    depth: int
    num_heads: int
    #: Side of a patch, in pixels.
    patch_size: int = 16
    #: Whether it was trained with dates and places; the factor before their codes is then trained as well.
    learned_scale: bool = False
    decoder_dim: int = 512
    decoder_depth: int = 8
    decoder_heads: int = 16
    mlp_ratio: float = 4.0
    #: Where the weights are published, as ``owner/repository/file`` of the hub. None: nowhere.
    weights: str | None = None
    #: Time steps of the pre-training data.
    steps: int = 1


def _hub(name: str) -> str:
    version = "1.0" if "V1" in name else "2.0"
    size = name.split("_", 3)[-1].replace("_", "-")
    return f"ibm-nasa-geospatial/Prithvi-EO-{version}-{size}/{name}.pt"


VARIANTS: dict[str, PrithviVariant] = {
    "prithvi_eo_tiny": PrithviVariant(256, 4, 4, decoder_dim=128, decoder_depth=4, decoder_heads=4),
    "prithvi_eo_v1_100": PrithviVariant(768, 12, 12, weights=_hub("Prithvi_EO_V1_100M"), steps=3),
    "prithvi_eo_v2_tiny_tl": PrithviVariant(192, 12, 3, learned_scale=True, weights=_hub("Prithvi_EO_V2_tiny_TL")),
    "prithvi_eo_v2_100_tl": PrithviVariant(
        768, 12, 12, learned_scale=True, weights=_hub("Prithvi_EO_V2_100M_TL"), steps=4
    ),
    "prithvi_eo_v2_300": PrithviVariant(1024, 24, 16, weights=_hub("Prithvi_EO_V2_300M"), steps=4),
    "prithvi_eo_v2_300_tl": PrithviVariant(
        1024, 24, 16, learned_scale=True, weights=_hub("Prithvi_EO_V2_300M_TL"), steps=4
    ),
    "prithvi_eo_v2_600": PrithviVariant(1280, 32, 16, patch_size=14, weights=_hub("Prithvi_EO_V2_600M"), steps=4),
    "prithvi_eo_v2_600_tl": PrithviVariant(
        1280, 32, 16, patch_size=14, learned_scale=True, weights=_hub("Prithvi_EO_V2_600M_TL"), steps=4
    ),
}


def describe(variant: str) -> EncoderInfo | None:
    """Return what the published weights of a network expect. None: there are none."""
    sizes = VARIANTS[variant]
    if sizes.weights is None:
        return None
    is_first = "_v1_" in variant
    statistics = _V1 if is_first else _V2
    return EncoderInfo(
        bands=HLS_BANDS,
        unit="reflectance",
        scale=1e-4,
        mean=statistics["mean"],
        std=statistics["std"],
        image_size=224,
        patch_size=sizes.patch_size,
        pixel_size_m=30.0,
        steps=sizes.steps,
        weights=sizes.weights,
        licence="Apache-2.0",
        citation="https://arxiv.org/abs/2310.18660" if is_first else "https://arxiv.org/abs/2412.02732",
    )


def check_coordinates(variant: str, coordinates: tuple[Coordinate, ...], pretrained: bool) -> None:
    """Refuse published weights that know nothing of the coordinates they would be given.

    Raises:
        ComponentError: With the network to take in place.
    """
    if pretrained and coordinates and not VARIANTS[variant].learned_scale:
        others = [name for name, sizes in VARIANTS.items() if sizes.learned_scale]
        raise ComponentError(
            f"The weights of '{variant}' were trained without dates and places, so 'coordinates' must stay empty with "
            f"'pretrained: true'. Take a variant that knows them: {others}"
        )
