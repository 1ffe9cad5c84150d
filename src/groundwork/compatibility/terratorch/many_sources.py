"""Datamodules of several sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate

from groundwork.compatibility.terratorch.patterns import KEY, Place, check_pairs, pattern_of
from groundwork.compatibility.terratorch.places import Found, first_of, join
from groundwork.compatibility.terratorch.sources import Source, Wanted, read_source
from groundwork.compatibility.terratorch.splits import SPLITS, Splits, read_splits
from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.compatibility.terratorch.tasks import TaskKind
from groundwork.strict import did_you_mean


def read_many_sources(stated: Stated, kind: TaskKind, wanted: Wanted, by_source: Mapping[str, Wanted]) -> Found:
    """Translate a datamodule of several sources.

    Args:
        stated: Its keys.
        kind: What the task learns.
        wanted: What the model says of dates.
        by_source: The bands that the model says of each source.
    """
    names = stated.texts("modalities")
    if not names:
        stated.refuse("modalities", "names of the sources are needed")
        return Found({}, {}, Splits({}, {}), None)
    reference = _reference(stated, names)
    if stated.look("concat_bands"):
        by_source = _shared_out(stated, names, wanted)
    roots = {name: _roots(stated, "data_root", name) for name in names}
    patterns = {name: _pattern(stated, name, roots[name]) for name in names}
    scenes = {name: join(stated, f"train_data_root.{name}", roots[name], patterns[name]) for name in names}
    sources = {
        name: _marked(
            read_source(
                stated,
                name,
                replace(by_source.get(name, Wanted()), steps=wanted.steps, lying=wanted.lying),
                first_of(scenes[name]),
                many=True,
                shown=name == reference,
            ),
            is_reference=name == reference,
            is_optional=bool(stated.flag("allow_missing_modalities")) and name != reference,
        )
        for name in names
    }
    splits = read_splits(stated, roots[reference], patterns[reference])
    places: Words = {
        "scenes": {"sources": {name: place.words() for name, place in scenes.items()}},
        "labels": _labels(stated, kind, roots[reference], patterns[reference]),
        "inference_scenes": _to_predict(stated, scenes),
    }
    return Found(sources, places, splits, first_of(scenes[reference]), _stacked(stated, sources))


def _reference(stated: Stated, names: Sequence[str]) -> str:
    """Return the source that pictures show, and on whose grid the others are read."""
    others = set(names) - set(stated.texts("image_modalities") or names)
    if others:
        stated.refuse(
            "image_modalities", f"{sorted(others)} are no images, and sources are rasters here: leave them out"
        )
    shown = stated.look("rgb_indices")
    first = next((str(name) for name in shown if shown[name]), None) if isinstance(shown, Mapping) else None
    reference = stated.text("rgb_modality") or first or names[0]
    if reference not in names:
        stated.refuse("rgb_modality", f"'{reference}' is none of {names}.{did_you_mean(reference, names)}")
        reference = names[0]
    return reference


def _shared_out(stated: Stated, names: Sequence[str], wanted: Wanted) -> dict[str, Wanted]:
    """Share the bands that the model names of one image out among the sources that it is laid together of."""
    given = [stated.look(key) for key in ("output_bands", "dataset_bands", "means")]
    counts: dict[str, int] = {}
    for name in names:
        listed = [part[name] for part in given if isinstance(part, Mapping) and part.get(name)]
        counts[name] = next((len(part) for part in listed if isinstance(part, list)), 0)
    if sum(counts.values()) != len(wanted.bands) or 0 in counts.values():
        return {}
    ends = list(accumulate(counts.values()))
    return {name: Wanted(wanted.bands[end - counts[name] : end]) for name, end in zip(names, ends, strict=True)}


def _stacked(stated: Stated, sources: Mapping[str, Source]) -> tuple[str, ...]:
    """Return the sources that are laid together as one image, where they are; bands are then told by their names."""
    if not stated.flag("concat_bands"):
        return ()
    bands = [band for source in sources.values() for band in source.used]
    doubled = sorted({band for band in bands if bands.count(band) > 1})
    if doubled:
        stated.refuse(
            "concat_bands",
            f"bands of one image are told by their names, and several sources have {doubled}: rename them",
        )
    return tuple(sources)


def _roots(stated: Stated, key: str, name: str) -> dict[str, str]:
    """Return split -> folder, of one source where each has its own."""
    found = {}
    for split in SPLITS:
        value = stated.take(f"{split}_{key}")
        value = value.get(name) if isinstance(value, Mapping) else value
        if value:
            found[split] = str(value)
    usual = stated.take(key)
    usual = usual.get(name) if isinstance(usual, Mapping) else usual
    return found or (dict.fromkeys(SPLITS, str(usual)) if usual else {})


def _pattern(stated: Stated, name: str, roots: Mapping[str, str]) -> str:
    stated.take("img_grep")
    greps = stated.take("image_grep") or stated.look("img_grep")
    grep = greps.get(name) if isinstance(greps, Mapping) else greps
    return pattern_of(stated, "image_grep", _behind_key(grep), [*roots.values()])


def _behind_key(grep: object) -> str | None:
    """Return a glob that TerraTorch sets behind the name of a sample, as one of whole names. None: any file."""
    if not grep or KEY in str(grep):
        return str(grep) if grep else None
    return f"*{str(grep).lstrip('*')}"


def _marked(source: Source, *, is_reference: bool, is_optional: bool) -> Source:
    marks: Words = {"reference": True} if is_reference else {}
    spec = source.spec | marks | ({"optional": True} if is_optional else {})
    return Source(spec, source.statistics, source.used, source.steps)


def _labels(stated: Stated, kind: TaskKind, images: Mapping[str, str], pattern: str) -> Words:
    labels = _roots(stated, "label_data_root", "")
    if kind.per != "pixel":
        return _table(stated, labels)
    labels = labels or dict(images)
    answers = pattern_of(stated, "label_grep", _behind_key(stated.text("label_grep")), [*labels.values()])
    pairs = {split: (images[split], labels[split]) for split in images if split in labels}
    _, answers = check_pairs(stated, "label_grep", pairs, (pattern, answers))
    return join(stated, "train_label_data_root", labels, answers).words()


def _table(stated: Stated, labels: Mapping[str, str]) -> Words:
    files = sorted(set(labels.values()))
    if len(files) != 1 or not files[0]:
        stated.refuse(
            "train_label_data_root", f"answers of whole images stand in one table for all splits here; found {files}"
        )
    return {"kind": "label_table", "filepath": files[0] if files else ""}


def _to_predict(stated: Stated, scenes: Mapping[str, Place]) -> Words:
    given = stated.take("predict_data_root")
    if not isinstance(given, Mapping):
        return {"sources": {name: place.words() for name, place in scenes.items()}}
    found = {
        name: Place(str(given[name]), place.pattern.rpartition("/")[2]) if name in given else place
        for name, place in scenes.items()
    }
    return {"sources": {name: place.words() for name, place in found.items()}}
