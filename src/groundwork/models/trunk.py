"""Build what stands before the decoder: encoder and necks, checked against the rasters."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.models.adapters import add_adapters
from groundwork.models.assembly import Trunk
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.joint import JointEncoder, SourceEncoders
from groundwork.models.expectations import check_expectations
from groundwork.models.necks import NECKS
from groundwork.models.necks.base import Neck
from groundwork.models.necks.mending import mend
from groundwork.models.needs import Needs
from groundwork.registry import ComponentError, build, find
from groundwork.specs import RasterSpec, SpecError

#: The parts of a model's configuration that factories of whole models have no use for.
COMPONENTS = ("encoder", "encoders", "necks", "decoder", "head", "auxiliary", "adapters")


def build_trunk(config: ModelConfig, inputs: Mapping[str, RasterSpec]) -> Trunk:
    """Build encoder and necks.

    Raises:
        SpecError: Where components do not fit together, or the rasters contradict the encoder.
        ComponentError: For an unknown name or option.
    """
    encoder = build_encoder(config, inputs)
    _check(encoder, config, inputs)
    if config.adapters is not None:
        add_adapters(encoder, config.adapters)
    features = encoder.out
    necks: list[Neck] = []
    for neck_config in config.necks if isinstance(config.necks, tuple) else mend(features, _needs_of(config.decoder)):
        neck = build(Neck, NECKS, neck_config, features)  # type: ignore[type-abstract]
        features = neck.out
        necks.append(neck)
    sources = sorted({level.source for level in features.levels if level.source is not None})
    if sources:
        raise SpecError(
            f"The decoder would see the sources {sources} apart: {features}. Put a 'merge_sources' neck before it"
        )
    return Trunk(inputs, encoder, necks)


def build_encoder(config: ModelConfig, inputs: Mapping[str, RasterSpec]) -> Encoder | JointEncoder:
    """Build the encoder: one for one source, one that sees several, or one for each.

    Raises:
        SpecError: Where sources and encoders do not fit together.
        ComponentError: For an unknown name or option.
    """
    if (config.encoder is None) == (not config.encoders):
        raise ComponentError("The model needs an 'encoder', or 'encoders' with one for each source; give one of both")
    if config.encoder is None:
        return _build_apart(config.encoders, inputs)
    if issubclass(find(ENCODERS, config.encoder.name), JointEncoder):
        return build(JointEncoder, ENCODERS, config.encoder, inputs)  # type: ignore[type-abstract]
    specs = list(inputs.values())
    encoder = build(Encoder, ENCODERS, config.encoder, specs[0])  # type: ignore[type-abstract]
    if len(inputs) == 1:
        return encoder
    bands = {source: [band.name for band in spec.used] for source, spec in inputs.items()}
    if len({(len(spec.used), spec.steps) for spec in specs}) > 1:
        raise SpecError(
            f"The sources {bands} cannot share '{config.encoder.name}', as they differ in bands or steps. Give each "
            "its own in 'encoders', or take an encoder that sees several sources"
        )
    return SourceEncoders(dict.fromkeys(inputs, encoder))


def resolve_necks(config: ModelConfig, inputs: Mapping[str, RasterSpec], needs: Needs | None = None) -> ModelConfig:
    """Return the configuration with the necks that ``auto`` stands for written out.

    Args:
        config: Of the model.
        inputs: Source name -> what its rasters hold.
        needs: What follows the necks takes. None: what the decoder takes.
    """
    if config.necks != "auto":
        return config
    # On no device at all, so that a large encoder costs no memory to ask.
    with torch.device("meta"):
        features = build_encoder(config.without_pretraining(), inputs).out
    if needs is None:
        needs = _needs_of(config.decoder)
    return config.model_copy(update={"necks": mend(features, needs)})


def refuse_parts(config: ModelConfig, factory: str, parts: tuple[str, ...]) -> None:
    """Refuse components that a factory has no use for.

    Raises:
        ComponentError: With their names.
    """
    given = [part for part in parts if getattr(config, part)]
    if "encoder" in parts and config.standardise == "from_encoder":
        raise ComponentError(f"'standardise: from_encoder' needs an encoder; the factory '{factory}' has none")
    if given:
        raise ComponentError(
            f"The factory '{factory}' has no use for {given}: set each to null ('necks' to [], mappings to {{}})"
        )


def _needs_of(config: ComponentConfig | None) -> Needs:
    """Return what a decoder takes; None is the one that passes on the encoder's last level."""
    named = config or ComponentConfig(name="identity")
    decoder = find(DECODERS, named.name)
    return decoder.needs(named.options) if issubclass(decoder, Decoder) else Needs()


def _build_apart(encoders: Mapping[str, ComponentConfig], inputs: Mapping[str, RasterSpec]) -> SourceEncoders:
    if set(encoders) != set(inputs):
        raise ComponentError(
            f"'encoders' must name one encoder for each source: it names {sorted(encoders)}, data.sources has "
            f"{sorted(inputs)}"
        )
    return SourceEncoders(
        {
            source: build(Encoder, ENCODERS, encoders[source], spec)  # type: ignore[type-abstract]
            for source, spec in inputs.items()
        }
    )


def _check(encoder: Encoder | JointEncoder, config: ModelConfig, inputs: Mapping[str, RasterSpec]) -> None:
    if isinstance(encoder, JointEncoder):
        infos, is_loaded = encoder.infos, bool(encoder.loads)
    else:
        infos = dict.fromkeys(inputs, encoder.info) if encoder.info is not None else {}
        is_loaded = encoder.loaded is not None
    for source, info in infos.items():
        if is_loaded:
            check_expectations(info, inputs[source], config.accept)
