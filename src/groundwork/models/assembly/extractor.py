"""Build what stands before the decoder: encoder and necks, checked against the rasters."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.batch import by_name
from groundwork.config.component import ComponentConfig
from groundwork.config.model import ModelConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.adapters import add_adapters
from groundwork.models.assembly.encoder_model import FeatureExtractor
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.wrappers.sources import SourceEncoders
from groundwork.models.expectations import check_expectations, statistics_of
from groundwork.models.features.needs import Needs
from groundwork.models.interface import Model
from groundwork.models.necks import NECKS
from groundwork.models.necks.auto import choose_necks
from groundwork.models.necks.base import Neck
from groundwork.models.without_memory import without_memory
from groundwork.registry import build, find, located
from groundwork.specs import RasterSpec

#: Factories of whole models that can also leave images as they are.
LEAVE_SIZES = ("smp", "timm")
#: The parts of a model's configuration that factories of whole models have no use for.
COMPONENTS = ("encoder", "encoders", "necks", "decoder", "head", "auxiliary", "adapters")


def build_extractor(config: ModelConfig, inputs: Mapping[str, RasterSpec]) -> FeatureExtractor:
    """Build encoder and necks.

    Raises:
        SpecError: Where components do not fit together, or the rasters contradict the encoder.
        ComponentError: For an unknown name or option.
    """
    # In the order of their names, which a bundle keeps them in: it decides which channels lie behind which.
    inputs = by_name(inputs)
    encoder = build_encoder(config, inputs)
    for source in encoder.loaded:
        if source in encoder.info:
            check_expectations(encoder.info[source], inputs[source], config.accept)
    if config.adapters is not None:
        add_adapters(encoder, config.adapters, inputs)
    features = encoder.out
    necks: list[Neck] = []
    configs = config.necks if isinstance(config.necks, tuple) else choose_necks(features, _needs_of(config.decoder))
    for index, neck_config in enumerate(configs):
        neck = build(Neck, NECKS, neck_config, features, where=f"model.necks[{index}]")
        features = neck.out
        necks.append(neck)
    sources = sorted({level.source for level in features.levels if level.source is not None})
    if sources:
        raise SpecError(
            f"The decoder would see the sources {sources} apart: {features}. Put a 'merge_sources' neck before it"
        )
    return FeatureExtractor(inputs, encoder, necks, config.padding, config.padding_multiple)


def build_encoder(config: ModelConfig, inputs: Mapping[str, RasterSpec]) -> Encoder:
    """Build the encoder: one that sees all sources, one that they share, or one for each.

    Args:
        config: Of the model.
        inputs: Source -> what its rasters hold, in the order of their names.

    Raises:
        SpecError: Where sources and encoders do not fit together.
        ComponentError: For an unknown name or option.
    """
    if (config.encoder is None) == (not config.encoders):
        raise ComponentError("The model needs an 'encoder', or 'encoders' with one for each source; give one of both")
    if config.encoder is None:
        return _build_apart(config.encoders, inputs)
    where = "model.encoder"
    with located(where):
        is_shared = len(inputs) > 1 and issubclass(find(ENCODERS, config.encoder.name), OneSourceEncoder)
    if not is_shared:
        return build(Encoder, ENCODERS, config.encoder, inputs, where=where)
    bands = {source: [band.name for band in spec.used] for source, spec in inputs.items()}
    if len({(len(spec.used), spec.steps) for spec in inputs.values()}) > 1:
        raise SpecError(
            f"The sources {bands} cannot share '{config.encoder.name}', as they differ in bands or steps. Give each "
            "its own in 'encoders', or take an encoder that sees several sources"
        )
    first, raster = next(iter(inputs.items()))
    encoder = build(Encoder, ENCODERS, config.encoder, {first: raster}, where=where)
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
    features = ask_encoder(config.without_pretraining(), by_name(inputs)).out
    if needs is None:
        needs = _needs_of(config.decoder)
    return config.model_copy(update={"necks": choose_necks(features, needs)})


def ask_encoder(config: ModelConfig, inputs: Mapping[str, RasterSpec]) -> Encoder:
    """Build an encoder only to ask what it gives and expects: mostly on no device at all, so that it costs no memory.

    Args:
        config: Of the model, without pre-training.
        inputs: Source -> what its rasters hold, in the order of their names.

    Raises:
        SpecError, ComponentError: As of :func:`build_encoder`.
    """
    try:
        with without_memory():
            return build_encoder(config, inputs)
    except (RuntimeError, NotImplementedError) as error:
        # Constructors that ask for a number, as `.item()` does, need a tensor that has one.
        if "meta" not in str(error):
            raise
    return build_encoder(config, inputs)


def set_encoder_statistics(model: Model, extractor: FeatureExtractor, config: ModelConfig) -> None:
    """Standardise by the statistics of the encoder's pre-training, where the configuration asks for that.

    Raises:
        SpecError: Where it publishes none, or a band's units are not stated.
    """
    if config.standardise != "from_encoder":
        return
    for source, raster in extractor.inputs.items():
        model.set_statistics(*statistics_of(extractor.encoder.info.get(source), raster), source)


def refuse_parts(config: ModelConfig, factory: str, parts: tuple[str, ...]) -> None:
    """Refuse components that a factory has no use for, and another padding than the usual one.

    Raises:
        ComponentError: With their names.
    """
    if config.padding != "symmetric" and (config.padding != "none" or factory not in LEAVE_SIZES):
        raise ComponentError(f"The factory '{factory}' grows images in its own way: set 'padding: symmetric'")
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
    with located("model.decoder"):
        decoder = find(DECODERS, named.name)
    return decoder.needs(named.options) if issubclass(decoder, Decoder) else Needs()


def _build_apart(encoders: Mapping[str, ComponentConfig], inputs: Mapping[str, RasterSpec]) -> Encoder:
    if set(encoders) != set(inputs):
        raise ComponentError(
            f"'encoders' must name one encoder for each source: it names {sorted(encoders)}, data.sources has "
            f"{sorted(inputs)}"
        )
    built = {
        source: build(Encoder, ENCODERS, encoders[source], {source: raster}, where=f"model.encoders.{source}")
        for source, raster in inputs.items()
    }
    return SourceEncoders(built) if len(built) > 1 else next(iter(built.values()))
