"""What features a component takes: told to people where it refuses, and to ``necks: auto`` where it mends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from groundwork.config.component import ComponentConfig
from groundwork.models.strides import MAX_LEVELS, count_doublings, have_ratio
from groundwork.specs import FeatureLevel, FeatureSpec, SpecError

#: How many levels ``auto`` makes of a vision transformer's, where the component does not say.
_USUAL_LEVELS = 4

_RATIOS = {2: "levels whose strides double", 4: "levels of which each has four times the stride of the one before"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """The features that a component takes. Levels of several sources are never among them."""

    #: Fewest and most levels. None: any number.
    least: int = 1
    most: int | None = None
    #: How many times as large each level's stride is as the one before: 2 is a pyramid. None: any strides.
    ratio: int | None = None
    #: Whether levels of one stride will do as well.
    takes_one_stride: bool = False
    #: Whether ``necks: auto`` makes a pyramid of levels of one stride, though the component would take them.
    prefers_pyramid: bool = False
    #: The finest stride is a multiple of this: the component gives a map that is so many times finer.
    finest_multiple: int = 1


def group_by_source(features: FeatureSpec) -> dict[str | None, tuple[int, ...]]:
    """Return the positions of each source's levels, sources in the order in which they first appear."""
    names = [level.source for level in features.levels]
    return {source: tuple(i for i, name in enumerate(names) if name == source) for source in dict.fromkeys(names)}


def count_named(options: Mapping[str, object], option: str) -> int | None:
    """Return how many values an option of several lists. None: it is left at its default."""
    named = options.get(option)
    return len(named) if isinstance(named, list | tuple) else None


def check_fit(name: str, needs: Needs, features: FeatureSpec) -> None:
    """Refuse features that a component cannot take.

    Args:
        name: The component, as in YAML.
        needs: What it takes.
        features: What it is given.

    Raises:
        SpecError: With what it got, what it needs, and the necks that mend it.
    """
    problem = _find_problem(features, needs)
    if problem is None:
        return
    plan = plan_necks(features, needs)
    if plan:
        quoted = [f"'{config.name}'" for config in plan]
        necks = f"a {quoted[0]} neck" if len(quoted) == 1 else f"the necks {', '.join(quoted[:-1])} and {quoted[-1]}"
        remedy = f"Put {necks} before it: necks: {_write(plan)}, or leave it to 'necks: auto'"
    else:
        remedy = "Let the encoder pass on other levels, no neck makes these fit"
    raise SpecError(f"'{name}' needs {problem}, got {features}. {remedy}")


def plan_necks(features: FeatureSpec, needs: Needs) -> tuple[ComponentConfig, ...] | None:
    """Return the necks that make features fit what a component needs. Empty: they fit. None: no neck does it."""
    merging: tuple[ComponentConfig, ...] = ()
    levels = features.levels
    groups = group_by_source(features)
    if len(groups) > 1:
        per_source = [[levels[position].stride for position in positions] for positions in groups.values()]
        if any(strides != per_source[0] for strides in per_source):
            return None
        merging = (_neck("merge_sources", {"pooling": "concat"}),)
        levels = tuple(FeatureLevel(channels=1, stride=stride) for stride in per_source[0])
    rest = _plan_levels(tuple(level.stride for level in levels), needs)
    return None if rest is None else merging + rest


def _find_problem(features: FeatureSpec, needs: Needs) -> str | None:
    if len(group_by_source(features)) > 1:
        return "levels of one source"
    return _find_stride_problem(tuple(level.stride for level in features.levels), needs)


def _find_stride_problem(strides: tuple[int, ...], needs: Needs) -> str | None:
    may_be_equal = needs.takes_one_stride and have_ratio(strides, 1)
    if needs.ratio is not None and not may_be_equal and not have_ratio(strides, needs.ratio):
        return _RATIOS[needs.ratio] + (" or are all the same" if needs.takes_one_stride else "")
    if not needs.least <= len(strides) <= (needs.most or len(strides)):
        if needs.least == needs.most:
            return f"exactly {needs.least} level{'s' * (needs.least > 1)}"
        return f"at least {needs.least} levels" if len(strides) < needs.least else f"at most {needs.most} levels"
    if strides[0] % needs.finest_multiple:
        return f"a finest stride that is a multiple of {needs.finest_multiple} px"
    return None


