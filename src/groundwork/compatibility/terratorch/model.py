"""Factories of models: from their arguments to what stands under ``model``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from groundwork.compatibility.terratorch.decoders import read_decoder
from groundwork.compatibility.terratorch.detection import read_detector
from groundwork.compatibility.terratorch.encoders import Encoding, read_encoder
from groundwork.compatibility.terratorch.heads import read_head
from groundwork.compatibility.terratorch.necks import Chain, read_necks
from groundwork.compatibility.terratorch.prefixes import arguments_of
from groundwork.compatibility.terratorch.stated import Stated, Words, without_empty
from groundwork.compatibility.terratorch.tasks import TaskKind
from groundwork.compatibility.terratorch.transformers import Seen
from groundwork.strict import did_you_mean

#: Factories that are not translated, and what to do.
NO_FACTORIES = {
    "GenericUnetModelFactory": "its UNet needs mmsegmentation, with which TerraTorch itself fails: take "
    "'EncoderDecoderFactory' with the decoder 'UNetDecoder'",
    "FullModelFactory": "whole models of TerraTorch are not built here: see docs/how-to/build-a-model.md",
    "GenericModelFactory": "whole models of TerraTorch are not built here",
    "ClayModelFactory": "Clay 1 is not built here: take the encoder 'clay', which is version 1.5",
    "Clay1_5ModelFactory": "write 'encoder: {name: clay}' into the recipe, and translate the rest",
    "SatMAEModelFactory": "it fails in TerraTorch itself: write 'encoder: {name: satmae}' into the recipe",
    "WxCModelFactory": "weather models are not built here",
}
#: Arguments of factories, for near misses.
KNOWN = (
    *("backbone", "decoder", "necks", "rescale", "peft_config", "decoder_channels", "head_dropout", "num_classes"),
    *("backbone_bands", "backbone_pretrained", "backbone_num_frames", "backbone_out_indices", "backbone_img_size"),
)
#: What arguments of the factory of smp begin with that it hands to nothing.
OF_OTHERS = ("backbone_", "decoder_", "head_", "aux_")
#: Queries, keys and values that TerraTorch takes apart: theirs -> ours.
SPLIT = {"q_linear": "query", "k_linear": "key", "v_linear": "value"}


def read_model(task: Stated, kind: TaskKind, seen: Seen) -> Words:
    """Return what stands under ``model``.

    Args:
        task: The arguments of the task.
        kind: What it learns.
        seen: The sources that the model sees.
    """
    factory = task.text("model_factory") or ""
    arguments = task.section("model_args")
    if task.take("model") is not None:
        task.refuse("model", "a model that is built elsewhere cannot be translated: describe it by 'model_args'")
    if factory not in _FACTORIES:
        known = list(_FACTORIES)
        what = NO_FACTORIES.get(factory, f"it is not known here.{did_you_mean(factory, known)} Known: {known}")
        if not factory:
            what = "none is named, and TerraTorch fails without one: name 'EncoderDecoderFactory'"
        task.refuse("model_factory", f"'{factory}': {what}" if factory else what)
        return {}
    found = _FACTORIES[factory](task, arguments, kind, seen)
    for key in ("num_classes", "num_outputs", "task"):
        arguments.take(key)
    arguments.finish(KNOWN)
    return found


def _encoder_decoder(task: Stated, arguments: Stated, kind: TaskKind, seen: Seen) -> Words:
    return _assemble(task, arguments, kind, seen, unprefixed=False)


def _prithvi(task: Stated, arguments: Stated, kind: TaskKind, seen: Seen) -> Words:
    return _assemble(task, arguments, kind, seen, unprefixed=True)


def _assemble(task: Stated, arguments: Stated, kind: TaskKind, seen: Seen, *, unprefixed: bool) -> Words:
    """Translate encoder, necks, decoder, head, auxiliary branches and adapters."""
    chain, encoding = _read_chain(arguments, seen, unprefixed=unprefixed)
    head_arguments = arguments_of(arguments, "head")
    decoder = arguments.text("decoder") or "IdentityDecoder"
    decoding = read_decoder(decoder, _decoder_arguments(decoder, arguments, arguments), chain.flow, "model.decoder")
    if arguments.flag("rescale") is False:
        arguments.change(
            "rescale", "scores are brought to the size of the image, and labels stay as they are", "model.decoder"
        )
    arguments.pass_over("image_size_out")
    branches = _branches(task, chain, kind, head_arguments)
    return {
        "encoder": chain.encoder,
        "necks": [*chain.necks, *decoding.necks],
        "decoder": decoding.decoder,
        "head": read_head(head_arguments, kind, chain.pooling),
        "auxiliary": branches,
        **_adapters(arguments),
        **({"accept": ["bands"]} if _accepts(arguments, encoding) else {}),
    }


def _decoder_arguments(decoder: str, arguments: Stated, whole: Stated) -> Stated:
    """Return the decoder's arguments. One that gives scores itself is told how many.

    Args:
        decoder: Its name.
        arguments: Where they stand.
        whole: Of the model, or of the task.
    """
    own = arguments_of(arguments, "decoder")
    if decoder != "LinearDecoder":
        return own
    model = whole.look("model_args")
    count = model.get("num_classes") if isinstance(model, Mapping) else whole.look("num_classes")
    return own.told("num_classes", count)


def _read_chain(arguments: Stated, seen: Seen, *, unprefixed: bool) -> tuple[Chain, Encoding]:
    encoder = arguments.text("backbone") or ""
    own = arguments_of(arguments, "backbone", unprefixed=unprefixed)
    encoding = read_encoder(encoder, own, seen)
    chain = Chain(dict(encoding.encoder), encoding.flow, list(encoding.necks))
    read_necks(arguments.sections("necks"), chain)
    return chain, encoding


def _accepts(arguments: Stated, encoding: Encoding) -> bool:
    if encoding.new_bands:
        names = list(encoding.new_bands)
        arguments.change("backbone", f"bands that its weights never saw start afresh: {names}", "model.accept")
    return bool(encoding.new_bands)


def _branches(task: Stated, chain: Chain, kind: TaskKind, head: Stated) -> Words:
    found: Words = {}
    for entry in task.sections("aux_heads"):
        name = entry.text("name") or ""
        if not name.isidentifier():
            entry.refuse("name", f"names of branches are words of letters, digits and _; found '{name}'")
        inner = entry.section("decoder_args")
        for key in [key for key in inner.keys() if key.startswith("head_")]:  # noqa: SIM118 - it is no mapping
            inner.pass_over(key, "TerraTorch builds heads of branches by the arguments of the main one")
        decoding = read_decoder(
            entry.text("decoder") or "",
            _decoder_arguments(entry.text("decoder") or "", inner, task),
            chain.flow,
            f"model.auxiliary.{name}",
        )
        inner.finish()
        entry.finish()
        if decoding.necks:
            entry.refuse("decoder", "it needs necks of its own, which a branch has not here: take another decoder")
        copied = Stated({key: head.look(key) for key in head.keys()}, head.path("")[:-1], head.findings)  # noqa: SIM118
        branch_head = read_head(copied, kind, chain.pooling)
        found[name] = without_empty({"decoder": decoding.decoder or {"name": "identity"}, "head": branch_head})
    return found


def _adapters(arguments: Stated) -> Words:
    """Return adapters: of queries, keys and values apart where TerraTorch takes them apart."""
    given = arguments.section("peft_config")
    if not given.keys():
        return {}
    method = (given.text("method") or "LORA").lower()
    replaced = given.text("replace_qkv")
    options = given.section("peft_config_kwargs")
    modules = options.texts("target_modules")
    words = {key: options.take(key) for key in options.keys() if key != "target_modules"}  # noqa: SIM118
    names = [_split_name(name, replaced) for name in modules] if replaced else modules
    split = {"split": [replaced]} if replaced else {}
    given.finish()
    return {"adapters": {"method": method, **split, "modules": names, "options": words}}


def _split_name(name: str, replaced: str) -> str:
    """Return what a layer is called here that TerraTorch takes out of a joint projection."""
    start, _, last = name.rpartition(".")
    return f"{start or replaced}.{SPLIT[last]}" if last in SPLIT else name


def _smp(task: Stated, arguments: Stated, kind: TaskKind, seen: Seen) -> Words:
    del task
    if kind.per != "pixel":
        arguments.findings.refuse("model_factory", "'SMPModelFactory' answers for pixels: take 'TimmModelFactory'")
    architecture, encoder = arguments.text("model") or "", arguments.text("backbone") or "resnet34"
    # TerraTorch starts from published weights where nobody says anything.
    pretrained = arguments.flag("pretrained") is not False
    if "backbone_out_channels" in arguments:
        arguments.refuse("backbone_out_channels", f"networks of smp have smp's encoders here: '{encoder}' is none")
    options: Words = {}
    for key in arguments.keys():  # noqa: SIM118 - it is no mapping
        if key.startswith("smp_"):
            options[key.removeprefix("smp_")] = arguments.take(key)
        elif key.startswith(OF_OTHERS):
            arguments.pass_over(key, "TerraTorch takes it and does not use it; with 'smp_' before it, it would")
    for key in ("bands", "in_channels", "num_frames", "rescale", "regression_relu"):
        arguments.take(key)
    words: Words = {"name": "smp", "architecture": architecture, "encoder": encoder, "pretrained": pretrained}
    _warn_of_steps(arguments, seen)
    return _whole(words | without_empty({"options": options}))


def _timm(task: Stated, arguments: Stated, kind: TaskKind, seen: Seen) -> Words:
    del task
    if kind.per != "image":
        arguments.findings.refuse(
            "model_factory", "'TimmModelFactory' answers for images: take 'EncoderDecoderFactory'"
        )
    model = (arguments.text("backbone") or "").removeprefix("timm_")
    options = {key: arguments.take(key) for key in ("drop_rate", "drop_path_rate", "img_size") if key in arguments}
    for key in ("bands", "in_channels"):
        arguments.take(key)
    _warn_of_steps(arguments, seen)
    words: Words = {"name": "timm", "model": model, "pretrained": arguments.flag("pretrained") is not False}
    return _whole(words | without_empty({"options": options}))


def _warn_of_steps(arguments: Stated, seen: Seen) -> None:
    if seen.steps > 1:
        arguments.findings.refuse(arguments.path("backbone"), f"it sees one date, and the images have {seen.steps}")


def _whole(factory: Words) -> Words:
    return {"factory": factory, "encoder": None, "decoder": None, "necks": []}


def _detection(task: Stated, arguments: Stated, kind: TaskKind, seen: Seen) -> Words:
    if kind.per != "object":
        arguments.findings.refuse("model_factory", "'ObjectDetectionModelFactory' finds objects: take another factory")
    chain, encoding = _read_chain(arguments, seen, unprefixed=False)
    words = read_detector(task, arguments, chain)
    return {
        "factory": words,
        "encoder": chain.encoder,
        "necks": chain.necks,
        "decoder": None,
        **({"accept": ["bands"]} if _accepts(arguments, encoding) else {}),
    }


_FACTORIES: Mapping[str, Callable[[Stated, Stated, TaskKind, Seen], Words]] = {
    "EncoderDecoderFactory": _encoder_decoder,
    "PrithviModelFactory": _prithvi,
    "SMPModelFactory": _smp,
    "TimmModelFactory": _timm,
    "ObjectDetectionModelFactory": _detection,
}
