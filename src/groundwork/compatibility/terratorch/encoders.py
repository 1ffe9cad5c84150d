"""Encoders by name, with their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from groundwork.compatibility.terratorch.encoder_names import (
    DINOV3,
    DOFA,
    FORMER,
    FROM_DATA,
    IGNORED,
    NOT_HERE,
    SWIN,
    SWIN_DROP_PATH,
    TORCHGEO,
    WINDOW,
)
from groundwork.compatibility.terratorch.flow import Flow
from groundwork.compatibility.terratorch.stated import Stated, Words, without_empty
from groundwork.compatibility.terratorch.timm_levels import read_timm_levels
from groundwork.compatibility.terratorch.torchgeo_encoders import read_dofa, read_torchgeo
from groundwork.compatibility.terratorch.transformers import (
    Seen,
    place_of_part,
    published_or_file,
    read_prithvi,
    read_terramind,
    read_weights,
    whole_numbers,
)
from groundwork.models.encoders.owners import find_owner
from groundwork.models.encoders.prithvi.variants import HLS_BANDS
from groundwork.models.encoders.prithvi.variants import VARIANTS as PRITHVI
from groundwork.models.encoders.terramind.variants import MODALITIES
from groundwork.models.encoders.terramind.variants import VARIANTS as TERRAMIND
from groundwork.strict import did_you_mean


@dataclass(frozen=True, slots=True)
class Encoding:
    """An encoder, and what follows from it."""

    encoder: Words
    flow: Flow
    #: Necks that stand before all others.
    necks: tuple[Words, ...] = ()
    #: Bands that the published weights never saw which it starts from.
    new_bands: tuple[str, ...] = ()


def read_encoder(name: str, arguments: Stated, seen: Seen) -> Encoding:
    """Return an encoder and what it passes on.

    Args:
        name: As the file has it.
        arguments: Its arguments, without prefix.
        seen: The sources.
    """
    per_date = _read_dates(arguments)
    plain = name.removeprefix("terratorch_")
    plain = FORMER.get(plain, plain)
    # TerraMind sends several dates through itself one by one, and leaves them apart.
    by_itself = plain in TERRAMIND
    encoder, flow = _of_family(plain, arguments, replace(seen, steps=1) if per_date and not by_itself else seen)
    if not encoder:
        # The encoder itself was refused, so that its options mean nothing.
        for key in arguments.keys():  # noqa: SIM118 - it is no mapping
            arguments.take(key)
        flow = replace(flow, steps=seen.steps)
    for key in FROM_DATA:
        arguments.take(key)
    # Prithvi reads the size of its images and bands from the data, whatever is stated.
    for key in IGNORED:
        arguments.pass_over(key)
    arguments.finish(("pretrained", "bands", "num_frames", "out_indices", "drop_path", "img_size", "ckpt_path"))
    new = _new_bands(encoder, seen) if encoder.get("pretrained") else ()
    if not per_date:
        return Encoding(encoder, flow, (), new)
    pooling = str(per_date.get("pooling"))
    parts = per_date.get("subsets")
    keeps = pooling in ("concat", "keep") or bool(parts)
    if by_itself:
        if parts:
            arguments.refuse("temporal_subset_lengths", "TerraMind's dates are not grouped here: leave it out")
        necks: tuple[Words, ...] = () if keeps else ({"name": "pool_time", "pooling": pooling},)
        width = flow.channels and flow.channels // (1 if keeps else seen.steps)
        return Encoding(encoder, replace(flow, channels=width), necks, new)
    count = len(parts) if isinstance(parts, list) else seen.steps
    width = flow.channels and flow.channels * (count if keeps else 1)
    wrapped: Words = {"name": "per_date", "encoder": encoder, **per_date}
    return Encoding(wrapped, replace(flow, channels=width, steps=seen.steps, is_transformer=False), (), new)


def _new_bands(encoder: Words, seen: Seen) -> tuple[str, ...]:
    """Return the bands of all sources that the published weights of their encoder never saw."""
    known: dict[str, tuple[str, ...]] = {}
    modalities = encoder.get("modalities")
    for source in seen.sources:
        kind = modalities.get(source) if isinstance(modalities, dict) else None
        if encoder["name"] in ("prithvi_vit", "prithvi_vit_adapter"):
            known[source] = HLS_BANDS
        elif kind in MODALITIES:
            known[source] = MODALITIES[str(kind)].bands
        elif encoder["name"] in ("timm", "smp"):
            known[source] = ("RED", "GREEN", "BLUE")
    return tuple(
        band
        for source, bands in seen.sources.items()
        for band in bands
        if source in known and band not in known[source]
    )


def _of_family(name: str, arguments: Stated, seen: Seen) -> tuple[Words, Flow]:
    missing = next((what for beginning, what in NOT_HERE.items() if name.startswith(beginning)), None)
    if missing is not None:
        arguments.findings.refuse(place_of_part(arguments), f"'{name}': {missing}")
        return {}, Flow()
    if name in PRITHVI:
        return read_prithvi(name, arguments, seen)
    if name in TERRAMIND or name.endswith("_tim"):
        return read_terramind(name, arguments, seen)
    if name.lower() in SWIN:
        return _swin(name, arguments)
    return _of_zoo(name, arguments, seen)


def _of_zoo(name: str, arguments: Stated, seen: Seen) -> tuple[Words, Flow]:
    if name in DOFA:
        return read_dofa(name, arguments, seen)
    beginning = next((word for word in TORCHGEO if name.startswith(word)), None)
    if beginning is not None:
        return read_torchgeo(name, beginning, arguments, seen)
    return _timm(name, arguments, seen)


def _swin(name: str, arguments: Stated) -> tuple[Words, Flow]:
    """Translate Prithvi's Swin transformers, of which only the size, the weights and a few options differ."""
    overlay = arguments.take("pretrained_cfg_overlay")
    file = overlay.get("file") if isinstance(overlay, Mapping) else None
    weights = published_or_file(arguments, None if file is None else str(file))
    words: Words = {"name": "prithvi_swin", "variant": SWIN[name.lower()], **weights}
    words |= without_empty({"out_indices": whole_numbers(arguments, "out_indices")})
    if arguments.whole("window_size") not in (None, WINDOW):
        arguments.refuse("window_size", f"the published networks have windows of {WINDOW} patches: leave it out")
    rate = arguments.number("drop_path_rate")
    words |= {"drop_path": SWIN_DROP_PATH if rate is None else rate, "pads_before_shift": True}
    return words, Flow(levels=4, ratio=2)


