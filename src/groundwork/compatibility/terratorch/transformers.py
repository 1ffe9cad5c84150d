"""Vision transformers that are translated option by option: Prithvi-EO and TerraMind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from groundwork.compatibility.terratorch.encoder_names import FORMER, FROM_DATA, IGNORED
from groundwork.compatibility.terratorch.flow import Flow
from groundwork.compatibility.terratorch.stated import Stated, Words, without_empty
from groundwork.models.encoders.prithvi.variants import HLS_BANDS
from groundwork.models.encoders.prithvi.variants import VARIANTS as PRITHVI
from groundwork.models.encoders.terramind.variants import MODALITIES, PATCH_SIZE
from groundwork.models.encoders.terramind.variants import VARIANTS as TERRAMIND
from groundwork.strict import did_you_mean

#: What changes a network of Prithvi, and is read behind its other arguments, or refused as unknown.
READ_LATER = ("out_indices", "vit_adapter", "mlp_ratio", "norm_layer", "encoder_only")
#: How modalities are called with the size of TerraMind's images behind them.
_ALIASES = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in MODALITIES} | {
    "sen2l2a": "S2L2A",
    "sen2l1c": "S2L1C",
    "sen1grd": "S1GRD",
    "sen1rtc": "S1RTC",
    "sen2rgb": "RGB",
    "s1": "S1GRD",
    "s2": "S2L2A",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What an encoder sees: source -> its bands."""

    sources: Mapping[str, tuple[str, ...]]
    steps: int
    #: Whether dates and places come with the images.
    has_places: bool = False


