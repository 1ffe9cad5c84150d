"""Every set of weights of TorchGeo, as one component."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Literal

from torch import Tensor
from torchgeo.models import get_model_weights, list_models
from torchvision.models import WeightsEnum

from groundwork.batch import Image
from groundwork.errors import ComponentError, SpecError
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.torchgeo.copernicus_fm import CopernicusFMEncoder
from groundwork.models.encoders.torchgeo.croma import CROMAEncoder
from groundwork.models.encoders.torchgeo.dofa import DOFAEncoder
from groundwork.models.encoders.torchgeo.info import read_info
from groundwork.models.encoders.torchgeo.networks import (
    Built,
    Request,
    build_earthloc,
    build_resnet,
    build_swin,
    build_unet,
    build_vit,
)
from groundwork.models.encoders.torchgeo.panopticon import PanopticonEncoder
from groundwork.models.encoders.torchgeo.scale_mae import ScaleMAEEncoder
from groundwork.models.limits import Rate
from groundwork.models.weights.file import Weights, WeightsFile
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.published import FirstLayer, load_published
from groundwork.models.weights.reading import LoadReport, require_pretrained
from groundwork.specs import RasterSpec
from groundwork.strict import did_you_mean

#: How TorchGeo's builders begin -> how their networks are made to give maps.
_NETWORKS: Mapping[str, Callable[[Request], Built]] = {
    "resnet": build_resnet,
    "vit_": build_vit,
    "swin_": build_swin,
    "unet": build_unet,
    "earthloc": build_earthloc,
}


class TorchGeoEncoder(OneSourceEncoder):
    """A network of TorchGeo (https://github.com/torchgeo/torchgeo), known by its weights.

    Bands, statistics, sizes, licence and paper are read from TorchGeo's entry. Bands that pre-training lacked get
    fresh weights in the first layer; the others keep their own.

    Args:
        inputs: What the rasters hold, one date (two for the U-Nets of Fields of The World).
        model: An entry of TorchGeo, for example ``ResNet50_Weights.SENTINEL2_ALL_MOCO``.
        pretrained: Load its weights.
        weights: A file of them, instead of a download. One that is not the published file and does not say its bands
            comes as a mapping of ``file`` and ``bands``.
        out_indices: Which levels or blocks to pass on, in order; -1 is the last. None: all.
        drop_path: Rate of stochastic depth while training, 0 to 1 (https://arxiv.org/abs/1603.09382).

    Raises:
        ComponentError: For an entry that TorchGeo does not have or that is no encoder of images, or an option that
            its network does not take.
        SpecError: For another number of dates, or facts about the rasters that the network needs.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        model: str,
        pretrained: bool = False,
        weights: Weights | None = None,
        out_indices: tuple[int, ...] | None = None,
        drop_path: Rate = 0.0,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_pretrained(pretrained, weights)
        builder, entry = _find_entry(model)
        build = next((make for name, make in _NETWORKS.items() if builder.startswith(name)), None)
        if build is not None:
            info = read_info(entry)
            _require_dates(model, raster, info)
            built = build(Request(builder, entry, self.source, raster, out_indices, drop_path))
            self.network: OneSourceEncoder = built.encoder
            loaded = _load(built, entry, raster, pretrained, weights)
            self.publish(replace(info, patch_size=built.patch_size), loaded)
        elif drop_path:
            raise ComponentError(f"'{model}' has no stochastic depth. Leave 'drop_path' out")
        else:
            self.network = _build_own(builder, {self.source: raster}, pretrained, weights, out_indices)
            self.info, self.loaded = self.network.info, self.network.loaded
        self.out = self.network.out
        self.size_multiple = self.network.size_multiple
        self.coordinates = self.network.coordinates
        self.single_precision = self.network.single_precision

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per level. See :class:`Encoder`."""
        return self.network.encode(image)


def list_entries() -> list[str]:
    """Return the names of all entries of TorchGeo."""
    return list(_entries())


@cache
def _entries() -> dict[str, tuple[str, WeightsEnum]]:
    return {str(entry): (builder, entry) for builder in list_models() for entry in _weights_of(builder)}


def _weights_of(builder: str) -> Iterator[WeightsEnum]:
    try:
        yield from get_model_weights(builder)
    except KeyError:
        # Networks without published weights have no entries.
        return


def _find_entry(model: str) -> tuple[str, WeightsEnum]:
    entries = _entries()
    if model not in entries:
        raise ComponentError(
            f"TorchGeo has no weights '{model}'.{did_you_mean(model, list(entries))} They are listed at "
            "https://torchgeo.readthedocs.io/en/stable/api/models.html"
        )
    return entries[model]


def _load(
    built: Built, entry: WeightsEnum, inputs: RasterSpec, pretrained: bool, weights: Weights | None
) -> LoadReport | None:
    info = read_info(entry)
    wanted = tuple(band.name for band in inputs.used)
    trained = _of_dates(info.bands, info.steps)
    first = FirstLayer(built.first, trained, _of_dates(wanted, info.steps), must_tell=True)
    network = built.encoder.network
    report = load_published(
        network, entry, pretrained, weights, unused=built.unused, rename=built.rename, first=[first]
    )
    # The names of the bands of several dates are no names of bands that anybody could have trained on.
    return report if report is None or info.steps == 1 else replace(report, trained=())


def _build_own(
    builder: str,
    inputs: Mapping[str, RasterSpec],
    pretrained: bool,
    weights: Weights | None,
    out_indices: tuple[int, ...] | None,
) -> OneSourceEncoder:
    if isinstance(weights, WeightsFile):
        if builder.startswith("scalemae"):
            return ScaleMAEEncoder(inputs, pretrained=pretrained, weights=weights, out_indices=out_indices)
        raise ComponentError(f"'weights' of '{builder}' names the file alone: its first layer needs no names of bands")
    size: Literal["base", "large"] = "large" if "large" in builder else "base"
    if builder.startswith("dofa"):
        return DOFAEncoder(inputs, variant=size, pretrained=pretrained, weights=weights, out_indices=out_indices)
    if builder.startswith("croma"):
        return CROMAEncoder(inputs, variant=size, pretrained=pretrained, weights=weights, out_indices=out_indices)
    plain: Mapping[str, Callable[..., OneSourceEncoder]] = {
        "scalemae_large_patch16": ScaleMAEEncoder,
        "panopticon_vitb14": PanopticonEncoder,
        "copernicusfm_base": CopernicusFMEncoder,
    }
    if builder not in plain:
        raise ComponentError(
            f"TorchGeo's '{builder}' is no encoder of rasters: it takes more than an image (Aurora, for one, forecasts "
            "the weather from several layers of the atmosphere)"
        )
    return plain[builder](inputs, pretrained=pretrained, weights=weights, out_indices=out_indices)


def _require_dates(model: str, inputs: RasterSpec, info: EncoderInfo) -> None:
    if inputs.steps != info.steps:
        dates = "one date" if info.steps == 1 else f"{info.steps} dates"
        wrap = ". Wrap it, as in {name: per_date, encoder: {name: torchgeo, ...}}" if info.steps == 1 else ""
        raise SpecError(f"'{model}' sees {dates}, the rasters hold {inputs.steps}{wrap}")


def _of_dates(bands: tuple[str, ...], steps: int) -> tuple[str, ...]:
    """Return the names of the bands of all dates: BLUE, BLUE of date 2, ..."""
    return tuple(band if step == 0 else f"{band} of date {step + 1}" for step in range(steps) for band in bands)
