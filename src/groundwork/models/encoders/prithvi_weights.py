"""Bring the published files of Prithvi to the names of our networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from groundwork.models.encoders.hub import WeightsSource
from groundwork.models.encoders.loading import (
    LoadReport,
    WeightsError,
    load_weights,
    read_weights,
    select_bands,
)

#: Prefixes of training programs, in the order in which they are taken off.
_WRAPPERS = ("module.", "model.")
_PATCHES = "patch_embed.proj.weight"
_PREDICTIONS = ("decoder_pred.weight", "decoder_pred.bias")
_COORDINATES = ("temporal_embed_", "location_embed_")


def load_prithvi(
    network: nn.Module,
    source: WeightsSource,
    places: Mapping[str, str],
    trained: Sequence[str],
    wanted: Sequence[str],
) -> LoadReport:
    """Set a network from a file in any of the published layouts.

    Understood are the flat names of version 1, ``encoder.*`` and ``decoder.*`` of version 2, the older
    ``_timm_module``, and ``model.encoder.*`` of fine-tuned networks. Position codes are computed and never read.

    Args:
        network: What is set.
        source: The file.
        places: Which parts of the file are wanted, ``encoder`` or ``decoder``, and what the network's names of that
            part begin with. What the network has beside them stays fresh.
        trained: Names of the bands of pre-training, in order.
        wanted: Names of the bands of the rasters, in order.

    Raises:
        WeightsError: For a file that cannot be read, or belongs to another network.
    """
    own = network.state_dict()
    parts, skipped = _split(read_weights(source.path), places)
    weights, resized = {}, []
    for name, (file_name, value) in parts.items():
        is_unused = name.endswith("pos_embed") or (name not in own and _is_of(name, _COORDINATES))
        fitted = None if is_unused else _fit_bands(name, value, own.get(name), trained, wanted, source.name)
        if fitted is None:
            skipped.append(file_name)
            resized += [] if is_unused else [name]
        else:
            weights[name] = fitted

    def may_stay_fresh(name: str) -> bool:
        is_beside = not any(name.startswith(prefix) for prefix in places.values())
        return is_beside or name in resized or name.endswith("pos_embed") or "vpt_prompt_embeddings" in name

    known = [] if resized else [band for band in wanted if band in trained]
    report = load_weights(network, weights, source.name, may_stay_fresh=may_stay_fresh, skipped=skipped, bands=known)
    return replace(report, fresh=tuple(name for name in report.fresh if not name.endswith("pos_embed")))


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


def _fit_bands(
    name: str, value: Tensor, own: Tensor | None, trained: Sequence[str], wanted: Sequence[str], source: str
) -> Tensor | None:
    """Return a weight for the bands of the rasters. None: it is of patches of another size and cannot be used."""
    if own is None or not name.endswith((_PATCHES, *_PREDICTIONS)):
        return value
    if name.endswith(_PATCHES):
        if value.dim() != own.dim() or value.shape[0] != own.shape[0]:
            return value
        if value.shape[1] != len(trained):
            raise WeightsError(
                f"{source} was trained on {value.shape[1]} bands instead of the published {len(trained)}, and does not "
                f"say which. Take weights of the bands {list(trained)}"
            )
        return select_bands(value, own, trained, wanted) if value.shape[2:] == own.shape[2:] else None
    # Predictions are ordered by the pixels of a patch, and for each pixel by band.
    pixels = own.shape[0] // len(wanted)
    if value.shape[0] != pixels * len(trained) or value.shape[1:] != own.shape[1:]:
        return value
    trained_rows, own_rows = (tensor.reshape(pixels, -1, *tensor.shape[1:]) for tensor in (value, own))
    return select_bands(trained_rows, own_rows, trained, wanted).flatten(0, 1)


def _is_of(name: str, words: Sequence[str]) -> bool:
    return any(word in name for word in words)
