"""The dense prediction transformer's decoder."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.decoders.base import Decoder
from groundwork.models.features.needs import Needs, check_fit, count_named
from groundwork.models.features.resizing import resize_to
from groundwork.models.features.strides import as_stride, count_doublings
from groundwork.models.limits import Count
from groundwork.specs import FeatureLevel, FeatureSpec


class DPTDecoder(Decoder):
    """The decoder of DPT (https://arxiv.org/abs/2103.13413): reassembles blocks of a ViT as a pyramid and fuses them.

    Levels of one stride are brought to strides that double, from a quarter of theirs (16 becomes 4, 8, 16 and 32);
    a pyramid keeps its strides. Fused from the coarsest to the finest, the map ends at half the finest stride, or at
    the finest where that is odd.

    Args:
        features: Two to five levels, of one stride or with strides that double.
        channels: Channels of every map that is fused.
        reassemble_channels: Channels of each level while it is resampled, finest first. None: 96, doubled with each
            level up to 768.

    Raises:
        SpecError: For other numbers of levels or other strides, and for levels of several sources.
        ComponentError: For another number of channels than levels.
    """

    def __init__(
        self, features: FeatureSpec, *, channels: Count = 256, reassemble_channels: tuple[Count, ...] | None = None
    ) -> None:
        super().__init__()
        check_fit("dpt", self.needs({}), features)
        count = len(features.levels)
        widths = reassemble_channels or tuple(min(768, 96 << index) for index in range(count))
        if len(widths) != count:
            raise ComponentError(
                f"'dpt' needs one number in 'reassemble_channels' for each of {count} levels, got {list(widths)}"
            )
        doublings = 0 if features.is_pyramid else count_doublings(features.levels[0].stride)
        self.levels = nn.ModuleList(
            _build_level(level.channels, width, channels, 0 if features.is_pyramid else doublings - index)
            for index, (level, width) in enumerate(zip(features.levels, widths, strict=True))
        )
        self.fusions = nn.ModuleList(Fusion(channels, has_coarser=index < count - 1) for index in range(count))
        finest = as_stride(features.levels[0].stride / (1 << doublings))
        self.growth = 2 if finest % 2 == 0 else 1
        self.out = FeatureLevel(channels, as_stride(finest / self.growth))

    @classmethod
    def needs(cls, options: Mapping[str, object]) -> Needs:
        """Return what features it takes. See :class:`Decoder`."""
        count = count_named(options, "reassemble_channels")
        return Needs(least=count or 2, most=count or 5, ratio=2, takes_one_stride=True)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`."""
        levels = [build(level) for build, level in zip(self.levels, features, strict=True)]
        finest = levels[0].shape[-2:]
        sizes = [(self.growth * finest[0], self.growth * finest[1]), *(level.shape[-2:] for level in levels)]
        fused = self.fusions[-1](levels[-1], None, sizes[-2])
        for index in range(len(levels) - 2, -1, -1):
            fused = self.fusions[index](levels[index], fused, sizes[index])
        merged: Tensor = fused
        return merged


class Fusion(nn.Module):
    """Adds a level to what the coarser ones gave, and brings the sum to the next finer size."""

    def __init__(self, channels: int, has_coarser: bool) -> None:
        super().__init__()
        self.refine_level = Refinement(channels) if has_coarser else nn.Identity()
        self.refine_sum = Refinement(channels)
        self.project = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, level: Tensor, coarser: Tensor | None, size: tuple[int, int]) -> Tensor:
        """Give a map (batch, channels, *size) for a level and what the coarser ones gave in the level's size."""
        merged = self.refine_level(level)
        if coarser is not None:
            merged = merged + coarser
        fused: Tensor = self.project(resize_to(self.refine_sum(merged), size))
        return fused


class Refinement(nn.Module):
    """Two 3x3 convolutions, added to what they are given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Give a map of the same shape."""
        refined: Tensor = features + self.convs(features)
        return refined


def _build_level(in_channels: int, width: int, channels: int, num_up: int) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(in_channels, width, kernel_size=1)]
    if num_up > 0:
        layers.append(nn.ConvTranspose2d(width, width, kernel_size=1 << num_up, stride=1 << num_up))
    if num_up < 0:
        # A map with an odd number of rows gets half of them, rounded up; the fusion brings it to the finer size.
        step = 1 << -num_up
        layers.append(nn.Conv2d(width, width, kernel_size=step + 1, stride=step, padding=step // 2))
    layers.append(nn.Conv2d(width, channels, kernel_size=3, padding=1, bias=False))
    return nn.Sequential(*layers)
