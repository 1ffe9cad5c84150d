"""Whether the bands hold what is stated of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from groundwork.audit.findings import Finding, judge, make_finding
from groundwork.config.data import DataConfig, read_by_model
from groundwork.config.split import SPLITS
from groundwork.data.value_report import BandValues, SourceValues, ValueReport
from groundwork.rasters.folder import preview
from groundwork.specs import BandSpec, RasterSpec
from groundwork.specs.units import plausible_values

#: A source that holds nothing in more than this share of a split's pixels may be misread.
MUCH_WITHOUT_DATA = 0.5
#: Shares without data that differ by more than this between splits.
MOST_APART = 0.25
#: More than this share of implausible values is no glint and no broken line.
MOST_IMPLAUSIBLE = 0.01
#: Shares of values at the limits of the data type that deserve a look, and that mean clipped values.
SOME_AT_LIMITS, MOST_AT_LIMITS = 0.005, 0.2
#: Means of two splits that differ by more than so many deviations of the training split.
MOST_SHIFT = 1.0

#: Share of one band in one split, or None.
Measure = Callable[[BandValues], float | None]


def audit_values(values: ValueReport, data: DataConfig) -> Iterator[Finding]:
    """Yield what is to be said of nodata and values of each source.

    Args:
        values: What each source holds in each split.
        data: What is stated of the sources.
    """
    for source, spec in read_by_model(data.sources).items():
        by_split = {split: values.splits[split][source] for split in SPLITS}
        yield _without_data(source, by_split)
        yield from _implausible(source, spec, by_split)
        yield _at_limits(source, by_split)
        yield from _zeros(source, by_split)
        yield _constant(source, by_split)
        yield _shifted(source, by_split)


def _without_data(source: str, by_split: Mapping[str, SourceValues]) -> Finding:
    shares = {split: part.without_data for split, part in by_split.items()}
    look = max(shares.values()) > MUCH_WITHOUT_DATA or max(shares.values()) - min(shares.values()) > MOST_APART
    return make_finding(
        judge(wrong=shares["train"] == 1, look=look),
        f"nodata of '{source}'",
        ", ".join(f"{split} {share:.1%}" for split, share in shares.items()),
        "Check 'nodata' and 'valid' of the source, and whether its files cover the scenes.",
    )


def _implausible(source: str, spec: RasterSpec, by_split: Mapping[str, SourceValues]) -> Iterator[Finding]:
    about = f"units of '{source}'"
    unknown = [band.name for band in spec.used if plausible_values(band) is None]
    if unknown:
        found = f"nothing is known of the units of {preview(unknown)}"
        yield make_finding("ok", about, found, "")
    known = [band for band in spec.used if plausible_values(band) is not None]
    if not known:
        return
    worst = _worst(by_split, lambda band: band.implausible)
    off = [(band, share) for band in known if (share := worst[band.name]) > 0]
    yield make_finding(
        judge(wrong=any(share > MOST_IMPLAUSIBLE for _, share in off), look=bool(off)),
        about,
        "; ".join(_beyond(band, share, by_split) for band, share in off) or "all values are plausible in their units",
        "Correct 'scale', 'offset' or 'unit' of these bands, or state the 'nodata' that is among the values.",
    )


def _beyond(band: BandSpec, share: float, by_split: Mapping[str, SourceValues]) -> str:
    parts = [part.bands[band.name] for part in by_split.values()]
    limits = [value for part in parts for value in (part.minimum, part.maximum) if value is not None]
    low, high = sorted(value * band.scale + band.offset for value in (min(limits), max(limits)))
    return f"'{band.name}': up to {share:.2%} of a split are no {band.unit} ({low:.6g} to {high:.6g})"


def _at_limits(source: str, by_split: Mapping[str, SourceValues]) -> Finding:
    worst = _worst(by_split, lambda band: band.at_limits)
    off = {name: share for name, share in worst.items() if share > SOME_AT_LIMITS}
    return make_finding(
        judge(wrong=any(share > MOST_AT_LIMITS for share in off.values()), look=bool(off)),
        f"clipped values of '{source}'",
        ", ".join(f"'{name}' {share:.2%}" for name, share in off.items()) or "few or none",
        "These are the lowest or highest numbers of the data type: values were clipped, or are undeclared nodata.",
    )


def _zeros(source: str, by_split: Mapping[str, SourceValues]) -> Iterator[Finding]:
    shares = {split: part.zeros for split, part in by_split.items() if part.zeros is not None}
    if shares:
        most = max(shares.values())
        yield make_finding(
            judge(wrong=most > MOST_AT_LIMITS, look=most > SOME_AT_LIMITS),
            f"zeros of '{source}'",
            "all bands are 0 in " + ", ".join(f"{split} {share:.2%}" for split, share in shares.items()),
            "Mostly nodata that nobody declared: state 'nodata: 0', and 'validity: any' if single bands may hold 0.",
        )


def _constant(source: str, by_split: Mapping[str, SourceValues]) -> Finding:
    scenes: dict[str, list[str]] = {}
    is_dead = False
    for part in by_split.values():
        for name, band in part.bands.items():
            scenes.setdefault(name, []).extend(band.constant_scenes)
            is_dead = is_dead or 0 < part.scenes == len(band.constant_scenes)
    off = {name: sorted(found) for name, found in scenes.items() if found}
    return make_finding(
        judge(wrong=is_dead, look=bool(off)),
        f"dead bands of '{source}'",
        "; ".join(f"'{name}' holds one value in {preview(found, 3)}" for name, found in off.items()) or "none",
        "Correct the files, or leave the band out by 'use'.",
    )


def _shifted(source: str, by_split: Mapping[str, SourceValues]) -> Finding:
    off = []
    for name, train in by_split["train"].bands.items():
        for split in ("val", "test"):
            mean = by_split[split].bands[name].mean
            if mean is None or train.mean is None or not train.std:
                continue
            shift = abs(mean - train.mean) / train.std
            if shift > MOST_SHIFT:
                off.append(f"the mean of '{name}' in {split} is {shift:.1f} deviations from that of train")
    return make_finding(
        judge(wrong=False, look=bool(off)),
        f"likeness of splits in '{source}'",
        "; ".join(off) or "means of the bands are near each other",
        "Other regions, seasons or units: check the scenes of that split.",
    )


def _worst(by_split: Mapping[str, SourceValues], measure: Measure) -> dict[str, float]:
    """Return the largest share of each band in any split."""
    names = next(iter(by_split.values())).bands
    return {name: max(measure(part.bands[name]) or 0.0 for part in by_split.values()) for name in names}
