"""The published networks of Galileo and what they see. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from groundwork.models.weights.info import EncoderInfo

#: The names of the networks, as on https://huggingface.co/nasaharvest/galileo.
VariantName: TypeAlias = Literal["galileo_nano", "galileo_tiny", "galileo_base"]

#: Side of the patches of the published first layers, in pixels. Smaller ones are made from them.
MAX_PATCH_SIZE = 8
MAX_STEPS = 24
#: The pixel size of pre-training, in metres, which is the unit of Galileo's distances.
PIXEL_SIZE_M = 10.0


@dataclass(frozen=True, slots=True)
class GalileoVariant:
    """The sizes of one network, and where its weights are published, as ``owner/repository/file`` of the hub."""

    embed_dim: int
    depth: int
    num_heads: int
    weights: str


def _hub(size: str) -> str:
    return f"nasaharvest/galileo/models/{size}/encoder.pt"


VARIANTS: dict[str, GalileoVariant] = {
    "galileo_nano": GalileoVariant(128, 4, 8, _hub("nano")),
    "galileo_tiny": GalileoVariant(192, 12, 3, _hub("tiny")),
    "galileo_base": GalileoVariant(768, 12, 12, _hub("base")),
}

#: Galileo's groups of bands that change with time -> our names of the bands. Each group is a token of its own.
TIMED_GROUPS: dict[str, tuple[str, ...]] = {
    "S1": ("VV", "VH"),
    "S2_RGB": ("BLUE", "GREEN", "RED"),
    "S2_Red_Edge": ("RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3"),
    "S2_NIR_10m": ("NIR_BROAD",),
    "S2_NIR_20m": ("NIR_NARROW",),
    "S2_SWIR": ("SWIR_1", "SWIR_2"),
    "NDVI": ("NDVI",),
}
#: The same of bands that do not change with time: elevation in metres and slope in degrees.
STILL_GROUPS: dict[str, tuple[str, ...]] = {"SRTM": ("DEM", "SLOPE")}


@dataclass(frozen=True, slots=True)
class _Kind:
    """Bands of one unit, with the mean and standard deviation that Galileo publishes of them."""

    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    unit: str | None
    scale: float = 1.0


_KINDS = (
    _Kind(("VV", "VH"), (-11.728724389184965, -18.85558188024017), (4.887145774840316, 5.730270320384293), "dB"),
    _Kind(
        (
            *("BLUE", "GREEN", "RED", "RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3"),
            *("NIR_BROAD", "NIR_NARROW", "SWIR_1", "SWIR_2"),
        ),
        (
            *(1395.3408730676722, 1338.4026921784578, 1343.09883810357, 1543.8607982512297, 2186.2022069512263),
            *(2525.0932853316694, 2410.3377187373408, 2750.2854646886753, 2234.911100061487, 1474.5311266077113),
        ),
        (
            *(917.7041440370853, 913.2988423581528, 1092.678723527555, 1047.2206083460424, 1048.0101611156767),
            *(1143.6903026819996, 1098.979177731649, 1204.472755085893, 1145.9774063078878, 980.2429840007796),
        ),
        "reflectance",
        1e-4,
    ),
    _Kind(("DEM", "SLOPE"), (673.0152819503361, 5.930092668915115), (983.0697298296237, 8.167406789813247), None),
)


def describe(variant: str, bands: tuple[str, ...]) -> EncoderInfo | None:
    """Return what the published weights expect of a source. None: its bands have several units, or none is known.

    Galileo maps two standard deviations below and above the mean to 0 and 1; the statistics are those that do so.
    """
    kind = next((kind for kind in _KINDS if set(bands) <= set(kind.bands)), None)
    if kind is None:
        return None
    return EncoderInfo(
        bands=kind.bands,
        unit=kind.unit,
        scale=kind.scale,
        mean=tuple(mean - 2 * std for mean, std in zip(kind.mean, kind.std, strict=True)),
        std=tuple(4 * std for std in kind.std),
        patch_size=MAX_PATCH_SIZE,
        pixel_size_m=PIXEL_SIZE_M,
        steps=MAX_STEPS,
        weights=VARIANTS[variant].weights,
        licence="MIT",
        citation="https://arxiv.org/abs/2502.09356",
    )
