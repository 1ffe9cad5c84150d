"""Every decoder of segmentation_models_pytorch, as one component."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, Literal, get_type_hints

from pydantic import ConfigDict, ValidationError, create_model
from segmentation_models_pytorch.base.initialization import initialize_decoder
from torch import Tensor, nn

from groundwork.errors import ComponentError, SpecError
from groundwork.models.decoders.area_pool import AreaPool
from groundwork.models.decoders.base import Decoder
from groundwork.models.decoders.smp_models import SMP_MODELS, LastBlock, Name, SmpModel, Value
from groundwork.models.features.needs import Needs, check_fit, count_named
from groundwork.models.features.strides import as_stride
from groundwork.specs import FeatureLevel, FeatureSpec
from groundwork.strict import did_you_mean

#: How maps are made finer; torch learns of a wrong name at the first image only.
_MODES = ("nearest", "nearest-exact", "bilinear", "bicubic", "area")


class SmpDecoder(Decoder):
    """A decoder of segmentation_models_pytorch (https://github.com/qubvel-org/segmentation_models.pytorch).

    Behind an average of the whole image, ``DeepLabV3``, ``DeepLabV3Plus``, ``PAN`` and ``UPerNet`` have a batch norm,
    which cannot train on batches of a single image.

    Args:
        features: What the encoder, or the last neck, gives; each model says what it takes.
        model: Name of the library's model whose decoder is taken.
        options: Arguments of that decoder, under the library's names, for example ``decoder_channels``.
        last_block: Of ``Unet`` and ``MAnet``: one block more, behind the finest level, which joins no level. none:
            there is no such block. doubles: it doubles the resolution. keeps: it keeps that of the finest level
            (``Unet`` alone). Its channels are the last of ``decoder_channels``.
        coarser: How many times coarser than the finest level the map is, of ``Segformer``.

    Raises:
        SpecError: For features that the model does not take.
        ComponentError: For an option that the decoder does not have, or a value that it refuses.
    """

    def __init__(
        self,
        features: FeatureSpec,
        *,
        model: Name,
        options: Mapping[str, Value] | None = None,
        last_block: LastBlock = "none",
        coarser: Literal[1, 2, 4] = 1,
    ) -> None:
        super().__init__()
        name = f"smp {model}"
        found = _find(model, last_block)
        given = dict(options or {})
        if coarser != 1 and model != "Segformer":
            raise ComponentError(f"'{name}' has a map as fine as its levels say: leave 'coarser' out")
        check_fit(name, _needs(found, given, last_block), features)
        channels = tuple(level.channels for level in features.levels)
        if model == "PSPNet" and channels[-1] % 4:
            raise SpecError(
                f"'{name}' needs a coarsest level of a multiple of 4 channels, got {features}. "
                "Put a 'project' neck before it"
            )
        wired = found.wired(channels)
        decoder_class = _import(found.path)
        _check_options(name, decoder_class, given, set(wired))
        arguments = _signature_defaults(decoder_class) | found.defaults(len(channels)) | given
        self.decoder = _build(name, decoder_class, arguments | wired)
        if found.initialises:
            initialize_decoder(self.decoder)
        _replace_pools(self.decoder)
        self.name = name
        self.reads_prefix_tokens = model == "DPT"
        self.skipped, self.least_cells = found.skipped, found.least_cells
        chosen = features.levels[-1 if found.reads_coarsest else 0]
        self.coarsest_stride = features.levels[-1].stride
        self.out = FeatureLevel(
            _width(found, arguments), as_stride(coarser * chosen.stride / _growth(found, last_block))
        )
        # Segformer reads from the map of full resolution its size, four times that of its own map.
        self.image_ratio = {"none": 4 // coarser, "keeps": 1, "doubles": 2}[last_block]

    @classmethod
    def needs(cls, options: Mapping[str, object]) -> Needs:
        """Return what features the model takes. See :class:`Decoder`."""
        found, given = SMP_MODELS.get(str(options.get("model"))), options.get("options")
        last_block = options.get("last_block", "none")
        # What is wrong with the options is said when the decoder is built.
        if found is None or last_block not in ("none", *found.last_blocks):
            return Needs()
        found = found if last_block == "none" else found.with_last_block()
        return _needs(found, given if isinstance(given, Mapping) else {}, str(last_block))

    def forward(self, features: list[Tensor]) -> Tensor:
        """Give one map. See :class:`Decoder`.

        Raises:
            ValueError: For an image that is too small for the model.
        """
        if min(features[-1].shape[-2:]) < self.least_cells:
            least = self.least_cells * self.coarsest_stride
            raise ValueError(f"'{self.name}' needs images of at least {least:g} by {least:g} pixels, padding included")
        # Of the map of full resolution decoders read the size at most.
        height, width = (self.image_ratio * length for length in features[0].shape[-2:])
        image = features[0].new_empty(features[0].shape[0], 0, height, width)
        levels = [*[image] * self.skipped, *features]
        merged: Tensor = (
            self.decoder(levels, [None] * len(levels)) if self.reads_prefix_tokens else self.decoder(levels)
        )
        return merged


def _find(model: Name, last_block: LastBlock) -> SmpModel:
    found = SMP_MODELS[model]
    if last_block == "none":
        return found
    if last_block not in found.last_blocks:
        able = [name for name, entry in SMP_MODELS.items() if last_block in entry.last_blocks]
        raise ComponentError(
            f"'smp {model}' has no last block that {last_block} the resolution: leave 'last_block' out; {able} have one"
        )
    return found.with_last_block()


def _growth(found: SmpModel, last_block: str) -> int:
    return found.growth * (2 if last_block == "doubles" else 1)


def _needs(found: SmpModel, options: Mapping[str, object], last_block: str) -> Needs:
    # DeepLabV3Plus doubles its coarser map once for an encoder whose last stages are dilated, and twice otherwise.
    ratio = 2 if options.get("output_stride") == 8 else found.needs.ratio
    needs = replace(
        found.needs, ratio=ratio, finest_multiple=found.needs.finest_multiple * (2 if last_block == "doubles" else 1)
    )
    if found.stages is None:
        return needs
    option, more = found.stages
    stages = count_named(options, option)
    return needs if stages is None else replace(needs, least=stages + more, most=stages + more)


def _import(path: str) -> type[nn.Module]:
    module, _, class_name = path.partition(":")
    found: type[nn.Module] = getattr(import_module(f"segmentation_models_pytorch.decoders.{module}"), class_name)
    return found


def _signature_defaults(decoder_class: type[nn.Module]) -> dict[str, Value]:
    parameters = inspect.signature(decoder_class).parameters.values()
    return {entry.name: entry.default for entry in parameters if entry.default is not inspect.Parameter.empty}


def _check_options(name: str, decoder_class: type[nn.Module], given: Mapping[str, Value], wired: set[str]) -> None:
    """Refuse options that the decoder's signature does not have, or whose type it does not take."""
    known = [entry for entry in inspect.signature(decoder_class).parameters if entry not in wired]
    for option in given:
        if option not in known:
            raise ComponentError(f"'{name}' has no option '{option}'.{did_you_mean(option, known)} Options: {known}")
    hints = get_type_hints(decoder_class.__init__)
    fields: dict[str, Any] = {option: (hints[option], ...) for option in given}
    schema = create_model(name, __config__=ConfigDict(arbitrary_types_allowed=True), **fields)
    try:
        schema.model_validate(given)
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, entry['loc']))}: {entry['msg']}" for entry in error.errors()]
        raise ComponentError(f"'{name}' cannot be built: {'; '.join(problems)}") from None
    mode = given.get("interpolation_mode", "nearest")
    if mode not in _MODES:
        raise ComponentError(
            f"'{name}' has no interpolation_mode '{mode}'.{did_you_mean(str(mode), _MODES)} Known: {list(_MODES)}"
        )


def _build(name: str, decoder_class: type[nn.Module], arguments: dict[str, object]) -> nn.Module:
    try:
        return decoder_class(**arguments)
    except (ValueError, RuntimeError, TypeError, ZeroDivisionError, IndexError) as error:
        raise ComponentError(f"'{name}' cannot be built with these options: {error}") from error


def _replace_pools(decoder: nn.Module) -> None:
    """Take pools of our own in place of torch's, whose gradient on a GPU differs from one run to the next."""
    for parent in list(decoder.modules()):
        for key, child in list(parent.named_children()):
            if isinstance(child, nn.AdaptiveAvgPool2d):
                # The library gives one number, or the same number twice.
                sides = child.output_size if isinstance(child.output_size, tuple) else (child.output_size,)
                parent.register_module(key, AreaPool(int(str(sides[0]))))


def _width(found: SmpModel, arguments: Mapping[str, object]) -> int:
    named = arguments[found.width]
    width = named[-1] if isinstance(named, tuple) else named
    # What is put behind one another, not summed, are four maps.
    times = 4 if arguments.get("merge_policy") == "cat" else 1
    return times * int(str(width))
