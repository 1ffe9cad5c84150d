"""What features a component takes: told to people where it refuses, and to ``necks: auto`` where it mends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from groundwork.config.component import ComponentConfig
from groundwork.errors import SpecError
from groundwork.models.features.strides import MAX_LEVELS, USUAL_LEVELS, as_stride, count_doublings, have_ratio, spread
from groundwork.specs import FeatureSpec

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
    groups = group_by_source(features)
    strides = {source: tuple(features.levels[at].stride for at in positions) for source, positions in groups.items()}
    if len(groups) < 2:
        return _plan_levels(tuple(level.stride for level in features.levels), needs)
    merge = _neck("merge_sources", {"pooling": "concat"})
    for plans, common in _make_alike(strides, needs):
        rest = _plan_levels(common, needs)
        if rest is not None:
            necks = {source: [{"name": neck.name, **neck.options} for neck in plan] for source, plan in plans.items()}
            alike = (_neck("per_source", {"necks": necks}),) if necks else ()
            return (*alike, merge, *rest)
    return None


def _make_alike(
    strides: Mapping[str | None, tuple[float, ...]], needs: Needs
) -> Iterator[tuple[dict[str | None, tuple[ComponentConfig, ...]], tuple[float, ...]]]:
    """Yield ways to give all sources the same strides, best first: necks of each source that needs some, and strides.

    Args:
        strides: Source -> those of its levels.
        needs: What the component takes behind them.
    """
    first, *others = strides.values()
    if all(other == first for other in others):
        yield {}, first
    if len({stride for group in strides.values() for stride in group}) == 1:
        fewest = min(len(group) for group in strides.values())
        yield _select_each(strides, {source: spread(len(group), fewest) for source, group in strides.items()}, {})
    wants_several = needs.least > 1 or needs.ratio is not None or needs.prefers_pyramid
    for as_pyramid in (wants_several, not wants_several):
        grown = Needs(least=2, ratio=2, finest_multiple=needs.finest_multiple)
        plans = {
            source: (_plan_pyramid(group, grown) if as_pyramid and _is_one_stride(group) else None) or ()
            for source, group in strides.items()
        }
        made = {source: _apply(group, plans[source]) for source, group in strides.items()}
        common = sorted(set.intersection(*(set(group) for group in made.values())))
        if common:
            # Of several levels with one stride the last has seen most layers.
            last = {source: {stride: at for at, stride in enumerate(group)} for source, group in made.items()}
            kept = {source: tuple(last[source][stride] for stride in common) for source in made}
            yield _select_each(made, kept, plans)


def _is_one_stride(strides: tuple[float, ...]) -> bool:
    return len(strides) > 1 and have_ratio(strides, 1)


def _select_each(
    strides: Mapping[str | None, tuple[float, ...]],
    kept: Mapping[str | None, tuple[int, ...]],
    plans: Mapping[str | None, tuple[ComponentConfig, ...]],
) -> tuple[dict[str | None, tuple[ComponentConfig, ...]], tuple[float, ...]]:
    """Return the plans of the sources that need one, each with what keeps some of the levels, and their strides."""
    chosen: dict[str | None, tuple[ComponentConfig, ...]] = {}
    for source, group in strides.items():
        is_whole = kept[source] == tuple(range(len(group)))
        plan = (*plans.get(source, ()), *(() if is_whole else (_neck("select", {"indices": kept[source]}),)))
        chosen |= {source: plan} if plan else {}
    source, group = next(iter(strides.items()))
    return chosen, tuple(group[at] for at in kept[source])


def _apply(strides: tuple[float, ...], plan: tuple[ComponentConfig, ...]) -> tuple[float, ...]:
    """Return the strides behind necks that were planned."""
    for neck in plan:
        if neck.name == "select":
            strides = tuple(strides[at] for at in neck.options["indices"])
        elif neck.name == "pyramid":
            finest = neck.options.get("finest_stride", strides[0] / (1 << count_doublings(strides[0])))
            strides = tuple(as_stride(finest * (1 << at)) for at in range(len(strides)))
        else:
            strides = (*strides, 2 * strides[-1])
    return strides


def _find_problem(features: FeatureSpec, needs: Needs) -> str | None:
    if len(group_by_source(features)) > 1:
        return "levels of one source"
    return _find_stride_problem(tuple(level.stride for level in features.levels), needs)


def _find_stride_problem(strides: tuple[float, ...], needs: Needs) -> str | None:
    may_be_equal = needs.takes_one_stride and have_ratio(strides, 1)
    if needs.ratio is not None and not may_be_equal and not have_ratio(strides, needs.ratio):
        return _RATIOS[needs.ratio] + (" or are all the same" if needs.takes_one_stride else "")
    if not needs.least <= len(strides) <= (needs.most or len(strides)):
        if needs.least == needs.most:
            return f"exactly {needs.least} level{'s' * (needs.least > 1)}"
        return f"at least {needs.least} levels" if len(strides) < needs.least else f"at most {needs.most} levels"
    if not _is_multiple(strides[0], needs):
        return f"a finest stride that is a multiple of {needs.finest_multiple} px"
    return None


def _is_multiple(stride: float, needs: Needs) -> bool:
    # Any stride is one of 1, that of half a pixel too.
    return needs.finest_multiple == 1 or stride % needs.finest_multiple == 0


def _plan_levels(strides: tuple[float, ...], needs: Needs) -> tuple[ComponentConfig, ...] | None:
    has_one_stride = have_ratio(strides, 1)
    makes_pyramid = needs.prefers_pyramid and has_one_stride and len(strides) > 1
    if _find_stride_problem(strides, needs) is None and not makes_pyramid:
        return ()
    if needs.ratio == 4:
        return _plan_every_other(strides, needs)
    if has_one_stride and needs.takes_one_stride and _is_multiple(strides[0], needs):
        kept = min(max(USUAL_LEVELS, needs.least), needs.most or USUAL_LEVELS)
        return (_neck("select", {"indices": spread(len(strides), kept)}),)
    if has_one_stride and (needs.ratio == 2 or needs.prefers_pyramid):
        return _plan_pyramid(strides, needs)
    return _plan_chain(strides, needs)


def _plan_pyramid(strides: tuple[float, ...], needs: Needs) -> tuple[ComponentConfig, ...] | None:
    stride, count = strides[0], len(strides)
    wanted = count if 1 < count <= USUAL_LEVELS else USUAL_LEVELS
    wanted = min(max(wanted, needs.least), needs.most or MAX_LEVELS)
    made = min(wanted, MAX_LEVELS)
    reachable = [as_stride(stride / (1 << up)) for up in range(count_doublings(stride), -1, -1)]
    finest = [found for found in reachable if _is_multiple(found, needs)]
    if not finest or made < 2:
        return None
    # The default is left out, so that the model card shows only what had to be chosen.
    options: dict[str, object] = {}
    if finest[0] != reachable[0]:
        options["finest_stride"] = finest[0]
    select = () if count == made else (_neck("select", {"indices": spread(count, made)}),)
    return (*select, _neck("pyramid", options), *[_neck("bottleneck")] * (wanted - made))


def _plan_chain(strides: tuple[float, ...], needs: Needs) -> tuple[ComponentConfig, ...] | None:
    """Keep the longest run of levels with the right ratio, the coarsest of several, and add coarser ones if short."""
    chain = _find_chain(strides, needs)
    if not chain:
        return None
    kept = chain[-(needs.most or len(chain)) :]
    select = () if kept == tuple(range(len(strides))) else (_neck("select", {"indices": kept}),)
    return (*select, *[_neck("bottleneck")] * (needs.least - len(kept)))


def _find_chain(strides: tuple[float, ...], needs: Needs) -> tuple[int, ...]:
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


def _plan_every_other(strides: tuple[float, ...], needs: Needs) -> tuple[ComponentConfig, ...] | None:
    chain = _find_chain(strides, needs)
    if len(chain) >= needs.least:
        return _plan_chain(strides, needs)
    denser = replace(needs, ratio=2, least=2 * needs.least - 1, most=2 * (needs.most or needs.least) - 1)
    plan = _plan_levels(strides, denser)
    count = needs.most or needs.least
    return None if plan is None else (*plan, _neck("select", {"indices": tuple(range(0, 2 * count - 1, 2))}))


def _neck(name: str, options: Mapping[str, object] | None = None) -> ComponentConfig:
    return ComponentConfig.model_validate({"name": name, **(options or {})})


def _write(plan: tuple[ComponentConfig, ...]) -> str:
    return _write_yaml([{"name": config.name, **config.options} for config in plan])


def _write_yaml(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_write_yaml(part)}" for key, part in value.items()) + "}"
    return "[" + ", ".join(_write_yaml(part) for part in value) + "]" if isinstance(value, list | tuple) else str(value)
