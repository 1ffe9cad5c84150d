"""Bring the layouts in which Swin weights are passed around to the names and the order of timm's network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor, nn

from groundwork.models.weights.bands import find_bands
from groundwork.models.weights.hub import WeightsSource
from groundwork.models.weights.of_bundle import unbundled
from groundwork.models.weights.published import FirstLayer
from groundwork.models.weights.reading import LoadReport, load_weights, read_weights

_PATCHES = "network.patch_embed.proj.weight"
#: Names of MMSegmentation and their counterparts, after the stage's own prefix.
_BLOCKS = (
    (".attn.w_msa.", ".attn."),
    (".ffn.layers.0.0.", ".mlp.fc1."),
    (".ffn.layers.1.", ".mlp.fc2."),
)
#: Computed, not trained.
_TABLES = ("relative_position_index", "attn_mask")
#: MMSegmentation puts the four cells that are merged row by row, Swin column by column; both are (row, column) pairs.
_CELL_ORDER = (0, 2, 1, 3)


def load_swin(
    network: nn.Module, source: WeightsSource, published: Sequence[str], wanted: Sequence[str], num_stages: int
) -> LoadReport:
    """Set a Swin encoder from a file of Swin's authors, of MMSegmentation or TerraTorch, or of timm.

    Args:
        network: With timm's network in ``network`` and the layer norms of its levels in ``norms``.
        source: The file.
        published: Names of the bands of pre-training, in order. See :func:`find_bands` for other files.
        wanted: Names of the bands of the rasters, in order.
        num_stages: Stages of the whole network.

    Raises:
        WeightsError: For a file that cannot be read, belongs to another network, or does not say which bands it was
            trained on.
    """
    own = network.state_dict()
    weights, skipped = {}, []
    content = unbundled(read_weights(source.path), source.name)
    for name, (file_name, value) in convert_swin(content, num_stages).items():
        if name in own:
            weights[name] = value
        else:
            skipped.append(file_name)
    patches, layer = weights.get(_PATCHES), FirstLayer(_PATCHES, tuple(published), tuple(wanted))
    if patches is not None and _apart_from_bands(patches) == _apart_from_bands(own[_PATCHES]):
        layer = replace(layer, trained=find_bands(source, patches.shape[1], published))
        weights[_PATCHES] = layer.adapt(patches, own[_PATCHES], source.name)
    report = load_weights(
        network,
        weights,
        source.name,
        may_stay_fresh=lambda name: name.startswith("norms."),
        skipped=skipped,
        bands=layer.known,
        partly=[_PATCHES] if layer.is_partly_new else [],
    )
    return replace(report, trained=layer.trained)


def _apart_from_bands(weight: Tensor) -> tuple[int, ...]:
    return (weight.shape[0], *weight.shape[2:])


def convert_swin(weights: Mapping[str, Tensor], num_stages: int) -> dict[str, tuple[str, Tensor]]:
    """Return the weights of an encoder by our names, each with its name in the file.

    What our network has no place for keeps the name of the file.

    Args:
        weights: As in the file.
        num_stages: Stages of the network.
    """
    ends = ("patch_embed.proj.weight", "patch_embed.projection.weight")
    # Whatever stands before the first layer stands before the whole network.
    prefix = next((name[: name.index("patch_embed.")] for name in weights if name.endswith(ends)), "")
    # timm's feature extractors name a stage ``stages_0``.
    bare = {name: re.sub(r"^(stages|layers)_(\d)", r"\1.\2", name.removeprefix(prefix)) for name in weights}
    merges_behind = any(name.startswith(("layers.0.downsample", "stages.0.downsample")) for name in bare.values())
    converted = {}
    for name, value in weights.items():
        is_mmseg_merge = bare[name].startswith("stages.") and ".downsample." in bare[name]
        new = _rename(bare[name], num_stages, merges_behind) if name.startswith(prefix) else None
        converted[new or name] = (name, _order_cells(value) if is_mmseg_merge else value)
    return converted


def _rename(name: str, num_stages: int, merges_behind: bool) -> str | None:
    if name.endswith(_TABLES):
        return None
    if name.startswith("norm"):
        # Swin has one norm behind all stages, MMSegmentation one behind each.
        return re.sub(r"^norm(\d?)\.", lambda found: f"norms.{found[1] or num_stages - 1}.", name)
    name = re.sub(r"^stages\.(\d)\.norm\.", r"norms.\1.", name)
    if name.startswith("norms."):
        return name
    for theirs, ours in _BLOCKS:
        name = name.replace(theirs, ours)
    name = name.replace("stages.", "layers.", 1).replace("patch_embed.projection.", "patch_embed.proj.")
    if merges_behind:
        # timm merges cells before a stage, the others behind the stage before it.
        name = re.sub(r"^layers\.(\d)\.downsample\.", lambda found: f"layers.{int(found[1]) + 1}.downsample.", name)
    return f"network.{name}" if name.startswith(("layers.", "patch_embed.")) else None


def _order_cells(value: Tensor) -> Tensor:
    """Bring the inputs of a merge from channel by channel to cell by cell, in Swin's order of the cells."""
    by_channel = value.reshape(*value.shape[:-1], -1, 4)
    return by_channel[..., list(_CELL_ORDER)].transpose(-1, -2).reshape(value.shape)
