"""Show one component: its options, and what an encoder gives and expects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

import yaml

from groundwork.cli.listing import FAMILIES
from groundwork.cli.words import as_yaml, described_arguments, first_line, in_yaml_words, type_in_words
from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.encoders import ENCODERS
from groundwork.models.encoders.base import Encoder
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.owners import find_owner, variants_of
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.without_memory import without_memory
from groundwork.registry import build, find, option_fields
from groundwork.specs import BandSpec, RasterSpec
from groundwork.strict import Config, did_you_mean

#: What the source is called that encoders of several sources are shown with.
_SOURCE = "image"
#: Bands that an encoder is shown with, where neither it nor the call names some.
_USUAL_BANDS = ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")
#: Centre wavelengths of the usual bands in nanometres, for encoders that ask for them.
_WAVELENGTHS = {
    "COASTAL": 443, "BLUE": 490, "GREEN": 560, "RED": 665, "RED_EDGE_1": 705, "RED_EDGE_2": 740, "RED_EDGE_3": 783,
    "NIR_BROAD": 842, "NIR_NARROW": 865, "WATER_VAPOR": 945, "CIRRUS": 1375, "SWIR_1": 1610, "SWIR_2": 2190,
}  # fmt: skip


def show_component(name: str, settings: Sequence[str], family: str | None = None) -> str:
    """Return what is to be known of a component.

    Args:
        name: Of a component, of a variant of an encoder, or of a model of a zoo.
        settings: ``key=value`` in YAML's notation: options of an encoder, and ``bands`` and ``steps`` of the rasters
            that it is built for.
        family: Where several families know the name.

    Raises:
        ComponentError: For an unknown name, or options that the encoder cannot be built with.
        SpecError: For bands or steps that the encoder cannot be built for.
    """
    options = _parse(settings)
    places = [place for place, table in FAMILIES.items() if name in table and family in {None, place}]
    owner = find_owner(name) if not places and family in {None, "encoder"} else None
    if owner is not None:
        encoder, option = owner
        return _join(_show("encoder", encoder, {option: name, **options}))
    if not places:
        known = [entry for place, table in FAMILIES.items() if family in {None, place} for entry in table]
        known += [variant for encoder in ENCODERS for variant in variants_of(encoder)]
        raise ComponentError(f"No component is named '{name}'.{did_you_mean(name, known)} `models list` lists them")
    _check_names(name, options, places)
    return "\n".join(_join(_show(place, name, options)) for place in places)


def _check_names(name: str, options: Mapping[str, Any], places: Sequence[str]) -> None:
    if options and "encoder" not in places:
        raise ComponentError(f"Only encoders are shown with options; '{name}' is none. Leave {list(options)} out")
    known = [*option_fields(find(ENCODERS, name)), "bands", "steps"] if options else []
    for option in options:
        if option not in known:
            raise ComponentError(f"'{name}' has no option '{option}'.{did_you_mean(option, known)} Options: {known}")


def _show(family: str, name: str, options: Mapping[str, Any]) -> Iterator[str]:
    component = find(FAMILIES[family], name)
    yield f"{name} ({family})"
    yield in_yaml_words(first_line(component))
    yield ""
    yield from _describe_options(component)
    if family != "encoder":
        return
    required = [key for key, (_, default) in option_fields(component).items() if default is ... and key not in options]
    if required:
        asked = " ".join(f"{key}=..." for key in required)
        yield f"What it gives depends on its options: groundwork models show {name} {asked}"
        if not issubclass(component, OneSourceEncoder):
            yield f"It is shown with one source, named '{_SOURCE}'."
        return
    yield from _describe_encoder(name, options)


def _describe_options(component: type) -> Iterator[str]:
    described = described_arguments(component)
    fields = option_fields(component)
    yield "Options" if fields else "No options."
    for key, (kind, default) in fields.items():
        yield f"  {key}: {type_in_words(kind)}; default {as_yaml(default)}".replace("`", "")
        yield f"      {in_yaml_words(described.get(key, ''))}"
        yield from _describe_keys(kind)
    yield ""


def _describe_keys(kind: object) -> Iterator[str]:
    """Yield a line for each key of an option that has some of its own."""
    parts = [kind, *get_args(kind)]
    for part in parts:
        if isinstance(part, type) and issubclass(part, Config) and not issubclass(part, ComponentConfig):
            for name, field in part.model_fields.items():
                default = ... if field.is_required() else field.get_default(call_default_factory=True)
                yield f"      {name}: {type_in_words(field.annotation)}; default {as_yaml(default)}".replace("`", "")


def _describe_encoder(name: str, options: Mapping[str, Any]) -> Iterator[str]:
    words = dict(options)
    bands, steps = words.pop("bands", None), int(words.pop("steps", 1))
    config = ComponentConfig(name=name, **words)
    named = tuple(str(bands).replace(" ", "").split(",")) if bands else None
    with without_memory():
        encoder = _build(config, named or _USUAL_BANDS, steps)
        info = encoder.info.get(_SOURCE)
        if named is None and info is not None and info.bands:
            encoder = _build(config, info.bands, steps)
    shown = named or (info.bands if info is not None and info.bands else _USUAL_BANDS)
    yield f"Built for the bands {', '.join(shown)}, {steps} time step(s)"
    yield f"  gives        {encoder.out}"
    yield f"  parameters   {sum(parameter.numel() for parameter in encoder.parameters()):,}"
    yield f"  image sizes  multiples of {encoder.size_multiple} px (images are padded)"
    if info is not None:
        yield from ["", "Published weights", *(f"  {line}" for line in describe_info(info))]


def describe_info(info: EncoderInfo) -> Iterator[str]:
    """Yield a line for each thing that published weights expect or ask for."""
    rows = {
        "bands": ", ".join(info.bands),
        "unit": f"{info.unit}, physical value = value of pre-training * {info.scale:g}" if info.unit else None,
        "mean": ", ".join(f"{value:g}" for value in info.mean),
        "std": ", ".join(f"{value:g}" for value in info.std),
        "image size": f"{info.image_size} px" if info.image_size else None,
        "patch size": f"{info.patch_size} px" if info.patch_size else None,
        "pixel size": f"{info.pixel_size_m:g} m" if info.pixel_size_m else None,
        "time steps": str(info.steps),
        "weights": info.weights,
        "licence": info.licence,
        "citation": info.citation,
    }
    for title, text in rows.items():
        if text:
            yield f"{title:<11}  {text}"


def _build(config: ComponentConfig, bands: Sequence[str], steps: int) -> Encoder:
    specs = tuple(BandSpec(name=band, wavelength_nm=_WAVELENGTHS.get(band)) for band in bands)
    layout = "steps_first" if steps > 1 else None
    raster = RasterSpec(bands=specs, dtype="int16", nodata=None, steps=steps, layout=layout, pixel_size_m=10)
    return build(Encoder, ENCODERS, config, {_SOURCE: raster})


def _parse(settings: Sequence[str]) -> dict[str, Any]:
    options = {}
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator:
            raise SpecError(f"Options are written key=value, found '{setting}'")
        options[key] = value if key == "bands" else yaml.safe_load(value)
    return options


def _join(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"
