"""Bring the published files of Prithvi to the names of our networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from groundwork.models.weights.bands import find_bands
from groundwork.models.weights.hub import WeightsSource
from groundwork.models.weights.of_bundle import unbundled
from groundwork.models.weights.published import FirstLayer
from groundwork.models.weights.reading import LoadReport, load_weights, read_weights

#: Prefixes of training programs, in the order in which they are taken off.
_WRAPPERS = ("module.", "model.")
_PATCHES = "patch_embed.proj.weight"
_PREDICTIONS = ("decoder_pred.weight", "decoder_pred.bias")
_COORDINATES = ("temporal_embed_", "location_embed_")


def load_prithvi(
    network: nn.Module,
    source: WeightsSource,
    places: Mapping[str, str],
    published: Sequence[str],
    wanted: Sequence[str],
    unused: tuple[str, ...] = (),
) -> LoadReport:
    """Set a network from a file in any of the published layouts.

    Understood are the flat names of version 1, ``encoder.*`` and ``decoder.*`` of version 2, the older
    ``_timm_module``, and ``model.encoder.*`` of fine-tuned networks. Position codes are computed and never read.

    Args:
        network: What is set.
        source: The file.
        places: Which parts of the file are wanted, ``encoder`` or ``decoder``, and what the network's names of that
            part begin with. What the network has beside them stays fresh.
        published: Names of the bands of the published file, in order. See :func:`find_bands` for other files.
        wanted: Names of the bands of the rasters, in order.
        unused: How names begin of what the network left out.

    Raises:
        WeightsError: For a file that cannot be read, belongs to another network, or does not say which bands it was
            trained on.
    """
    own = network.state_dict()
    content = unbundled(read_weights(source.path), source.name)
    parts, skipped = _split(content, places)
    trained = _find_bands(parts, own, source, published, is_published=_is_autoencoder(content))
    weights, resized = {}, []
    for name, (file_name, value) in parts.items():
        is_left_out = name not in own and (_is_of(name, _COORDINATES) or name.startswith(unused))
        is_unused = name.endswith("pos_embed") or is_left_out
        layer = FirstLayer(name, trained, tuple(wanted))
        fitted = None if is_unused else _fit_bands(layer, value, own.get(name), source.name)
        if fitted is None:
            skipped.append(file_name)
            resized += [] if is_unused else [name]
        else:
            weights[name] = fitted

    def may_stay_fresh(name: str) -> bool:
        is_beside = not any(name.startswith(prefix) for prefix in places.values())
        return is_beside or name in resized or name.endswith("pos_embed") or "vpt_prompt_embeddings" in name

    known = [] if resized else [band for band in wanted if band in trained]
    is_new = bool(set(wanted) - set(trained))
    partly = [name for name in weights if is_new and name.endswith((_PATCHES, *_PREDICTIONS))]
    report = load_weights(
        network, weights, source.name, may_stay_fresh=may_stay_fresh, skipped=skipped, bands=known, partly=partly
    )
    fresh = tuple(name for name in report.fresh if not name.endswith("pos_embed"))
    return replace(report, fresh=fresh, trained=trained)


def _split(weights: Mapping[str, Tensor], places: Mapping[str, str]) -> tuple[dict[str, tuple[str, Tensor]], list[str]]:
    """Return the wanted weights by the network's names, each with its name in the file, and the names of the others."""
    bare = {name: _unwrap(name) for name in weights}
    has_parts = any(name.startswith("encoder.") for name in bare.values())
    found, skipped = {}, []
    for name, value in weights.items():
        part, short = _place(bare[name], has_parts)
        if part in places:
            found[places[part] + short] = (name, value)
        else:
            skipped.append(name)
    return found, skipped


def _unwrap(name: str) -> str:
    for prefix in _WRAPPERS:
        name = name.removeprefix(prefix)
    return name.replace("_timm_module.", "")


def _place(name: str, has_parts: bool) -> tuple[str, str]:
    """Return the part of the autoencoder that a name belongs to, and the name within it."""
    part, _, short = name.partition(".")
    if part in {"encoder", "decoder"}:
        return part, short
    if has_parts:
        return "other", name
    is_decoder = name == "mask_token" or name.startswith("decoder_") or "_dec." in name
    return ("decoder" if is_decoder else "encoder"), name


def _is_autoencoder(content: Mapping[str, Tensor]) -> bool:
    """Whether a file holds what was published, and not an encoder that somebody trained on with another decoder."""
    return any(name in {"decoder_pred.weight", "decoder.decoder_pred.weight"} for name in content)


def _find_bands(
    parts: Mapping[str, tuple[str, Tensor]],
    own: Mapping[str, Tensor],
    source: WeightsSource,
    published: Sequence[str],
    *,
    is_published: bool,
) -> tuple[str, ...]:
    """Return the bands that a file was trained on, where its first layer is of use to the network."""
    for name, (_, value) in parts.items():
        if not name.endswith(_PATCHES) or name not in own or value.dim() != own[name].dim():
            continue
        if (value.shape[0], *value.shape[2:]) == (own[name].shape[0], *own[name].shape[2:]):
            return find_bands(source, value.shape[1], published, is_published=is_published)
    return tuple(published)


def _fit_bands(layer: FirstLayer, value: Tensor, own: Tensor | None, source: str) -> Tensor | None:
    """Return a weight for the bands of the rasters. None: it is of patches of another size and cannot be used."""
    if own is None or not layer.name.endswith((_PATCHES, *_PREDICTIONS)):
        return value
    if layer.name.endswith(_PATCHES):
        if value.dim() != own.dim() or value.shape[0] != own.shape[0]:
            return value
        return layer.adapt(value, own, source) if value.shape[2:] == own.shape[2:] else None
    # Predictions are ordered by the pixels of a patch, and for each pixel by band.
    pixels = own.shape[0] // len(layer.wanted)
    if value.shape[0] != pixels * len(layer.trained) or value.shape[1:] != own.shape[1:]:
        return value
    return replace(layer, inputs_per_band=pixels, bands_last=True, axis=0).adapt(value, own, source)


def _is_of(name: str, words: Sequence[str]) -> bool:
    return any(word in name for word in words)
