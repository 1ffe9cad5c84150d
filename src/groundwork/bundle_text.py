"""Say in a few lines what a trained model reads and gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from groundwork.config.model import ModelConfig
from groundwork.specs import RasterSpec, TargetSpec

#: What a model gives that gives no answers.
GIVES = {"embedding": "embeddings of patches or images", "reconstruction": "what it makes of hidden patches"}


class Described(Protocol):
    """What a bundle states of itself."""

    @property
    def model(self) -> ModelConfig:
        """What it is made of."""

    @property
    def inputs(self) -> Mapping[str, RasterSpec]:
        """Source -> what it reads."""

    @property
    def target(self) -> TargetSpec:
        """What it learned from."""

    @property
    def trained(self) -> bool:
        """Whether it did."""


def describe_bundle(config: Described, produces: str) -> str:
    """Return what a bundle is, one line for the model, each source and the output.

    Args:
        config: What the bundle states.
        produces: What the output of its model is: answers, or another thing than its target says.
    """
    lines = [f"Bundle, {'trained' if config.trained else 'not trained'}: {config.model.title()}"]
    lines += [f"Reads '{source}': {', '.join(_parts_of(spec))}" for source, spec in config.inputs.items()]
    gives = describe_target(config.target) if produces == "answers" else GIVES[produces]
    return "\n".join([*lines, f"Gives {gives}"])


def describe_target(target: TargetSpec) -> str:
    """Return what a model answers, such as ``2 classes per pixel: water, land``."""
    if target.per == "nothing":
        return "what the model gives of rasters without labels"
    what = f"{target.num_outputs} {'classes' if target.classes else 'numbers'} per {target.per}"
    units = {output.name: output.unit for output in target.outputs}
    names = [f"{name} ({units[name]})" if units.get(name) else name for name in target.names]
    return f"{what}: {', '.join(names)}"


def _parts_of(spec: RasterSpec) -> Iterator[str]:
    used = [band.name for band in spec.used]
    yield f"bands {' '.join(used)}"
    if list(spec.band_names) != used:
        yield f"of files with {' '.join(spec.band_names)}"
    if spec.valid:
        yield f"validity by {' '.join(rule.band for rule in spec.valid)}"
    yield f"raw values as {spec.dtype}"
    yield "no nodata" if spec.nodata is None else f"nodata {spec.nodata:g}" if spec.nodata != "nan" else "nodata NaN"
    if spec.step_numbers is not None:
        yield f"steps {' '.join(map(str, spec.step_numbers))} (file per step)"
    elif spec.steps > 1:
        yield f"{spec.steps} dates ({str(spec.layout).replace('_', ' ')})"
    yield from _scales_of(spec)
    if spec.pixel_size_m is not None:
        yield f"pixels of {spec.pixel_size_m:g} m"
    if spec.optional:
        yield "optional"


def _scales_of(spec: RasterSpec) -> Iterator[str]:
    """Yield what raw values stand for, where that is stated; band by band where it is not one for all."""
    groups: dict[str, list[str]] = {}
    for band in spec.used:
        raw = f"raw * {band.scale:g}" if band.scale != 1 else "raw"
        shifted = f"{raw} {'-' if band.offset < 0 else '+'} {abs(band.offset):g}" if band.offset else raw
        is_stated = band.unit is not None or shifted != "raw"
        groups.setdefault(f"{band.unit or 'value'} = {shifted}" if is_stated else "", []).append(band.name)
    for text, names in groups.items():
        if text:
            yield text if len(groups) == 1 else f"{text} ({' '.join(names)})"