def read_prithvi(name: str, arguments: Stated, seen: Seen) -> tuple[Words, Flow]:
    """Translate a vision transformer of Prithvi-EO."""
    variant = PRITHVI[name]
    found: Words = {"name": "prithvi_vit", "variant": name, **published_or_file(arguments, arguments.text("ckpt_path"))}
    patch, tubelet = _patch(arguments)
    for key, value in (("embed_dim", variant.embed_dim), ("depth", variant.depth), ("num_heads", variant.num_heads)):
        given = arguments.whole(key)
        if given not in (None, value):
            arguments.refuse(key, f"'{name}' has {value}, not {given}: name the variant that is meant")
    found |= without_empty(
        {
            "coordinates": _coordinates(name, arguments, seen),
            "image_size": arguments.whole("img_size"),
            "drop_path": arguments.number("drop_path") or None,
            "patch_size": patch if patch != variant.patch_size else None,
            "tubelet_size": tubelet if tubelet != 1 else None,
            "prompts": _prompts(arguments),
        }
    )
    for key in ("window_size", "band_patch_size"):
        arguments.pass_over(key)
    arguments.pass_over("coords_scale_learn", "whether the factor of codes is learnt follows from the variant")
    _pass_over_unused(arguments)
    indices = whole_numbers(arguments, "out_indices")
    if arguments.flag("vit_adapter"):
        found["name"] = "prithvi_vit_adapter"
        return found, Flow(levels=4)
    found |= without_empty({"out_indices": indices})
    channels = variant.embed_dim * max(1, seen.steps // (tubelet or 1))
    return found, Flow(len(indices) or variant.depth, patch or variant.patch_size, channels, seen.steps, not indices)


def _coordinates(name: str, arguments: Stated, seen: Seen) -> list[str]:
    """Return what the network is told of each sample: what is stated, or else what its variant was trained with."""
    is_stated = "coords_encoding" in arguments
    if not seen.has_places:
        if arguments.look("coords_encoding"):
            arguments.pass_over(
                "coords_encoding",
                "TerraTorch uses none, as the datamodule tells the network of no dates and places ('use_metadata')",
            )
        arguments.take("coords_encoding")
        return []
    found = arguments.texts("coords_encoding") if is_stated else ["time", "location"] if name.endswith("_tl") else []
    if "time" in found:
        arguments.change("coords_encoding", "dates are read from the files here, or from a table of them")
        for source in seen.sources:
            arguments.findings.lack(
                f"data.sources.{source}.date_tag",
                "nothing says when images were taken. State this key with the name of the tag that holds the date of "
                "each file. Or else let 'scenes' and 'inference_scenes' be tables with a column 'date', as "
                "docs/how-to/where-rasters-come-from.md does, or write '{date}' into their 'pattern'. Without dates, "
                "set 'model.encoder.coordinates' to [location]",
            )
    return found


def _pass_over_unused(arguments: Stated) -> None:
    """Leave out what Prithvi's network takes by any name, and asks for nowhere."""
    if "pretrained_cfg_overlay" in arguments:
        text = "TerraTorch takes it no longer: name its file in 'backbone_ckpt_path'"
        arguments.refuse("pretrained_cfg_overlay", text)
    for key in arguments.unread():
        if key not in (*READ_LATER, *FROM_DATA, *IGNORED):
            hint = arguments.near_miss(key, ("bands", "num_frames", "out_indices", "vit_adapter"))
            arguments.pass_over(key, f"TerraTorch takes it and does not use it.{hint}")


def _patch(arguments: Stated) -> tuple[int | None, int | None]:
    """Return the side of a patch, and the dates that it covers: of one number, or of [dates, height, width]."""
    sizes = whole_numbers(arguments, "patch_size")
    if not sizes:
        return None, None
    return sizes[-1], sizes[0] if len(sizes) == 3 else 1


def _prompts(arguments: Stated) -> Words | None:
    tokens, dropout = arguments.whole("vpt_n_tokens"), arguments.number("vpt_dropout")
    if not arguments.flag("vpt"):
        return None
    return without_empty({"tokens": tokens, "dropout": dropout}) or {"tokens": 10}


def read_terramind(name: str, arguments: Stated, seen: Seen) -> tuple[Words, Flow]:
    """Translate TerraMind."""
    if name.endswith("_tim"):
        arguments.findings.refuse(
            place_of_part(arguments),
            f"'{name}' paints modalities before it answers, which is not built here: take "
            f"'{name.removesuffix('_tim')}'",
        )
        return {}, Flow()
    modalities = _modalities(arguments, seen)
    merge = arguments.take("merge_method")
    indices = whole_numbers(arguments, "out_indices")
    found: Words = {
        "name": "terramind",
        "variant": name,
        "modalities": modalities,
        **read_weights(arguments, seen, takes_names=True),
    }
    found |= without_empty(
        {
            "merge": {"dict": "none", "concat": "concat", "max": "max"}.get(str(merge)),
            "drop_path": arguments.number("drop_path_rate") or None,
            "out_indices": indices,
        }
    )
    if merge == "concat" and list(modalities) != sorted(modalities):
        found["order"] = list(modalities)
    arguments.pass_over("img_size", "images of any size are taken")
    sizes = TERRAMIND[name]
    width = sizes.embed_dim * seen.steps * (len(seen.sources) if merge == "concat" else 1)
    return found, Flow(len(indices) or sizes.depth, PATCH_SIZE, width, seen.steps, not indices)


def usual_bands(encoder: str, modality: str) -> tuple[str, ...]:
    """Return the bands that the weights of an encoder know, in their order; none where they are not known.

    Args:
        encoder: As the file has it.
        modality: What the source is, for TerraMind.
    """
    if FORMER.get(encoder, encoder) in PRITHVI:
        return HLS_BANDS
    kind = modality_of(modality)
    return MODALITIES[kind].bands if encoder in TERRAMIND and kind is not None else ()


def modality_of(name: str) -> str | None:
    """Return what a modality is called here. None: it is none that is read as an image."""
    return _ALIASES.get(re.sub(r"[^a-z0-9]", "", name.lower().partition("@")[0].removeprefix("untok_")))


def _modalities(arguments: Stated, seen: Seen) -> Words:
    """Return what each source is."""
    listed = arguments.entries("modalities")
    given = [str(next(iter(entry), "")) if isinstance(entry, Mapping) else str(entry) for entry in listed]
    new = {str(next(iter(entry), "")) for entry in listed if isinstance(entry, Mapping)}
    found: Words = {}
    for source in seen.sources:
        stated = given[0] if len(seen.sources) == 1 and len(given) == 1 else source
        kind = modality_of(stated)
        found[source] = "new" if stated in new else kind
        if stated not in given:
            arguments.refuse("modalities", f"they lack the source '{source}', which the data give; found {given}")
        elif found[source] is None:
            arguments.refuse(
                "modalities",
                f"'{stated}' is no image to TerraMind.{did_you_mean(stated, list(MODALITIES))} Known: "
                f"{list(MODALITIES)}; or 'new', with its number of bands",
            )
    return found


def read_weights(arguments: Stated, seen: Seen, *, takes_names: bool = False) -> Words:
    """Return where the encoder starts from; TerraMind's files say their bands themselves."""
    pretrained = bool(arguments.flag("pretrained"))
    file = arguments.text("ckpt_path") or arguments.text("checkpoint_path") or arguments.text("ckpt_data")
    trained_on = arguments.texts("pretrained_bands")
    if file is None or takes_names:
        return {"pretrained": pretrained or file is not None, **({} if file is None else {"weights": file})}
    bands = trained_on or [band for listed in list(seen.sources.values())[:1] for band in listed]
    return {"pretrained": True, "weights": {"file": file, "bands": [str(band).rpartition(".")[2] for band in bands]}}


def published_or_file(arguments: Stated, file: str | None) -> Words:
    """Return where a network of Prithvi starts from: nowhere, from published weights, or from a file in their place.

    Args:
        arguments: The encoder's.
        file: That is read, where the encoder is pretrained at all.
    """
    bands = arguments.texts("pretrained_bands")
    if not arguments.flag("pretrained"):
        text = "TerraTorch reads no file where 'pretrained' is not true"
        for key in ("ckpt_path", "pretrained_cfg_overlay"):
            if arguments.look(key) is not None and file is not None:
                arguments.pass_over(key, text)
        return {"pretrained": False}
    if file is None:
        return {"pretrained": True}
    names = [str(band).rpartition(".")[2] for band in bands] or list(HLS_BANDS)
    return {"pretrained": True, "weights": {"file": file, "bands": names}}


def whole_numbers(arguments: Stated, key: str) -> list[int]:
    """Return a list of whole numbers."""
    return arguments.wholes(key)


def place_of_part(arguments: Stated) -> str:
    """Return the key that arguments stand under."""
    return arguments.path("")[:-1]
