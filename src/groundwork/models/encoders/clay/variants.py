"""The networks of Clay 1.5 and what their weights expect. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from groundwork.models.weights.info import EncoderInfo

#: Clay's names of its networks.
VariantName: TypeAlias = Literal["clay_v1_5_tiny", "clay_v1_5_small", "clay_v1_5_base", "clay_v1_5_large"]
#: Clay's names of the products it was trained on, as far as their statistics have a known unit.
SensorName: TypeAlias = Literal["sentinel-2-l2a", "sentinel-1-rtc"]

IMAGE_SIZE = 256
PATCH_SIZE = 8
#: What stands for the wavelengths of the bands of radar, in nanometres.
RADAR_NM = {"VV": 3500.0, "VH": 4000.0}


@dataclass(frozen=True, slots=True)
class ClayVariant:
    """The sizes of one network."""

    embed_dim: int
    depth: int
    num_heads: int
    #: Length of what one head of an attention sees.
    head_dim: int
    mlp_ratio: int
    #: Where the weights are published, as ``owner/repository/file`` of the hub. None: nowhere.
    weights: str | None = None


VARIANTS: dict[str, ClayVariant] = {
    "clay_v1_5_tiny": ClayVariant(192, 6, 4, 48, 2),
    "clay_v1_5_small": ClayVariant(384, 6, 6, 64, 2),
    "clay_v1_5_base": ClayVariant(768, 12, 12, 64, 4),
    "clay_v1_5_large": ClayVariant(1024, 24, 16, 64, 4, weights="made-with-clay/Clay/v1.5/clay-v1.5.ckpt"),
}


@dataclass(frozen=True, slots=True)
class _Sensor:
    bands: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    unit: str
    scale: float


_SENSORS = {
    "sentinel-2-l2a": _Sensor(
        (
            *("BLUE", "GREEN", "RED", "RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3"),
            *("NIR_BROAD", "NIR_NARROW", "SWIR_1", "SWIR_2"),
        ),
        (1105.0, 1355.0, 1552.0, 1887.0, 2422.0, 2630.0, 2743.0, 2785.0, 2388.0, 1835.0),
        (1809.0, 1757.0, 1888.0, 1870.0, 1732.0, 1697.0, 1742.0, 1648.0, 1470.0, 1379.0),
        unit="reflectance",
        scale=1e-4,
    ),
    "sentinel-1-rtc": _Sensor(("VV", "VH"), (-12.113, -18.673), (8.314, 8.017), unit="dB", scale=1.0),
}


def describe(variant: str, sensor: str | None) -> EncoderInfo:
    """Return what the published weights expect of a sensor. None: of any, whose statistics they do not know."""
    seen = _SENSORS.get(sensor) if sensor is not None else None
    return EncoderInfo(
        bands=seen.bands if seen else (),
        unit=seen.unit if seen else None,
        scale=seen.scale if seen else 1.0,
        mean=seen.mean if seen else (),
        std=seen.std if seen else (),
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        pixel_size_m=10.0 if seen else None,
        weights=VARIANTS[variant].weights,
        licence="Apache-2.0",
        citation="https://github.com/Clay-foundation/model",
    )