def _timm(name: str, arguments: Stated, seen: Seen) -> tuple[Words, Flow]:
    model = name.removeprefix("timm_")
    is_dinov3, model = model in DINOV3, DINOV3.get(model, model)
    owner = find_owner(model.partition(".")[0])
    if owner is None or owner[1] != "model":
        arguments.findings.refuse(
            place_of_part(arguments),
            f"no encoder is called '{name}'.{did_you_mean(name, [*PRITHVI, *TERRAMIND, *DOFA])} "
            "`groundwork models list encoder` names those that are built here",
        )
        return {}, Flow()
    found: Words = {"name": owner[0], "model": model, **read_weights(arguments, seen)}
    indices, flow = whole_numbers(arguments, "out_indices"), Flow()
    if owner[0] == "timm":
        indices, flow = read_timm_levels(model, indices, all_blocks=is_dinov3)
    if is_dinov3:
        arguments.pass_over("return_cls_token", "encoders give maps here, without a class token")
    return found | without_empty(
        {
            "out_indices": indices,
            "drop_path": arguments.number("drop_path") or arguments.number("drop_path_rate") or None,
            "image_size": arguments.whole("img_size"),
        }
    ), flow


#: How the maps of several dates become one.
POOLINGS = {"mean": "mean", "max": "max", "diff": "first_less_last", "concat": "concat", "keep": "keep"}


def _read_dates(arguments: Stated) -> Words:
    """Return the options of the encoder that sends each date through another one; nothing where it is not asked for."""
    wanted = bool(arguments.flag("use_temporal"))
    pooling = arguments.text("temporal_pooling") or ("concat" if arguments.flag("temporal_concat") else "mean")
    subsets = arguments.take("temporal_subset_lengths")
    arguments.take("temporal_n_timestamps")
    arguments.pass_over("temporal_features_permute_op", "encoders give maps here")
    if not wanted:
        return {}
    if pooling not in POOLINGS:
        arguments.refuse("temporal_pooling", f"'{pooling}' is none of {list(POOLINGS)}")
    if isinstance(subsets, list) and not (pooling == "mean" and len(set(subsets)) == 1):
        return _subsets(arguments, [int(length) for length in subsets], pooling)
    # The mean of the means of as many dates each is the mean of all.
    return {"pooling": POOLINGS.get(pooling, "mean")}


def _subsets(arguments: Stated, lengths: list[int], pooling: str) -> Words:
    """Return the means of subsets of dates, which TerraTorch pools once more."""
    if pooling not in ("concat", "keep"):
        arguments.refuse(
            "temporal_subset_lengths",
            f"the means of subsets are kept beside one another here, and not pooled once more by '{pooling}': take "
            "'concat', or leave the subsets out",
        )
    ends = [sum(lengths[: index + 1]) for index in range(len(lengths))]
    subsets = [list(range(end - length, end)) for end, length in zip(ends, lengths, strict=True)]
    return {"pooling": "mean", "subsets": subsets}
