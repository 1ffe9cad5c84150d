"""What the rasters of one source hold, and the statistics that are given for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from groundwork.compatibility.terratorch.bands import read_bands, steps_of, unique
from groundwork.compatibility.terratorch.encoder_names import DOFA_NM, DOFA_RADAR
from groundwork.compatibility.terratorch.files import FirstFile
from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.strict import did_you_mean

#: Digits that are kept of a number that was divided.
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Lying:
    """How the files of a public set lie, beside what they show."""

    #: Under ``data.sources.<name>``.
    spec: Words = field(default_factory=dict)
    #: Names of the arrays in files of images, one or one per band, and of labels. Empty: files are rasters themselves.
    variables: tuple[str | tuple[str, ...], str] = ("", "")
    #: Whether names repeat themselves in the folders of the splits.
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the model's part of the file says of a source, and the layout of a public set."""

    #: Bands that the model sees.
    bands: tuple[str, ...] = ()
    steps: int = 1
    #: Bands that the model's weights know, where the file lists none for it.
    usual: tuple[str, ...] = ()
    #: Whether it knows bands by their wavelengths.
    by_wavelength: bool = False
    lying: Lying = field(default_factory=Lying)


@dataclass(frozen=True, slots=True)
class Source:
    """One source, translated."""

    #: Under ``data.sources.<name>``.
    spec: Words
    #: Under ``model.statistics.<name>``; empty: none are given.
    statistics: Words
    #: Names of the bands that the model sees.
    used: tuple[str, ...]
    steps: int


