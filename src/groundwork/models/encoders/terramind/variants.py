"""The published networks of TerraMind and what they see. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from groundwork.models.weights.info import EncoderInfo

#: The names of the networks, as on https://huggingface.co/ibm-esa-geospatial.
VariantName: TypeAlias = Literal["terramind_v1_tiny", "terramind_v1_small", "terramind_v1_base", "terramind_v1_large"]
#: What a source is. ``new``: nothing that TerraMind saw; it gets a first layer of its own, with fresh weights.
ModalityName: TypeAlias = Literal["S2L2A", "S2L1C", "RGB", "S1GRD", "S1RTC", "DEM", "new"]

IMAGE_SIZE = 224
PATCH_SIZE = 16


@dataclass(frozen=True, slots=True)
class TerraMindVariant:
    """The sizes of one network."""

    embed_dim: int
    depth: int
    num_heads: int
    #: Whether its MLPs are gated by a SiLU and none of its layers adds a constant; otherwise a plain ViT's.
    gated: bool
    #: Where the weights are published, as ``owner/repository/file`` of the hub.
    weights: str


@dataclass(frozen=True, slots=True)
class Modality:
    """One kind of image that TerraMind was trained on."""

    #: Its name within the published weights.
    key: str
    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    #: Unit of the physical values. None: none is stated.
    unit: str | None
    #: Physical value = value of pre-training * scale.
    scale: float = 1.0


def _hub(size: str) -> str:
    return f"ibm-esa-geospatial/TerraMind-1.0-{size}/TerraMind_v1_{size}.pt"


VARIANTS: dict[str, TerraMindVariant] = {
    "terramind_v1_tiny": TerraMindVariant(192, 12, 3, False, _hub("tiny")),
    "terramind_v1_small": TerraMindVariant(384, 12, 6, False, _hub("small")),
    "terramind_v1_base": TerraMindVariant(768, 12, 12, True, _hub("base")),
    "terramind_v1_large": TerraMindVariant(1024, 24, 16, True, _hub("large")),
}

_VISIBLE = ("COASTAL", "BLUE", "GREEN", "RED", "RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3", "NIR_BROAD", "NIR_NARROW")
#: The statistics are those of TerraMesh, which TerraMind was trained on, as TerraTorch publishes them.
MODALITIES: dict[str, Modality] = {
    "S2L2A": Modality(
        "untok_sen2l2a@224",
        (*_VISIBLE, "WATER_VAPOR", "SWIR_1", "SWIR_2"),
        (
            *(1390.458, 1503.317, 1718.197, 1853.91, 2199.1, 2779.975, 2987.011, 3083.234, 3132.22),
            *(3162.988, 2424.884, 1857.648),
        ),
        (
            *(2106.761, 2141.107, 2038.973, 2134.138, 2085.321, 1889.926, 1820.257, 1871.918, 1753.829),
            *(1797.379, 1434.261, 1334.311),
        ),
        unit="reflectance",
        scale=1e-4,
    ),
    "S2L1C": Modality(
        "untok_sen2l1c@224",
        (*_VISIBLE, "WATER_VAPOR", "CIRRUS", "SWIR_1", "SWIR_2"),
        (
            *(2357.089, 2137.385, 2018.788, 2082.986, 2295.651, 2854.537, 3122.849, 3040.56, 3306.481),
            *(1473.847, 506.07, 2472.825, 1838.929),
        ),
        (
            *(1624.683, 1675.806, 1557.708, 1833.702, 1823.738, 1733.977, 1732.131, 1679.732, 1727.26),
            *(1024.687, 442.165, 1331.411, 1160.419),
        ),
        unit="reflectance",
        scale=1e-4,
    ),
    "RGB": Modality(
        "untok_sen2rgb@224", ("RED", "GREEN", "BLUE"), (87.271, 80.931, 66.667), (58.767, 47.663, 42.631), unit=None
    ),
    "S1GRD": Modality("untok_sen1grd@224", ("VV", "VH"), (-12.599, -20.293), (5.195, 5.89), unit="dB"),
    "S1RTC": Modality("untok_sen1rtc@224", ("VV", "VH"), (-10.93, -17.329), (4.391, 4.459), unit="dB"),
    "DEM": Modality("untok_dem@224", ("DEM",), (670.665,), (951.272,), unit="m"),
}


def describe(variant: str, modality: str) -> EncoderInfo | None:
    """Return what the published weights of a network expect of a modality. None: they never saw it."""
    seen = MODALITIES.get(modality)
    if seen is None:
        return None
    return EncoderInfo(
        bands=seen.bands,
        unit=seen.unit,
        scale=seen.scale,
        mean=seen.mean,
        std=seen.std,
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        pixel_size_m=10.0,
        weights=VARIANTS[variant].weights,
        licence="Apache-2.0",
        citation="https://arxiv.org/abs/2504.11171",
    )
