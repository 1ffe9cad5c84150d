"""A checkpoint of TerraTorch and its YAML become a bundle, which gives the same scores."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from groundwork import fingerprint
from groundwork.bundle import Bundle
from groundwork.compatibility.terratorch.findings import Findings, Note
from groundwork.compatibility.terratorch.translate import Translation, translate
from groundwork.compatibility.terratorch.weight_names import COMPUTED, IDLE, PLACES, UNUSED, ZEROS
from groundwork.compatibility.terratorch_weights.agreement import with_arguments
from groundwork.compatibility.terratorch_weights.checkpoint import Checkpoint, read_checkpoint
from groundwork.compatibility.terratorch_weights.detectors import without_background
from groundwork.compatibility.terratorch_weights.renaming import Renamed, bare_encoder, rename, require_known
from groundwork.config.data import DataConfig
from groundwork.config.model import ModelConfig
from groundwork.errors import TranslationError
from groundwork.models.assembly.detection import DetectionModel
from groundwork.models.interface import Model
from groundwork.training.initial import first_bundle

#: What the last block of a U-Net does: as with segmentation_models_pytorch from 0.5 on, or up to 0.4.
LastBlock = Literal["keeps", "doubles"]
#: Encoders whose patches TerraTorch does not see.
WITHOUT_PATCHES = ("prithvi_swin",)
#: How far codes of places may lie from those that are computed here.
CODES = 1e-3


@dataclass(frozen=True, slots=True)
class Imported:
    """A bundle, and what there is to say of it."""

    bundle: Bundle
    findings: Findings
    #: Beginnings of names of the checkpoint that have no place here -> why.
    left_out: Mapping[str, str]

    def __str__(self) -> str:
        """Compose what a person should read."""
        lines = [f"{len(self.bundle.weights)} tensors; {self.bundle.config.model.title()}"]
        parts: Sequence[tuple[str, Sequence[object]]] = (
            ("Left out of the checkpoint, and why:", [f"{name}: {why}" for name, why in self.left_out.items()]),
            ("To know, as scores depend on it:", _of_scores(self.findings)),
        )
        for title, notes in parts:
            if notes:
                lines += ["", title, *dict.fromkeys(f"  {note}" for note in notes)]
        return "\n".join(lines) + "\n"


def import_checkpoint(
    path: Path, stated: Mapping[str, object], name: str, last_block: LastBlock | None = None
) -> Imported:
    """Return the bundle of a checkpoint.

    Args:
        path: The checkpoint, or a file of its weights.
        stated: What the YAML holds that it was trained with.
        name: Of the YAML, for messages.
        last_block: What the last block of a U-Net does. None: as in TerraTorch from its version of November 2025 on,
            which is said.

    Raises:
        WeightsError: For a file that cannot be read.
        TranslationError: For what cannot be translated, or would not give the same scores, by the names of modules.
    """
    checkpoint = read_checkpoint(path)
    translation = translate(with_arguments(stated, checkpoint.model_args, path.name), name)
    _require_exact(translation, name)
    has_places = _has_places(translation)
    model = _model_of(translation, last_block)
    require_known(model)
    data = DataConfig.model_validate(translation.parameters["data"])
    initial = first_bundle(data.sources, data.target, model.without_pretraining(), 0, {})
    network = initial.build_model()
    renamed = rename(checkpoint.weights, initial.config.model)
    if not has_places:
        _drop_places(renamed)
    without_background(renamed, initial.weights)
    weights = _fill(renamed, initial, checkpoint, path.name)
    config = initial.config.model_copy(
        update={
            "model": initial.config.model.model_copy(update=_padding(network, _encoder_name(initial), data)),
            "trained": True,
            "fresh": (),
            "provenance": {
                **fingerprint.library_versions(),
                "imported_from": path.name,
                "imported_sha256": fingerprint.of_file(path),
                "weights": fingerprint.of_weights(weights),
            },
        }
    )
    bundle = Bundle(config, weights)
    bundle.build_model()
    return Imported(bundle, translation.findings, _grouped(renamed.left_out))


def _require_exact(translation: Translation, name: str) -> None:
    """Refuse what would give other scores of the same weights."""
    notes = translation.findings.altering()
    if _words(translation.parameters["model"]).get("standardise") != "given":
        notes.append(
            Note(
                "data.init_args.means",
                "neither they nor 'stds' are stated, and no checkpoint holds them: state what the weights were trained "
                "with",
            )
        )
    if notes:
        lines = "\n".join(f"  {note}" for note in notes)
        raise TranslationError(f"{name}: a bundle would not give the scores that TerraTorch gives:\n{lines}")


def _words(value: object) -> dict[str, object]:
    return {str(key): part for key, part in value.items()} if isinstance(value, Mapping) else {}


def _has_places(translation: Translation) -> bool:
    """Whether the datamodule tells the network of dates and places."""
    return "coordinates" in _words(_words(translation.parameters["model"]).get("encoder"))


def _drop_places(renamed: Renamed) -> None:
    """Leave out the weights of dates and places, of which the network was never told."""
    for key in [key for key in renamed.weights if re.search(PLACES, key)]:
        renamed.left_out[key] = "the datamodule told the network of no dates and places ('use_metadata')"
        del renamed.weights[key]


def _model_of(translation: Translation, last_block: LastBlock | None) -> ModelConfig:
    """Return the model, without what answers while training alone."""
    words = _words(translation.parameters["model"]) | {"auxiliary": {}}
    decoder = _words(words.get("decoder"))
    if decoder.get("last_block") == "keeps":
        words["decoder"] = decoder | {"last_block": last_block or "keeps"}
        if last_block is None:
            translation.findings.change(
                "model.init_args.model_args.decoder",
                "the U-Net's last block keeps the resolution, as with segmentation_models_pytorch from 0.5 on; with "
                "0.4 and before, which TerraTorch had until November 2025, it doubled it, of the same weights. For a "
                "checkpoint of that time add --last-block doubles",
                "model.decoder",
            )
    elif last_block is not None:
        raise TranslationError("--last-block is said of the decoder 'UNetDecoder' alone: leave it out")
    return ModelConfig.model_validate(words)


def _encoder_name(bundle: Bundle) -> str:
    encoder = bundle.config.model.encoder
    return "" if encoder is None else encoder.name


def _padding(network: Model, encoder: str, data: DataConfig) -> dict[str, object]:
    """Return how images are grown: by reflection to two patches, where there are patches and one source."""
    if isinstance(network, DetectionModel):
        # They show nothing where images are grown, as their objects have no mirror image.
        return {}
    found = (getattr(part, "patch_size", None) for part in network.modules())
    size = next((size for size in found if size is not None), None)
    if size is None or encoder in ("", *WITHOUT_PATCHES) or len(data.sources) > 1:
        return {"padding": "none"}
    patch = size[-1] if isinstance(size, Sequence) else size
    return {"padding": "reflect", "padding_multiple": 2 * int(patch)}


def _fill(renamed: Renamed, initial: Bundle, checkpoint: Checkpoint, name: str) -> dict[str, Tensor]:
    """Return all weights of the model: each of theirs is used or left out with a reason, and each of ours is given.

    Raises:
        TranslationError: With the modules of those that are not.
    """
    own = initial.weights
    if initial.config.model.decoder is not None and initial.config.model.decoder.name == "linear":
        count = initial.config.target.num_outputs
        renamed.weights |= {
            "head.classify.weight": torch.eye(count)[..., None, None],
            "head.classify.bias": torch.zeros(count),
        }
    _leave_out(renamed, initial.config.model, own)
    problems = [f"{module}: nothing is known of it here" for module in _modules(renamed.unknown)]
    unplaced = [key for key in renamed.weights if key not in own]
    problems += [f"{module}: the network that the YAML describes has no such part" for module in _modules(unplaced)]
    idle = IDLE.get(_encoder_name(initial), r"(?!)")
    missing = [
        key
        for key in own
        if key not in renamed.weights and not _is_given(key) and not re.fullmatch(idle, key.removeprefix("encoder."))
    ]
    problems += [f"{module}: the checkpoint has no weights for it" for module in _modules(missing)]
    problems += [
        f"{key}: {tuple(value.shape)} in the checkpoint, {tuple(own[key].shape)} as the YAML describes it"
        for key, value in renamed.weights.items()
        if key in own and own[key].shape != value.shape
    ]
    problems += _trained_codes(renamed, checkpoint, own)
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems[:20])
        raise TranslationError(f"{name} cannot be brought over exactly, with the YAML that is given:\n{lines}")
    return {key: renamed.weights.get(key, value).to(value.dtype).clone() for key, value in own.items()}


def _leave_out(renamed: Renamed, model: ModelConfig, own: Mapping[str, Tensor]) -> None:
    """Leave out what a network has no use for that passes on no later part."""
    encoder = model.encoder
    if encoder is None:
        return
    inner, start = bare_encoder(encoder)
    name = inner.name
    for key in [key for key in renamed.weights if key.startswith(start) and key not in own]:
        short = key.removeprefix(start)
        if name == "terramind" and re.fullmatch(ZEROS, short) and not bool(renamed.weights[key].any()):
            renamed.left_out[key] = "constants that are 0"
        elif not re.fullmatch(ZEROS, short) and re.fullmatch(UNUSED.get(name, r"(?!)"), short):
            renamed.left_out[key] = "behind the last level that is passed on"
        else:
            continue
        del renamed.weights[key]


def _is_given(name: str) -> bool:
    """Whether a value follows from the YAML, or is computed."""
    return name.endswith(COMPUTED) or name.startswith("standardise.") or ".scale." in name or name.startswith("scale.")


def _trained_codes(renamed: Renamed, checkpoint: Checkpoint, own: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield codes of places that are not those that are computed: somebody has trained them."""
    for name in renamed.left_out:
        value, mine = checkpoint.weights.get(name), own.get(_unwrapped(name))
        if value is None or mine is None or not name.endswith(("pos_embed", "pos_emb")):
            continue
        if value.shape == mine.shape and (value - mine).abs().max() > CODES:
            yield f"{name}: these codes of places were trained; here they are computed"


def _unwrapped(name: str) -> str:
    return name.replace("base_model.model.", "")


def _modules(names: Sequence[str]) -> list[str]:
    """Return the modules that weights belong to, each once, without those inside a repeated part."""
    return list(dict.fromkeys(re.sub(r"(\.\d+)\..+$", r"\1", name) for name in names))


def _grouped(left_out: Mapping[str, str]) -> dict[str, str]:
    return {module: left_out[name] for name in left_out for module in _modules([name])}


def _of_scores(findings: Findings) -> list[Note]:
    """Return the notes that speak of the model, and of values without data."""
    return [note for note in findings.changed if ".model_args" in note.key or note.key.endswith("no_data_replace")]