def read_source(
    stated: Stated, name: str, wanted: Wanted, first: FirstFile | None, *, many: bool, shown: bool = True
) -> Source:
    """Translate one source.

    Args:
        stated: The keys of the datamodule.
        name: Of the source, here.
        wanted: What the model says.
        first: A file of it. None: none is there yet.
        many: Whether keys hold a mapping from source to value.
        shown: Whether pictures show this source.
    """
    listed = read_bands(stated, "dataset_bands", name if many else None)
    seen = read_bands(stated, "output_bands", name if many else None)
    steps = steps_of(listed) if wanted.steps == 1 else wanted.steps
    if steps > 1 and steps_of(listed) == steps:
        listed = listed[: len(listed) // steps]
    if not listed:
        listed = (
            list(seen or wanted.bands)
            or _usual(stated, name, wanted, steps, many=many)
            or _numbered(stated, name, first, steps, many=many)
        )
        seen = []
    bands = unique(listed)
    bands, used = _named_by_model(stated, bands, seen or bands, wanted)
    where = f"data.sources.{name}"
    _check_bands(stated, bands, used, wanted)
    spec: Words = {"bands": _with_wavelengths(stated, bands, used) if wanted.by_wavelength else list(bands)}
    if used != bands:
        spec["use"] = list(used)
    spec.update(_looks(stated, used, where, first, rgb=_colours(stated, name, many=many) if shown else []))
    if steps > 1:
        spec["steps"] = steps
        spec["layout"] = wanted.lying.spec.get("layout") or _layout(stated, f"{where}.layout")
    spec |= wanted.lying.spec
    return Source(spec, _statistics(stated, name, used, steps, many=many), tuple(used), steps)


def _with_wavelengths(stated: Stated, bands: Sequence[str], used: Sequence[str]) -> list[object]:
    """Return bands with the wavelengths that TerraTorch takes for their names."""
    unknown = [band for band in used if band not in DOFA_NM and band not in DOFA_RADAR]
    if unknown:
        stated.refuse(
            "dataset_bands",
            f"DOFA knows bands by their wavelengths, and none is known of {unknown}. Name each as one of "
            f"{[*DOFA_NM, *DOFA_RADAR]}, or write the recipe by hand, with 'wavelength_nm' of each band",
        )
    return [{"name": band, "wavelength_nm": DOFA_NM[band]} if band in DOFA_NM else band for band in bands]


def _named_by_model(stated: Stated, bands: list[str], used: list[str], wanted: Wanted) -> tuple[list[str], list[str]]:
    """Return bands with the names that the model has for those at the same place: weights are found by name.

    No name may mean a band at one place for the data, and at another place for the model.
    """
    known = wanted.bands or wanted.usual
    if len(set(used)) != len(used) or len(used) != len(known) or not set(used) <= set(bands):
        return bands, used
    names = {theirs: ours for theirs, ours in zip(used, known, strict=True) if theirs != ours}
    is_other_order = any(theirs in known or ours in bands for theirs, ours in names.items())
    if not names or is_other_order or any(name.startswith("band_") for name in known):
        return bands, used
    what = "that are counted" if all(name.startswith("band_") for name in names) else "at the same place"
    stated.change("output_bands", f"bands {what} have the names that the model is told: {names}", "data.sources")
    return [names.get(band, band) for band in bands], list(known)


def _usual(stated: Stated, name: str, wanted: Wanted, steps: int, *, many: bool) -> list[str]:
    """Return the bands that the model's weights know, where as many means are given."""
    means = _of(stated.look("means"), name, many=many)
    count = len(means) if isinstance(means, Sequence) and not isinstance(means, str) else None
    return list(wanted.usual) if count in (None, len(wanted.usual), steps * len(wanted.usual)) else []


def _numbered(stated: Stated, name: str, first: FirstFile | None, steps: int, *, many: bool) -> list[str]:
    """Return names for bands of which nothing is said."""
    means = _of(stated.look("means"), name, many=many)
    count = (
        first.count // steps
        if first
        else len(means)
        if isinstance(means, Sequence) and not isinstance(means, str)
        else 0
    )
    if not count:
        stated.refuse("dataset_bands", f"nothing says which bands the files of '{name}' have: list them")
    return [f"band_{index}" for index in range(count)]


def _check_bands(stated: Stated, bands: Sequence[str], used: Sequence[str], wanted: Wanted) -> None:
    for band in used:
        if band not in bands:
            hint = did_you_mean(band, bands)
            stated.refuse("output_bands", f"'{band}' is none of 'dataset_bands'.{hint} They are {list(bands)}")
    twice = sorted({band for band in used if list(used).count(band) > 1})
    if twice:
        stated.refuse("output_bands", f"each band stands once; {twice} stand more often")
    if wanted.bands and len(wanted.bands) != len(used):
        stated.refuse(
            "output_bands",
            f"the model takes {len(wanted.bands)} band(s), {list(wanted.bands)}, and the data give {len(used)}, "
            f"{list(used)}: state the same ones",
        )
    elif wanted.bands and list(wanted.bands) != list(used) and not any(name.startswith("band_") for name in used):
        stated.refuse(
            "output_bands",
            f"the data give {list(used)}, and the model was told {list(wanted.bands)}: weights would meet other bands. "
            "Put both in one order",
        )


def _looks(stated: Stated, used: Sequence[str], where: str, first: FirstFile | None, *, rgb: Sequence[int]) -> Words:
    """Return type, nodata and colours."""
    found: Words = {}
    if len(rgb) == 3 and all(-len(used) <= index < len(used) for index in rgb):
        found["rgb"] = [used[index] for index in rgb]
    elif rgb:
        stated.change("rgb_indices", f"{rgb} are no three of the {len(used)} bands that are read, and are left out")
    if first is None:
        scaled = "constant_scale" in stated and stated.look("constant_scale") not in (1, 1.0)
        found.update({"dtype": "int16" if scaled else "float32", "nodata": None})
        stated.change(
            "train_data_root",
            "no file was there to look at: data type and nodata are assumed, and compared with each file that is read",
            f"{where}.dtype",
        )
        return found
    found.update({"dtype": first.dtype, "nodata": first.nodata})
    if not first.has_crs:
        found["georeference"] = "absent"
    if any(first.descriptions) and [text.lower() for text in first.descriptions] != [band.lower() for band in used]:
        found["descriptions"] = "ignore"
    return found


def _colours(stated: Stated, name: str, *, many: bool) -> list[int]:
    """Return which of the bands that are read stand for red, green and blue."""
    value = stated.look("rgb_indices")
    if many and isinstance(value, Mapping):
        return stated.section("rgb_indices").wholes(name)
    return stated.wholes("rgb_indices")


def _layout(stated: Stated, ours: str) -> str:
    if stated.flag("temporal_channel_major"):
        return "bands_first"
    stated.findings.change(
        stated.path("expand_temporal_dimension"),
        "bands of a file are read date by date, as TerraTorch does from 1.2 on; older versions read them band by band "
        "('layout: bands_first')",
        ours,
    )
    return "steps_first"


def _statistics(stated: Stated, name: str, used: Sequence[str], steps: int, *, many: bool) -> Words:
    """Return mean and deviation of each band in raw values; nothing where none are given."""
    found = {key: _values(stated, key, name, many=many) for key in ("means", "stds")}
    means, stds = found["means"], found["stds"]
    scale = _scale(stated, name, many=many)
    if not means or not stds:
        return {}
    pairs = list(zip(means, stds, strict=False))
    if len(means) == len(stds) == steps * len(used) and steps > 1 and pairs == pairs[: len(used)] * steps:
        pairs = pairs[: len(used)]
    if len(means) != len(stds) or len(pairs) != len(used):
        stated.refuse(
            "means",
            f"{len(means)} mean(s) and {len(stds)} deviation(s) are given for the {len(used)} band(s) {list(used)} of "
            f"'{name}': give one of each for each band that is read, in its order",
        )
        return {}
    if any(not std > 0 for std in stds):
        stated.refuse("stds", f"deviations are above 0; found {stds}. Leave a band out that never changes")
        return {}
    if scale != 1:
        stated.change(
            "constant_scale",
            f"values are not multiplied by {scale:g}: means and deviations are divided by it, which comes to the same",
            f"model.statistics.{name}",
        )
    return {
        band: {"mean": _divided(mean, scale), "std": _divided(std, scale)}
        for band, (mean, std) in zip(used, pairs, strict=True)
    }


def _divided(value: float, scale: float) -> float:
    return float(f"{value / scale:.{_DIGITS}g}")


def _scale(stated: Stated, name: str, *, many: bool) -> float:
    value = _of(stated.take("constant_scale"), name, many=many)
    try:
        scale = 1.0 if value is None else float(str(value))
    except ValueError:
        scale = 0.0
    if not scale > 0:
        stated.refuse("constant_scale", f"found {value!r}; a number above 0 is expected")
        return 1.0
    return scale


def _values(stated: Stated, key: str, name: str, *, many: bool) -> list[float]:
    """Return numbers that are given, or stand in a text file."""
    value = _of(stated.take(key), name, many=many)
    if isinstance(value, str) and not Path(value).is_file():
        try:
            return [float(value)]
        except ValueError:
            stated.refuse(key, f"there is no file '{value}' to read them from: write the numbers, or bring the file")
            return []
    entries = Path(value).read_text("utf-8").split() if isinstance(value, str) else value
    if entries is None:
        return []
    try:
        return [float(str(entry).strip(",[]")) for entry in (entries if isinstance(entries, Sequence) else [entries])]
    except ValueError:
        stated.refuse(key, f"found {value!r} where numbers are expected, one for each band")
        return []


def _of(value: object, name: str, *, many: bool) -> object:
    """Return what is said of one source: a mapping has it by name, anything else holds for all."""
    return value.get(name) if many and isinstance(value, Mapping) else value
