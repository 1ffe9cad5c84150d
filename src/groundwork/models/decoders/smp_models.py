"""How each decoder of segmentation_models_pytorch is fed. Imports neither torch nor that library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from groundwork.models.features.needs import Needs

Name: TypeAlias = Literal[
    "DPT",
    "DeepLabV3",
    "DeepLabV3Plus",
    "FPN",
    "Linknet",
    "MAnet",
    "PAN",
    "PSPNet",
    "Segformer",
    "UPerNet",
    "Unet",
    "UnetPlusPlus",
]
#: A block behind the finest level, which joins none: there is none, or one of the level's resolution, or of twice that.
LastBlock: TypeAlias = Literal["none", "keeps", "doubles"]
Value: TypeAlias = bool | int | float | str | tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmpModel:
    """One of the library's decoders."""

    #: ``module:Class`` below ``segmentation_models_pytorch.decoders``.
    path: str
    needs: Needs
    #: The arguments that follow from the channels of the levels, finest first. No options for people.
    wired: Callable[[tuple[int, ...]], dict[str, object]]
    #: Options that have no default in the library, or one that fits a single number of levels.
    defaults: Callable[[int], dict[str, Value]] = lambda _: {}
    #: The option that states the channels of the map, the last one where it has several.
    width: str
    #: The option that names one number per stage, and how many levels there are more than stages.
    stages: tuple[str, int] | None = None
    #: Where the finest level stands in the list that the decoder reads; what stands before it is not looked at.
    skipped: int = 0
    #: Whether it reads the coarsest level alone, and keeps its stride.
    reads_coarsest: bool = False
    #: How many times finer than the finest level the map is.
    growth: int = 1
    #: Fewest cells of the coarsest level on each side.
    least_cells: int = 1
    #: What a block behind the finest level may do, beside not being there.
    last_blocks: tuple[LastBlock, ...] = ()
    #: Whether the library starts its weights in a way of its own.
    initialises: bool = True

    def with_last_block(self) -> SmpModel:
        """Return the same with one block more, which joins no level."""
        option, more = self.stages or ("", 0)
        return replace(
            self,
            wired=lambda channels: {**self.wired(channels), "n_blocks": len(channels)},
            defaults=lambda count: self.defaults(count + 1),
            stages=(option, more - 1),
        )


def _halved(count: int) -> tuple[int, ...]:
    return tuple(max(1, 256 >> index) for index in range(count))


#: Each decoder by the name of its model. Depths are counted as the library does, from full resolution on.
SMP_MODELS: Mapping[str, SmpModel] = {
    "DPT": SmpModel(
        path="dpt.decoder:DPTDecoder",
        needs=Needs(least=2, most=5, ratio=2, finest_multiple=2),
        wired=lambda channels: {
            "encoder_out_channels": channels,
            # Strides of the library's own choice, for which it leaves the size of every level as it is.
            "encoder_output_strides": tuple(4 << index for index in range(len(channels))),
            "encoder_has_prefix_tokens": False,
            "readout": "ignore",
        },
        defaults=lambda count: {"intermediate_channels": tuple(min(1024, 256 << index) for index in range(count))},
        width="fusion_channels",
        stages=("intermediate_channels", 0),
        growth=2,
    ),
    "DeepLabV3": SmpModel(
        path="deeplabv3.decoder:DeepLabV3Decoder",
        needs=Needs(),
        wired=lambda channels: {"in_channels": channels[-1]},
        defaults=lambda _: {
            "out_channels": 256,
            "atrous_rates": (12, 24, 36),
            "aspp_separable": False,
            "aspp_dropout": 0.5,
        },
        width="out_channels",
        reads_coarsest=True,
        initialises=False,
    ),
    "DeepLabV3Plus": SmpModel(
        path="deeplabv3.decoder:DeepLabV3PlusDecoder",
        needs=Needs(least=2, most=2, ratio=4),
        wired=lambda channels: {
            "encoder_channels": (0, 0, *channels),
            "encoder_depth": 4,
        },
        defaults=lambda _: {
            # What this tells the decoder is that the coarser level has four times the stride of the finer; 8 says two.
            "output_stride": 16,
            "out_channels": 256,
            "atrous_rates": (12, 24, 36),
            "aspp_separable": True,
            "aspp_dropout": 0.5,
        },
        width="out_channels",
        skipped=2,
        initialises=False,
    ),
    "FPN": SmpModel(
        path="fpn.decoder:FPNDecoder",
        needs=Needs(least=4, most=4, ratio=2),
        wired=lambda channels: {"encoder_channels": channels, "encoder_depth": len(channels)},
        width="segmentation_channels",
    ),
    "Linknet": SmpModel(
        path="linknet.decoder:LinknetDecoder",
        needs=Needs(least=2, ratio=2, finest_multiple=2),
        wired=lambda channels: {"encoder_channels": (0, *channels), "n_blocks": len(channels)},
        width="prefinal_channels",
        skipped=1,
        growth=2,
    ),
    "MAnet": SmpModel(
        path="manet.decoder:MAnetDecoder",
        needs=Needs(least=2, ratio=2),
        wired=lambda channels: {"encoder_channels": (0, *channels), "n_blocks": len(channels) - 1},
        defaults=lambda count: {"decoder_channels": _halved(count - 1)},
        width="decoder_channels",
        stages=("decoder_channels", 1),
        skipped=1,
        last_blocks=("doubles",),
    ),
    "PAN": SmpModel(
        path="pan.decoder:PANDecoder",
        needs=Needs(least=2, most=4, prefers_pyramid=True),
        wired=lambda channels: {"encoder_channels": (0, 0, *channels), "encoder_depth": len(channels) + 1},
        defaults=lambda _: {"decoder_channels": 32},
        width="decoder_channels",
        skipped=2,
        least_cells=8,
    ),
    "PSPNet": SmpModel(
        path="pspnet.decoder:PSPDecoder",
        needs=Needs(),
        wired=lambda channels: {"encoder_channels": channels},
        width="out_channels",
        reads_coarsest=True,
    ),
    "Segformer": SmpModel(
        path="segformer.decoder:SegformerDecoder",
        needs=Needs(least=2, prefers_pyramid=True),
        wired=lambda channels: {"encoder_channels": [0, *channels], "encoder_depth": len(channels) + 1},
        width="segmentation_channels",
        skipped=1,
    ),
    "UPerNet": SmpModel(
        path="upernet.decoder:UPerNetDecoder",
        needs=Needs(least=2, prefers_pyramid=True),
        wired=lambda channels: {"encoder_channels": (0, 0, *channels), "encoder_depth": len(channels) + 1},
        width="decoder_channels",
        skipped=2,
    ),
    "Unet": SmpModel(
        path="unet.decoder:UnetDecoder",
        needs=Needs(least=2, ratio=2),
        wired=lambda channels: {"encoder_channels": (0, *channels), "n_blocks": len(channels) - 1},
        defaults=lambda count: {"decoder_channels": _halved(count - 1)},
        width="decoder_channels",
        stages=("decoder_channels", 1),
        skipped=1,
        last_blocks=("keeps", "doubles"),
    ),
    "UnetPlusPlus": SmpModel(
        path="unetplusplus.decoder:UnetPlusPlusDecoder",
        needs=Needs(least=2, ratio=2, finest_multiple=2),
        wired=lambda channels: {"encoder_channels": (0, *channels), "n_blocks": len(channels)},
        defaults=lambda count: {"decoder_channels": _halved(count)},
        width="decoder_channels",
        stages=("decoder_channels", 0),
        skipped=1,
        growth=2,
    ),
}
