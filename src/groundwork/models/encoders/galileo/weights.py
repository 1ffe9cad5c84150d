"""Load the published files of Galileo."""

from __future__ import annotations

from collections.abc import Mapping

from timm.layers import resample_patch_embed
from torch import Tensor, nn

from groundwork.models.encoders.galileo.sources import Group
from groundwork.models.encoders.galileo.variants import MAX_PATCH_SIZE, STILL_GROUPS, TIMED_GROUPS
from groundwork.models.weights.hub import WeightsSource
from groundwork.models.weights.of_bundle import refuse_bundle
from groundwork.models.weights.published import FirstLayer
from groundwork.models.weights.reading import LoadReport, load_weights, read_weights

#: How names begin of what the file holds for other bands, for weather, land cover and population.
_OTHERS = ("space_time_embed.", "space_embed.", "time_embed.", "static_embed.", "sp_", "t_", "st_")


def load_galileo(
    network: nn.Module, source: WeightsSource, groups: Mapping[str, Group], unused: tuple[str, ...]
) -> LoadReport:
    """Set a network from a published file.

    Args:
        network: What is set.
        source: The file.
        groups: Name of a first layer -> the bands that it sees.
        unused: How names begin in the file of blocks and norms that the network left out.

    Raises:
        WeightsError: For a file that cannot be read, or belongs to another network.
    """
    own = network.state_dict()
    content = read_weights(source.path)
    refuse_bundle(content, source.name, "galileo")
    skipped = [name for name in content if name not in own and name.startswith((*_OTHERS, *unused))]
    weights = {name: value for name, value in content.items() if name not in skipped}
    for layer, group in groups.items():
        name = f"{layer}.proj.weight"
        if name in weights:
            weights[name] = _fit(name, weights[name], own[name], group, source.name)
    known = [band for group in groups.values() for band in group.bands]
    return load_weights(network, weights, source.name, skipped=skipped, bands=known)


def _fit(name: str, weight: Tensor, own: Tensor, group: Group, source: str) -> Tensor:
    """Return the weights of a first layer for the bands that there are, and for patches of the network's size.

    Smaller patches get weights that give what the large ones give for the enlarged patch
    (https://arxiv.org/abs/2212.08013).
    """
    layer = FirstLayer(name, (TIMED_GROUPS | STILL_GROUPS)[group.name], tuple(group.bands))
    whole = own.new_empty(*own.shape[:2], MAX_PATCH_SIZE, MAX_PATCH_SIZE)
    fitted: Tensor = resample_patch_embed(layer.adapt(weight, whole, source), list(own.shape[-2:]))
    return fitted
