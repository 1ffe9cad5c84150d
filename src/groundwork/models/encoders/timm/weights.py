"""Load weights into networks of timm: timm converts them, bands find their own by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from timm.models import load_state_dict_from_hf
from torch import Tensor, nn

from groundwork.errors import WeightsError
from groundwork.models.encoders.timm.networks import NetworkOptions, create_network, read_cfg
from groundwork.models.freezing import mark_fresh
from groundwork.models.weights.bands import find_bands
from groundwork.models.weights.file import Weights, WeightsFile
from groundwork.models.weights.hub import WeightsSource, local_source
from groundwork.models.weights.info import DIGITAL_NUMBER, EncoderInfo
from groundwork.models.weights.of_bundle import is_of_bundle, of_trained
from groundwork.models.weights.published import FirstLayer, changed_names
from groundwork.models.weights.reading import LoadReport, fetch_address, read_weights

#: The colours of photographs, which nearly all weights of timm were trained on.
_RGB = ("RED", "GREEN", "BLUE")
#: How names of a hub's repositories begin in the option ``weights``.
_HUB = ("hf_hub:", "hf-hub:")
_ADDRESSES = ("https://", "http://")
#: What is raised where the hub or an address cannot be reached.
_UNREACHABLE = (HfHubHTTPError, LocalEntryNotFoundError, OSError)


def describe_weights(network: nn.Module, strides: Sequence[int]) -> EncoderInfo | None:
    """Return what timm says of the published weights. None: there are none."""
    stated = read_cfg(network)
    repository, address = stated.get("hf_hub_id"), stated.get("url")
    if not repository and not address:
        return None
    bands = trained_bands(network)
    papers = stated.get("paper_ids") or stated.get("origin_url")
    return EncoderInfo(
        bands=bands,
        # Photographs of 8 bits, brought to 0 to 1.
        unit=DIGITAL_NUMBER if bands else None,
        scale=255.0 if bands else 1.0,
        mean=tuple(stated["mean"]) if bands else (),
        std=tuple(stated["std"]) if bands else (),
        image_size=stated["input_size"][-1],
        patch_size=strides[0] if len(set(strides)) == 1 else None,
        weights=f"hf_hub:{repository}" if repository else address,
        licence=stated.get("license"),
        citation=papers if isinstance(papers, str) or papers is None else ", ".join(papers),
    )


def load_timm(
    network: nn.Module, probe: nn.Module, options: NetworkOptions, weights: Weights | None, layer: FirstLayer
) -> LoadReport:
    """Set a network's weights to published ones.

    Args:
        network: What is set.
        probe: The same network for another number of channels, which tells the first layer from the others.
        options: What the network was built with.
        weights: A file, which must say its bands or be told them, an address, or ``hf_hub:owner/repository``. None:
            those that timm lists.
        layer: What becomes of the first layer, whatever its name.

    Raises:
        WeightsError: For weights that cannot be had, or are of another network.
    """
    named = weights.file if isinstance(weights, WeightsFile) else weights
    source = named or f"timm's {options.model}"
    held = {} if named is None else _read(named)
    content = None if named is None else of_trained(held, source)
    names = changed_names(network, probe)
    if content is not None and weights is not None and not source.startswith((*_HUB, *_ADDRESSES)):
        layer = replace(layer, trained=_trained_on(content, local_source(weights, None), names, network))
    num_trained = len(layer.trained) or _num_trained(network)
    own = network.state_dict()
    if content is not None and is_of_bundle(held):
        state = _of_own(content, own, names, source)
    else:
        state = _load_published(replace(options, num_channels=num_trained), content, source)
    fresh, partly = [], []
    for name in names:
        if _is_by_band(state[name], own[name], layer):
            state[name] = replace(layer, name=name).adapt(state[name], own[name], source)
            partly += [name] if layer.is_partly_new else []
        else:
            state[name] = own[name]
            fresh.append(name)
    network.load_state_dict(state)
    mark_fresh(network, [*fresh, *partly], by_design=False)
    loaded = tuple(name for name in own if name not in fresh)
    bands = () if fresh else layer.known
    return LoadReport(
        source, loaded, fresh=tuple(fresh), bands=bands, partly=tuple(partly), trained=tuple(layer.trained)
    )


def _trained_on(
    content: Mapping[str, Tensor], source: WeightsSource, names: Sequence[str], network: nn.Module
) -> tuple[str, ...]:
    """Return the bands that a file was trained on; ``names`` are those of the first layers in the network."""
    first = {_plain(name) for name in names}
    counts = [value.shape[1] for name, value in content.items() if _plain(name) in first and value.dim() > 1]
    count = counts[0] if counts else len(source.bands) or _num_trained(network)
    return find_bands(source, count, trained_bands(network))


def _plain(name: str) -> str:
    """Return a name as it is in the whole network and in what gives its levels: the latter joins names of stages."""
    return name.removeprefix("model.").replace(".", "_")


def _of_own(
    content: Mapping[str, Tensor], own: Mapping[str, Tensor], first: Sequence[str], source: str
) -> dict[str, Tensor]:
    """Return what a bundle holds of the network, which was the same one; its names need no conversion."""
    missing = [name for name in own if name not in content]
    other = [name for name in own if name not in (*missing, *first) and content[name].shape != own[name].shape]
    if missing or other:
        told = [f"{len(missing)} missing in the file: {', '.join(missing[:5])}."] if missing else []
        told += [f"{len(other)} of another shape: {', '.join(other[:5])}."] if other else []
        raise WeightsError(f"{source} holds weights of another network. {' '.join(told)}")
    return {name: content[name] for name in own}


def trained_bands(network: nn.Module) -> tuple[str, ...]:
    """Return the bands that the published weights were trained on. Empty: not known."""
    return _RGB if _num_trained(network) == len(_RGB) else ()


def _num_trained(network: nn.Module) -> int:
    count: int = read_cfg(network)["input_size"][0]
    return count


def _is_by_band(published: Tensor, own: Tensor, layer: FirstLayer) -> bool:
    """Return whether a layer has weights for each band, and some of them are to be kept."""
    inputs = (len(layer.trained), len(layer.wanted))
    has_own = bool(layer.known) or layer.new_bands == "mean"
    return has_own and inputs == (published.shape[1], own.shape[1]) and published.shape[0] == own.shape[0]


def _read(weights: str) -> dict[str, Tensor]:
    if weights.startswith(_HUB):
        repository = weights[len(_HUB[0]) :]
        try:
            return dict(load_state_dict_from_hf(repository, weights_only=True))
        except _UNREACHABLE as error:
            raise WeightsError(_advise(weights, error)) from None
    return read_weights(fetch_address(weights) if weights.startswith(_ADDRESSES) else Path(weights))


def _load_published(options: NetworkOptions, content: dict[str, Tensor] | None, source: str) -> dict[str, Tensor]:
    """Return the weights as timm converts them, for the bands of pre-training."""
    try:
        state = create_network(options, content, pretrained=True).state_dict()
    except _UNREACHABLE as error:
        raise WeightsError(_advise(source, error)) from None
    except (KeyError, RuntimeError) as error:  # timm's conversions look names up
        raise WeightsError(f"{source} holds weights of another network. {' '.join(str(error).split())[:300]}") from None
    if content is not None:
        _require_complete(options, content, source)
    return dict(state)


def _require_complete(options: NetworkOptions, content: Mapping[str, Tensor], source: str) -> None:
    # timm passes over whatever a file lacks. A file of nothing but NaN shows which weights it would set.
    marked = {
        name: torch.full_like(value, torch.nan) if value.is_floating_point() else value
        for name, value in content.items()
    }
    network = create_network(options, marked, pretrained=True)
    missing = [name for name, value in network.named_parameters() if not value.isnan().any()]
    if missing:
        raise WeightsError(
            f"{source} holds weights of another network. {len(missing)} missing in the file: {', '.join(missing[:5])}"
            f"{'' if len(missing) <= 5 else ', ...'}"
        )


def _advise(source: str, error: Exception) -> str:
    return (
        f"The weights {source} cannot be downloaded: {str(error)[:300]}. Download the file where the hub can be "
        "reached, and name it in the encoder's option 'weights'"
    )
