"""Decoders by name, with their arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from groundwork.compatibility.terratorch.flow import Flow
from groundwork.compatibility.terratorch.necks import pyramid_neck
from groundwork.compatibility.terratorch.stated import Stated, Words, as_words, without_empty
from groundwork.models.decoders.smp_models import SMP_MODELS
from groundwork.strict import did_you_mean


@dataclass(frozen=True, slots=True)
class Decoding:
    """A decoder, and what stands before and behind it."""

    #: None: the encoder's last level as it is.
    decoder: Words | None
    necks: tuple[Words, ...] = ()


def read_decoder(name: str, arguments: Stated, flow: Flow, ours: str) -> Decoding:
    """Return a decoder.

    Args:
        name: As the file has it.
        arguments: Its arguments, without prefix.
        flow: What it is given.
        ours: Where it stands here, for comments.
    """
    smp = name.removeprefix("smp_")
    if name in _DECODERS:
        found = _DECODERS[name](arguments, flow, ours)
    elif smp in SMP_MODELS:
        found = _smp(smp, arguments, flow, ours)
    else:
        known = [*_DECODERS, *(f"smp_{model}" for model in SMP_MODELS)]
        what = "heads of mmsegmentation are not built here" if "mmseg" in name else f"known: {known}"
        arguments.findings.refuse(
            arguments.path("")[:-1], f"no decoder is called '{name}'.{did_you_mean(name, known)} {what.capitalize()}"
        )
        return Decoding(None)
    arguments.finish()
    return found


def _unet(arguments: Stated, flow: Flow, ours: str) -> Decoding:
    channels = arguments.wholes("channels")
    attention, norm = arguments.text("attention_type"), arguments.take("use_batchnorm")
    if flow.levels is not None and channels and len(channels) != flow.levels:
        more = ". The encoder passes on more where 'backbone_out_indices' names them" if flow.levels == 1 else ""
        arguments.refuse(
            "channels", f"{len(channels)} numbers for {flow.levels} levels: one for each, as in TerraTorch{more}"
        )
    if norm not in (None, True, "batchnorm"):
        arguments.change("use_batchnorm", "convolutions have a batch norm here", ours, alters=True)
    if len(channels) < 2:
        arguments.refuse("channels", "two numbers or more, one for each level, are needed")
        return Decoding(None)
    options: Words = {"decoder_channels": channels, **without_empty({"attention_type": attention})}
    # TerraTorch gives the finest level twice, so that the last block, which joins no level, keeps its resolution.
    return Decoding({"name": "smp", "model": "Unet", "options": options, "last_block": "keeps"})


def _upernet(arguments: Stated, flow: Flow, ours: str) -> Decoding:  # noqa: ARG001 - as all decoders
    words: Words = {"name": "upernet", "channels": arguments.whole("channels") or 256}
    words |= without_empty({"pool_scales": arguments.wholes("pool_scales")})
    words |= {"pool_norm": "batch", "align_corners": arguments.flag("align_corners") is not False}
    scales = bool(arguments.flag("scale_modules"))
    if scales and flow.levels not in (None, 4):
        arguments.refuse("scale_modules", f"it takes 4 levels, and gets {flow.levels}")
    if scales and flow.ratio == 2:
        arguments.refuse(
            "scale_modules",
            "levels of doubling strides come in, of which it would make others once more: leave it out, or the neck "
            "that makes them",
        )
    return Decoding(words, (pyramid_neck(flow.stride),) if scales else ())


def _fcn(arguments: Stated, flow: Flow, ours: str) -> Decoding:
    count = arguments.whole("num_convs") or 4
    stride = flow.stride or 16
    doublings = min(count, stride.bit_length() - 1)
    words: Words = {"name": "fcn", "channels": arguments.whole("channels") or 256, "num_convs": count}
    words |= without_empty({"num_upsamplings": doublings, "level": arguments.whole("in_index")})
    if words.get("level") == -1:
        del words["level"]
    words["norm"] = "layer"
    if doublings < count:
        arguments.change(
            "num_convs",
            f"the resolution is doubled {doublings} times, as a patch has {stride} pixels",
            ours,
            alters=True,
        )
    return Decoding(words)


def _linear(arguments: Stated, flow: Flow, ours: str) -> Decoding:  # noqa: ARG001 - as all decoders
    size = arguments.whole("upsampling_size")
    level = arguments.whole("in_index")
    channels = arguments.whole("num_classes")
    arguments.change("num_classes", "one linear layer more, the head, stands behind it", ours)
    words = {"channels": channels, "upsampling": size, "level": level if level != -1 else None}
    return Decoding({"name": "linear"} | without_empty(words))


def _identity(arguments: Stated, flow: Flow, ours: str) -> Decoding:  # noqa: ARG001 - as all decoders
    level = arguments.whole("out_index")
    return Decoding(None if level in (None, -1) else {"name": "identity", "level": level})


def _mlp(arguments: Stated, flow: Flow, ours: str) -> Decoding:  # noqa: ARG001 - as all decoders
    for key in ("channels", "out_dim"):
        arguments.pass_over(key)
    arguments.take("out_index")
    activation = (arguments.text("activation") or "ReLU").lower()
    if flow.channels is None:
        arguments.findings.refuse(
            arguments.path("")[:-1],
            "an MLP gives as many channels as a level has, which are not known here: put no neck before it that "
            "changes them, or take FCNDecoder",
        )
        return Decoding(None)
    if activation not in ("relu", "gelu"):
        arguments.refuse("activation", f"'{activation}' is none of ReLU and GELU")
    words: Words = {"name": "mlp", "channels": [flow.channels]}
    words |= {"level": "all"} if flow.levels != 1 else {}
    return Decoding(words | ({"activation": activation} if activation != "relu" else {}))


#: Arguments of smp's models by another name than "decoder_" and that of the decoder: model, or "" for all -> ours.
SMP_OPTIONS: Mapping[tuple[str, str], str] = {
    ("", "decoder_channels"): "decoder_channels",
    ("", "decoder_interpolation"): "interpolation_mode",
    ("DeepLabV3", "decoder_channels"): "out_channels",
    ("DeepLabV3Plus", "decoder_channels"): "out_channels",
    ("PSPNet", "psp_out_channels"): "out_channels",
    ("PSPNet", "psp_use_norm"): "use_norm",
    ("PSPNet", "psp_dropout"): "dropout",
}


def _smp_options(model: str, arguments: Stated) -> Words:
    """Return options of a decoder of smp, of which TerraTorch takes those of the whole model."""
    options: Words = {}
    for key in arguments.keys():  # noqa: SIM118 - it is no mapping
        name = SMP_OPTIONS.get((model, key)) or SMP_OPTIONS.get(("", key))
        if name is None and key.startswith("decoder_"):
            name = key.removeprefix("decoder_")
        if name is None:
            arguments.pass_over(key, f"smp's '{model}' takes it and does not use it; 'decoder_decoder_{key}' it would")
        else:
            options[name] = arguments.take(key)
    return options


#: Decoders of smp that take exactly four levels, and those that leave the first one aside.
_FOUR, _WITHOUT_FIRST = ("FPN",), ("UnetPlusPlus", "Linknet", "Unet", "MAnet")
#: Decoders of smp that leave out the first two levels, or read two levels alone, of as many as are given.
_LATER: Mapping[str, Callable[[int], list[int]]] = {
    "PAN": lambda levels: list(range(2, levels)),
    "UPerNet": lambda levels: list(range(2, levels)),
    "Segformer": lambda levels: list(range(1, levels)),
    "DeepLabV3Plus": lambda levels: [2, levels - 1],
}
#: Those of smp that give the same for the same weights, whatever levels there are.
EXACT = ("FPN", "UnetPlusPlus", "Linknet", "Unet", "MAnet", "DeepLabV3", "PSPNet")
#: Fewest levels, without which smp refuses to build the others.
_LEAST = 4


def _smp(model: str, arguments: Stated, flow: Flow, ours: str) -> Decoding:
    options = _smp_options(model, arguments)
    if model == "DPT":
        arguments.findings.refuse(
            arguments.path("")[:-1],
            "smp's DPT is built on encoders of timm alone, so that TerraTorch fails with it: take another decoder, or "
            "write 'decoder: {name: dpt}' into the recipe",
        )
    necks: tuple[Words, ...] = ()
    if model in _FOUR and flow.levels != 4:
        necks = ({"name": "select", "indices": [-4, -3, -2, -1]},)
    elif model in _WITHOUT_FIRST and flow.levels is not None:
        necks = ({"name": "select", "indices": list(range(1, flow.levels))},)
    words: Words = {"name": "smp", "model": model}
    if model in ("Unet", "MAnet"):
        words["last_block"] = "doubles"
    later = _later(model, flow)
    if later is not None:
        necks, more = later
        options |= as_words(more.pop("options", None))
        words |= more
    words |= without_empty({"options": options})
    if model not in EXACT and later is None:
        arguments.findings.change(
            arguments.path("")[:-1], f"the decoder of '{model}' is fed in another way", ours, alters=True
        )
    return Decoding(words, necks)


def _later(model: str, flow: Flow) -> tuple[tuple[Words, ...], Words] | None:
    """Return the levels that a decoder reads, and what it must be told of them. None: that is not known.

    smp takes the first level for the image itself, whatever stride it has.
    """
    ratio = 1 if flow.stride is not None else flow.ratio
    if model not in _LATER or flow.levels is None or flow.levels < _LEAST:
        return None
    necks: tuple[Words, ...] = ({"name": "select", "indices": _LATER[model](flow.levels)},)
    if model == "Segformer":
        # Its map is four times coarser than the level that it takes for the image.
        return (necks, {"coarser": 4 // ratio}) if ratio is not None else None
    if model == "DeepLabV3Plus" and flow.levels == _LEAST:
        return necks, {"options": {"output_stride": 8}}
    return necks, {}


_DECODERS: Mapping[str, Callable[[Stated, Flow, str], Decoding]] = {
    "UNetDecoder": _unet,
    "UperNetDecoder": _upernet,
    "UPerNetDecoder": _upernet,
    "FCNDecoder": _fcn,
    "LinearDecoder": _linear,
    "IdentityDecoder": _identity,
    "MLPDecoder": _mlp,
}
