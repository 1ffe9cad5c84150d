"""Load the weights that TorchGeo lists, from the address it names or from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from torch import Tensor, nn
from torchvision.models import WeightsEnum

from groundwork.errors import ComponentError, WeightsError
from groundwork.models.weights.bands import find_bands
from groundwork.models.weights.file import Weights
from groundwork.models.weights.hub import WeightsSource, local_source
from groundwork.models.weights.of_bundle import of_trained, refuse_bundle
from groundwork.models.weights.reading import (
    LoadReport,
    fetch_address,
    load_weights,
    read_weights,
    require_pretrained,
    select_bands,
)

#: What bands get in the first layer that pre-training lacked.
NewBands: TypeAlias = Literal["fresh", "mean"]


@dataclass(frozen=True, slots=True)
class FirstLayer:
    """The weights that each band has of its own in the first layer of a network."""

    #: Name of the weights in the network.
    name: str
    #: Bands of pre-training, in order.
    trained: tuple[str, ...]
    #: Bands of the rasters, in order.
    wanted: tuple[str, ...]
    #: Numbers that each band has, such as the pixels of a patch.
    inputs_per_band: int = 1
    #: Whether the bands of the first pixel come first; otherwise all numbers of the first band do.
    bands_last: bool = False
    #: Axis of the weights on which the bands lie: 1, or 0 for what gives bands instead of taking them.
    axis: Literal[0, 1] = 1
    #: What bands get that pre-training lacked: fresh weights, or the mean of those of all bands of pre-training.
    new_bands: NewBands = "fresh"
    #: Whether a file that is not the published one must say, or be told, which bands it was trained on.
    must_tell: bool = False

    @property
    def known(self) -> tuple[str, ...]:
        """Bands of the rasters that keep their weights of pre-training."""
        return tuple(band for band in self.wanted if band in self.trained)

    @property
    def is_partly_new(self) -> bool:
        """Whether the rasters hold bands that pre-training lacked."""
        return len(self.known) < len(self.wanted)

    def told_by(self, content: Mapping[str, Tensor], source: WeightsSource) -> FirstLayer:
        """Return the layer with the bands that a file was trained on.

        Raises:
            WeightsError: For a file that does not say so. See :func:`find_bands`.
        """
        weight = content.get(self.name)
        if not self.must_tell or weight is None:
            return self
        count = weight.shape[1] // self.inputs_per_band
        return replace(self, trained=find_bands(source, count, self.trained, is_published=True))

    def adapt(self, weight: Tensor, fresh: Tensor, source: str) -> Tensor:
        """Return the weights for the rasters' bands.

        Args:
            weight: Of pre-training, (outputs, bands * inputs per band, ...).
            fresh: Of the network, for the bands of the rasters.
            source: Where ``weight`` comes from, for the message.

        Raises:
            WeightsError: For weights of another shape than the network's, apart from the bands.
        """
        expected = list(fresh.shape)
        expected[self.axis] = len(self.trained) * self.inputs_per_band
        if list(weight.shape) != expected:
            raise WeightsError(
                f"{source} holds weights of another network. {self.name} has the shape {tuple(weight.shape)} in the "
                f"file, not {tuple(expected)} for the bands {list(self.trained)}"
            )
        by_band = self._split(weight, len(self.trained))
        others = self._split(fresh, len(self.wanted))
        if self.new_bands == "mean":
            others = by_band.mean(1, keepdim=True).expand_as(others)
        return self._join(select_bands(by_band, others, self.trained, self.wanted))

    def _split(self, weight: Tensor, num_bands: int) -> Tensor:
        """Return (numbers of a band, bands, ...)."""
        inwards = weight.movedim(self.axis, 0)
        if self.bands_last:
            return inwards.reshape(-1, num_bands, *inwards.shape[1:])
        return inwards.reshape(num_bands, -1, *inwards.shape[1:]).transpose(0, 1)

    def _join(self, apart: Tensor) -> Tensor:
        """Undo :meth:`_split`."""
        ordered = apart if self.bands_last else apart.transpose(0, 1)
        return ordered.flatten(0, 1).movedim(0, self.axis)


def load_published(
    network: nn.Module,
    published: WeightsEnum | None,
    pretrained: bool,
    weights: Weights | None,
    *,
    unused: tuple[str, ...] = (),
    rename: Callable[[str], str] = str,
    first: Sequence[FirstLayer] = (),
) -> LoadReport | None:
    """Set a network's weights to the published ones, where that is asked for.

    Args:
        network: What is set.
        published: TorchGeo's entry. None: there is none, and only a file will do.
        pretrained: Whether to load.
        weights: A file in the layout of the published one; and which bands it was trained on.
        unused: How names begin in the file that the network has no use for.
        rename: From a name in the file to the network's.
        first: The layers that the bands pass first, where these have weights for each band.

    Raises:
        ComponentError: For a file that is not to be loaded, or weights that nobody published.
        WeightsError: For weights that cannot be had, or are of another network.
    """
    require_pretrained(pretrained, weights)
    if not pretrained:
        return None
    if weights is not None:
        source = local_source(weights, None if published is None else published.url)
    elif published is not None:
        source = WeightsSource(fetch_address(published.url), str(published.url), published=published.url, is_hub=True)
    else:
        raise ComponentError("No weights are published for this network. Name a file in 'weights', or another 'model'")
    held = read_weights(source.path)
    if not all(layer.must_tell for layer in first):
        refuse_bundle(held, source.name, type(network).__name__)
    held = of_trained(held, source.name)
    content = {rename(name): value for name, value in held.items()}
    return set_published(network, content, source.name, unused, [layer.told_by(content, source) for layer in first])


def set_published(
    network: nn.Module,
    content: Mapping[str, Tensor],
    source: str,
    unused: tuple[str, ...] = (),
    first: Sequence[FirstLayer] = (),
) -> LoadReport:
    """Set a network's weights to those of a file, band by band in the first layer. See :func:`load_published`."""
    own = network.state_dict()
    skipped = [name for name in content if name not in own and name.startswith(unused)]
    kept = {name: value for name, value in content.items() if name not in skipped}
    for layer in first:
        if layer.name in kept:
            kept[layer.name] = layer.adapt(kept[layer.name], own[layer.name], source)
    bands = [band for layer in first for band in layer.known]
    partly = [layer.name for layer in first if layer.name in kept and layer.is_partly_new]
    report = load_weights(network, kept, source, skipped=skipped, bands=bands, partly=partly)
    return replace(report, trained=tuple(band for layer in first if layer.must_tell for band in layer.trained))


def changed_names(network: nn.Module, probe: nn.Module) -> list[str]:
    """Return the names of the weights that the bands pass first.

    Args:
        network: What the bands pass.
        probe: The same network for another number of channels.
    """
    own = network.state_dict()
    return [name for name, value in probe.state_dict().items() if value.shape != own[name].shape]
