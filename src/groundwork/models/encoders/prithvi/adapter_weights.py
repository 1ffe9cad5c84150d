"""Load a Prithvi with its ViT-Adapter from a file of TerraTorch, which has other names for the adapter."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from groundwork.models.encoders.prithvi.variants import HLS_BANDS
from groundwork.models.weights.bands import find_bands
from groundwork.models.weights.hub import WeightsSource
from groundwork.models.weights.of_bundle import of_trained
from groundwork.models.weights.published import FirstLayer
from groundwork.models.weights.reading import LoadReport, load_weights, read_weights

#: Parts of the adapter that have one name here and there.
_SAME = ("spm.", "up.", "level_embed")
#: Weights that the bands pass first.
_FIRST = ("vit.patch_embed.proj.weight", "spm.stem.0.weight")
#: What the adapter does not use, or computes.
_IDLE = ("vit.pos_embed", "vit.cls_token", "vit.norm.")


def adapter_name(name: str) -> str:
    """Return what a weight of an encoder of TerraTorch is called here."""
    for pattern, ours, shift in (
        (r"interactions\.(\d+)\.injector\.(.+)", "injectors", 0),
        (r"interactions\.(\d+)\.extractor\.(.+)", "extractors", 0),
        # They stand behind the four that belong to an injector.
        (r"interactions\.\d+\.extra_extractors\.(\d+)\.(.+)", "extractors", 4),
        (r"norm([1-4])\.(.+)", "norms", -1),
    ):
        found = re.fullmatch(pattern, name)
        if found:
            return f"{ours}.{int(found[1]) + shift}.{found[2]}"
    return name if name.startswith(_SAME) else f"vit.{name.removeprefix('vit.')}"


def load_adapter(network: nn.Module, source: WeightsSource, wanted: Sequence[str]) -> LoadReport | None:
    """Set transformer and adapter. None: the file holds no adapter.

    Args:
        network: What is set.
        source: The file.
        wanted: Names of the bands of the rasters, in order.

    Raises:
        WeightsError: For a file that cannot be read, belongs to another network, or does not say its bands.
    """
    content = of_trained(read_weights(source.path), source.name)
    if not any(name.startswith("interactions.") for name in content):
        return None
    weights = {adapter_name(name): value for name, value in content.items()}
    skipped = [name for name in content if adapter_name(name).startswith(_IDLE)]
    weights = {name: value for name, value in weights.items() if not name.startswith(_IDLE)}
    layer = _fit_bands(network, weights, source, wanted)
    report = load_weights(
        network,
        weights,
        source.name,
        may_stay_fresh=lambda name: name.startswith(_IDLE),
        skipped=skipped,
        bands=layer.known,
        partly=_FIRST if layer.is_partly_new else (),
    )
    return replace(report, fresh=(), trained=layer.trained)


def _fit_bands(
    network: nn.Module, weights: dict[str, Tensor], source: WeightsSource, wanted: Sequence[str]
) -> FirstLayer:
    own: Mapping[str, Tensor] = network.state_dict()
    layer = FirstLayer(_FIRST[0], HLS_BANDS, tuple(wanted))
    if _FIRST[0] in weights:
        layer = replace(layer, trained=find_bands(source, weights[_FIRST[0]].shape[1], HLS_BANDS))
    for name in _FIRST:
        if name in weights:
            weights[name] = replace(layer, name=name).adapt(weights[name], own[name], source.name)
    return layer
