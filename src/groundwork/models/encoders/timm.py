"""Every feature extractor of timm, as one component."""

from __future__ import annotations

import timm
from timm.models import FeatureInfo
from torch import Tensor, nn

from groundwork.models.encoders.base import Encoder
from groundwork.registry import ComponentError
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec, SpecError, did_you_mean

#: How timm's families are told to accept any image size; most need no telling.
_ANY_SIZE: tuple[dict[str, bool], ...] = ({"dynamic_img_size": True}, {"strict_img_size": False}, {})


class TimmEncoder(Encoder):
    """A network of timm (https://github.com/huggingface/pytorch-image-models) that gives feature maps.

    A few families of timm accept images of one size only (BEiT, MLP-Mixer, Hiera): those say so at the first image.

    Args:
        inputs: What the rasters hold, one time step.
        model: Name of the network, as in ``timm.list_models()``, for example ``convnext_tiny``.
        pretrained: Start from timm's weights, which are downloaded. Weights of the first layer are adapted to the
            number of bands by repetition.
        out_indices: Which of the network's levels to pass on. None: those that timm passes on by default.
        drop_path: Rate of stochastic depth while training, 0 to 1 (https://arxiv.org/abs/1603.09382).

    Raises:
        ComponentError: For a name that timm does not know, or an option that this network does not take.
        SpecError: For several time steps.
    """

    def __init__(
        self,
        inputs: RasterSpec,
        *,
        model: str,
        pretrained: bool = False,
        out_indices: tuple[int, ...] | None = None,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        if inputs.steps > 1:
            raise SpecError(
                f"'timm' sees one time step, the rasters hold {inputs.steps}. "
                "Take an encoder that sees time ('prithvi_vit'), or rasters of one step"
            )
        if not timm.is_model(model):
            raise ComponentError(
                f"timm has no model '{model}'.{did_you_mean(model.partition('.')[0], timm.list_models())} "
                "List them with timm.list_models()"
            )
        self.network = _create(model, pretrained, inputs.num_channels, out_indices, drop_path)
        self.out = FeatureSpec(_read_levels(self.network.feature_info))
        self.size_multiple = max(level.stride for level in self.out.levels)
        self._is_channels_last = str(getattr(self.network, "output_fmt", "NCHW")).endswith("NHWC")

    def forward(
        self,
        image: Tensor,
        temporal_coords: Tensor | None = None,  # noqa: ARG002 - the interface of all encoders
        location_coords: Tensor | None = None,  # noqa: ARG002
    ) -> list[Tensor]:
        """Give one map per level. See :class:`Encoder`."""
        maps: list[Tensor] = self.network(image.squeeze(2) if image.dim() == 5 else image)
        return [features.permute(0, 3, 1, 2) for features in maps] if self._is_channels_last else maps


def _read_levels(info: FeatureInfo) -> tuple[FeatureLevel, ...]:
    levels = zip(info.channels(), info.reduction(), strict=True)
    return tuple(FeatureLevel(channels, stride) for channels, stride in levels)


def _create(
    model: str, pretrained: bool, num_channels: int, out_indices: tuple[int, ...] | None, drop_path: float
) -> nn.Module:
    # timm's networks refuse options they do not know, also where the value changes nothing.
    options = {"out_indices": out_indices or None, "drop_path_rate": drop_path or None}
    for any_size in _ANY_SIZE:
        try:
            network: nn.Module = timm.create_model(
                model, pretrained=pretrained, features_only=True, in_chans=num_channels, **options, **any_size
            )
        except TypeError as error:
            if not any(key in str(error) for key in any_size):
                raise ComponentError(f"timm's '{model}' does not take these options: {error}") from error
        except (AssertionError, IndexError, ValueError) as error:
            raise ComponentError(f"timm's '{model}' cannot give the levels {out_indices}: {error}") from error
        except RuntimeError as error:
            raise ComponentError(f"timm cannot build '{model}' as a feature extractor: {error}") from error
        else:
            return network
    raise ComponentError(f"timm cannot build '{model}'")
