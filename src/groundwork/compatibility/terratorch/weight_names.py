"""The names of weights in TerraTorch's checkpoints, and what they are called here. Tables alone, no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

#: How a value is brought over. same: as it is. cells: a matrix as a 1x1 convolution. less: subtracted from the mean of
#: the batch norm that follows, which does the same as the bias before it. shift: the bias of a convolution that has no
#: norm there, and here one that changes nothing else. skip: not at all.
How: TypeAlias = Literal["same", "cells", "less", "shift", "skip"]


@dataclass(frozen=True, slots=True)
class Rule:
    """What becomes of some names."""

    #: A regular expression for the whole of a name, behind ``model.``.
    theirs: str
    #: The name here, with the groups of the expression. A group ``neck`` is a neck's number, which differs.
    ours: str = ""
    how: How = "same"
    #: Why they are left out; to be read behind "left out:".
    why: str = ""


#: What has no place here, whatever the network.
LEFT_OUT = (
    Rule(r"aux_heads\..+", how="skip", why="auxiliary branches answer while training alone"),
    Rule(r"criterion\..+", how="skip", why="weights of the loss"),
)
#: Necks by our name. Some have a number here that is not the one there; those of a decoder have none there.
NECKS: Mapping[str, tuple[Rule, ...]] = {
    "pyramid": tuple(
        rule
        for start in (r"neck\.(?P<neck>\d+)\.", r"decoder\.(?P<neck>)")
        for rule in (
            Rule(start + r"fpn1\.0\.bias", r"necks.\g<neck>.levels.0.1.running_mean", "less"),
            Rule(start + r"fpn1\.(?P<rest>0\.weight|[13]\..+)", r"necks.\g<neck>.levels.0.\g<rest>"),
            Rule(start + r"fpn2\.(?P<rest>0\..+)", r"necks.\g<neck>.levels.1.\g<rest>"),
        )
    ),
    "fpn": (Rule(r"neck\.(?P<neck>\d+)\.fpn\.(?P<rest>.+)", r"necks.\g<neck>.network.\g<rest>"),),
    "bottleneck": (Rule(r"neck\.(?P<neck>\d+)\.bottleneck\.(?P<rest>.+)", r"necks.\g<neck>.conv.\g<rest>"),),
}
#: Decoders by our name.
DECODERS: Mapping[str, tuple[Rule, ...]] = {
    "identity": (),
    "smp": (
        Rule(r"decoder\.decoder\.(.+)", r"decoder.decoder.\1"),
        Rule(r"decoder\._smp_decoder\.(.+)", r"decoder.decoder.\1"),
    ),
    "upernet": (
        Rule(r"decoder\.psp_modules\.(\d+)\.1\.conv\.(.+)", r"decoder.pools.\1.1.\2"),
        Rule(r"decoder\.psp_modules\.(\d+)\.1\.norm\.(.+)", r"decoder.pools.\1.2.\2"),
        Rule(r"decoder\.bottleneck\.(.+)", r"decoder.bottleneck.\1"),
        Rule(r"decoder\.lateral_convs\.(.+)", r"decoder.laterals.\1"),
        Rule(r"decoder\.fpn_convs\.(.+)", r"decoder.smooths.\1"),
        Rule(r"decoder\.fpn_bottleneck\.(.+)", r"decoder.fuse.\1"),
    ),
    "fcn": (
        Rule(r"decoder\.convs\.(\d+)\.0\.(.+)", r"decoder.convs.\1.0.\2"),
        Rule(r"decoder\.convs\.(\d+)\.1\.(.+)", r"decoder.convs.\1.1.0.\2"),
        Rule(r"decoder\.convs\.(\d+)\.2\.ln\.(.+)", r"decoder.convs.\1.1.1.\2"),
    ),
    "linear": (Rule(r"decoder\.conv\.(.+)", r"decoder.upsample.\1"),),
    "mlp": (
        Rule(r"decoder\.hidden_layer\.weight", r"decoder.layers.0.weight", "cells"),
        Rule(r"decoder\.hidden_layer\.bias", r"decoder.layers.0.bias"),
    ),
}
_SCALAR = (
    Rule(r"head\.head\.0\.(?P<double>\d+)\.0\.(?P<rest>.+)", r"head.layers.\g<double>.\g<rest>"),
    Rule(r"head\.head\.2\.(?P<rest>.+)", r"head.layers.last.\g<rest>"),
)
#: Heads by our name. A group ``double`` is half a number here; ``last`` is the number of the last layer.
HEADS: Mapping[str, tuple[Rule, ...]] = {
    "segmentation": (
        Rule(r"head\.head\.0\.(\d+)\.0\.weight", r"head.convs.\1.conv.weight"),
        Rule(r"head\.head\.0\.(\d+)\.0\.bias", r"head.convs.\1.norm", "shift"),
        Rule(r"head\.head\.2\.(.+)", r"head.classify.\1"),
    ),
    "regression": (
        Rule(r"head\.head\.\d+\.(\d+)\.conv\.(.+)", r"head.upscale.\1.0.\2"),
        Rule(r"head\.head\.\d+\.(\d+)\.bn\.(.+)", r"head.upscale.\1.norm.\2"),
        Rule(r"head\.head\.\d+\.(\d+)\.0\.weight", r"head.convs.\1.conv.weight"),
        Rule(r"head\.head\.\d+\.(\d+)\.1\.(.+)", r"head.convs.\1.norm.\2"),
        Rule(r"head\.head\.\d+\.(weight|bias)", r"head.regress.\1"),
    ),
    "classification": _SCALAR,
    "scalar_regression": _SCALAR,
}
#: Whole networks by the factory that builds them here.
WHOLE: Mapping[str, tuple[Rule, ...]] = {
    "smp": (Rule(r"smp_model\.(.+)", r"network.\1"),),
    "timm": (Rule(r"timm_model\.(.+)", r"network.\1"),),
}
#: Parts of a detector behind its necks.
DETECTOR = (
    Rule(r"torchvision_model\.((?:rpn|roi_heads)\..+)", r"detector.\1"),
    Rule(r"torchvision_model\.(head\..+)", r"detector.network.\1"),
)
#: How names of encoder and necks begin in a detector, and in all other networks.
OF_DETECTORS = {"torchvision_model.backbone.backbone.": "encoder.", "torchvision_model.backbone.necks.": "neck."}
#: Scores of places that one number of anchors has for each class, one class after the other.
PER_CLASS = r"detector\.network\.head\.classification_head\.cls_logits\.(weight|bias)"
#: What training programs put before, or into, the names of an encoder's weights: theirs -> ours, in this order.
WRAPPINGS = (
    (r"^base_model\.model\.", ""),
    (r"^_timm_module\.", ""),
    (r"\.q_linear\.", ".query."),
    (r"\.k_linear\.", ".key."),
    (r"\.v_linear\.", ".value."),
)
_COMPUTED = "codes of places are computed"
_PRITHVI = (
    Rule(r"(?:.+\.)?pos_embed", how="skip", why=_COMPUTED),
    Rule(r"(.+)", r"\1"),
)
#: Encoders by our name, behind ``encoder.``. Those of Swin and of the ViT-Adapter are then named as their files are.
ENCODERS: Mapping[str, tuple[Rule, ...]] = {
    "prithvi_vit": _PRITHVI,
    "prithvi_vit_adapter": _PRITHVI,
    "terramind": (
        Rule(r"encoder_embeddings\..+\.pos_emb", how="skip", why=_COMPUTED),
        Rule(r"(.+)", r"\1"),
    ),
    "timm": (Rule(r"(.+)", r"network.\1"),),
    "dofa": (Rule(r"dofa_model\.(.+)", r"network.\1"),),
    "torchgeo": (
        Rule(r"(?:resnet|swin)_model\.(.+)", r"network.network.\1"),
        Rule(r"vit_model\.(.+)", r"network.network.model.\1"),
    ),
    "prithvi_swin": (
        Rule(r".+relative_position_index|.+attn_mask", how="skip", why="tables are computed"),
        Rule(r"(.+)", r"\1"),
    ),
}
#: Ends of our names that need no value: they are computed, or count what nobody asks.
COMPUTED = ("pos_embed", "pos_emb", "relative_position_index", "attn_mask", "num_batches_tracked")
#: Encoders by our name -> names here, behind ``encoder.``, that a network without some of its last parts lacks.
UNUSED: Mapping[str, str] = {
    "prithvi_vit": r"(blocks\.\d+|norm)\..+",
    "prithvi_vit_adapter": r"vit\.norm\..+|vit\.cls_token|cls_token|norm\..+",
    "terramind": r"(encoder\.\d+|encoder_norm)\..+|missing_mod_token",
    "timm": r"network\.(model\.)?(blocks|layers?\d*|stages(_\d)?|norm|fc_norm|head|attn_pool)[._]?.*",
    "dofa": r"network\.(blocks\.\d+|norm|fc_norm|head|mask_token|projector)(\..+)?",
    "torchgeo": r"network\.network\.(model\.)?(blocks\.\d+|layer\d|features\.\d+|norm|fc_norm|fc|head)\..+",
    "prithvi_swin": r"(network|norms)\..+",
}
#: Encoders by our name -> names here, behind ``encoder.``, that nothing reads.
IDLE: Mapping[str, str] = {"prithvi_vit_adapter": r"vit\.(cls_token|norm\..+)"}
#: Names of TerraMind's norms that add a constant, which is 0 and has no place here.
ZEROS = r"(encoder\.\d+\.norm\d|encoder_norm)\.bias"
#: Weights for the dates and places of samples.
PLACES = r"\.(temporal|location)_embed_enc\."