def _plan_levels(strides: tuple[int, ...], needs: Needs) -> tuple[ComponentConfig, ...] | None:
    has_one_stride = have_ratio(strides, 1)
    makes_pyramid = needs.prefers_pyramid and has_one_stride and len(strides) > 1
    if _find_stride_problem(strides, needs) is None and not makes_pyramid:
        return ()
    if needs.ratio == 4:
        return _plan_every_other(strides, needs)
    if has_one_stride and needs.takes_one_stride and strides[0] % needs.finest_multiple == 0:
        kept = min(max(_USUAL_LEVELS, needs.least), needs.most or _USUAL_LEVELS)
        return (_neck("select", {"indices": _spread(len(strides), kept)}),)
    if has_one_stride and (needs.ratio == 2 or needs.prefers_pyramid):
        return _plan_pyramid(strides, needs)
    return _plan_chain(strides, needs)


def _plan_pyramid(strides: tuple[int, ...], needs: Needs) -> tuple[ComponentConfig, ...] | None:
    stride, count = strides[0], len(strides)
    wanted = count if 1 < count <= _USUAL_LEVELS else _USUAL_LEVELS
    wanted = min(max(wanted, needs.least), needs.most or MAX_LEVELS)
    made = min(wanted, MAX_LEVELS)
    finest = [
        stride >> up for up in range(count_doublings(stride), -1, -1) if (stride >> up) % needs.finest_multiple == 0
    ]
    if not finest or made < 2:
        return None
    # The default is left out, so that the model card shows only what had to be chosen.
    options: dict[str, object] = {}
    if finest[0] != stride >> count_doublings(stride):
        options["finest_stride"] = finest[0]
    select = () if count == made else (_neck("select", {"indices": _spread(count, made)}),)
    return (*select, _neck("pyramid", options), *[_neck("bottleneck")] * (wanted - made))


def _plan_chain(strides: tuple[int, ...], needs: Needs) -> tuple[ComponentConfig, ...] | None:
    """Keep the longest run of levels with the right ratio, the coarsest of several, and add coarser ones if short."""
    chain = _find_chain(strides, needs)
    if not chain:
        return None
    kept = chain[-(needs.most or len(chain)) :]
    select = () if kept == tuple(range(len(strides))) else (_neck("select", {"indices": kept}),)
    return (*select, *[_neck("bottleneck")] * (needs.least - len(kept)))


def _find_chain(strides: tuple[int, ...], needs: Needs) -> tuple[int, ...]:
    # Of several levels with one stride the last has seen most layers.
    last = {stride: index for index, stride in enumerate(strides)}
    if needs.ratio is None:
        return tuple(index for index, stride in enumerate(strides) if stride % needs.finest_multiple == 0)
    best: tuple[int, ...] = ()
    for start, position in last.items():
        if start % needs.finest_multiple:
            continue
        chain = [position]
        while strides[chain[-1]] * needs.ratio in last:
            chain.append(last[strides[chain[-1]] * needs.ratio])
        best = tuple(chain) if len(chain) >= len(best) else best
    return best


def _plan_every_other(strides: tuple[int, ...], needs: Needs) -> tuple[ComponentConfig, ...] | None:
    chain = _find_chain(strides, needs)
    if len(chain) >= needs.least:
        return _plan_chain(strides, needs)
    denser = replace(needs, ratio=2, least=2 * needs.least - 1, most=2 * (needs.most or needs.least) - 1)
    plan = _plan_levels(strides, denser)
    count = needs.most or needs.least
    return None if plan is None else (*plan, _neck("select", {"indices": tuple(range(0, 2 * count - 1, 2))}))


def _spread(count: int, kept: int) -> tuple[int, ...]:
    """Return positions that end each of ``kept`` equal parts of ``count`` levels; the last is among them."""
    return tuple(-(-(part + 1) * count // kept) - 1 for part in range(kept))


def _neck(name: str, options: Mapping[str, object] | None = None) -> ComponentConfig:
    return ComponentConfig.model_validate({"name": name, **(options or {})})


def _write(plan: tuple[ComponentConfig, ...]) -> str:
    def write_one(options: Mapping[str, object]) -> str:
        values = {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
        return "{" + ", ".join(f"{key}: {value}" for key, value in values.items()) + "}"

    return "[" + ", ".join(write_one({"name": config.name, **config.options}) for config in plan) + "]"
