"""Make a pyramid of levels that all have one stride."""

from __future__ import annotations

from torch import Tensor, nn

from groundwork.errors import ComponentError
from groundwork.models.features.needs import Needs, check_fit
from groundwork.models.features.strides import pyramid_strides
from groundwork.models.limits import Count
from groundwork.models.necks.base import Neck
from groundwork.specs import FeatureLevel, FeatureSpec


class PyramidNeck(Neck):
    """Brings the levels of a vision transformer to strides that double, by learned up-sampling and max-pooling.

    Four levels of stride 16 become strides 4, 8, 16 and 32, as in https://arxiv.org/abs/2203.16527. Each doubling of
    the resolution halves the channels.

    Args:
        features: Two to five levels of one stride.
        finest_stride: Stride of the first level passed on, in pixels, such as 3.5 of patches of 14. None: a quarter of
            the stride that comes in, or as near to it as whole numbers allow.
        channels: Channels of each level passed on, finest first. None: halved with each doubling.

    Raises:
        SpecError: For another number of levels, for levels of several strides or sources, and for a finest stride
            that cannot be reached by doubling.
        ComponentError: For another number of channels than levels.
    """

    def __init__(
        self, features: FeatureSpec, *, finest_stride: float | None = None, channels: tuple[Count, ...] | None = None
    ) -> None:
        super().__init__()
        check_fit("pyramid", Needs(), features)
        strides = pyramid_strides("pyramid", features, finest_stride)
        doublings = int(features.levels[0].stride / strides[0]).bit_length() - 1
        if channels is not None and len(channels) != len(features.levels):
            raise ComponentError(
                f"'pyramid' needs one number of channels for each of {len(features.levels)} levels, got {channels}"
            )
        self.levels = nn.ModuleList()
        levels = []
        for index, level in enumerate(features.levels):
            num_up = doublings - index
            halved = max(1, level.channels >> max(0, num_up))
            wanted = halved if channels is None else channels[index]
            self.levels.append(_build_level(level.channels, num_up, wanted))
            levels.append(FeatureLevel(wanted, strides[index]))
        self.out = FeatureSpec(tuple(levels))

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        """Give one map per level, each with twice the stride of the one before. See :class:`Neck`."""
        return [level(feature) for level, feature in zip(self.levels, features, strict=True)]


def _build_level(in_channels: int, num_up: int, out_channels: int) -> nn.Module:
    layers: list[nn.Module] = []
    current = in_channels
    for step in range(num_up):
        halved = max(1, current // 2)
        is_last = step == num_up - 1
        # Batch norm subtracts the mean, so a bias before it would change nothing.
        layers.append(nn.ConvTranspose2d(current, halved, kernel_size=2, stride=2, bias=is_last))
        if not is_last:
            layers += [nn.BatchNorm2d(halved), nn.GELU()]
        current = halved
    if num_up < 0:
        layers.append(nn.MaxPool2d(1 << -num_up))
    if current != out_channels:
        layers.append(nn.Conv2d(current, out_channels, kernel_size=1))
    return nn.Sequential(*layers)
