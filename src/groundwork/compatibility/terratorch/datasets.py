"""Datamodules: what lies where, what rasters and labels hold, how chips are cut and divided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, replace

from groundwork.compatibility.terratorch import biomassters, geobench
from groundwork.compatibility.terratorch.files import FirstFile
from groundwork.compatibility.terratorch.layouts import LAYOUTS, NO_LAYOUTS
from groundwork.compatibility.terratorch.many_sources import read_many_sources
from groundwork.compatibility.terratorch.one_source import read_one_source
from groundwork.compatibility.terratorch.passed import KNOWN, PASSED
from groundwork.compatibility.terratorch.places import Found
from groundwork.compatibility.terratorch.ranges import set_ranges
from groundwork.compatibility.terratorch.sources import Source, Wanted
from groundwork.compatibility.terratorch.stated import Stated, Words, of_class
from groundwork.compatibility.terratorch.targets import read_target
from groundwork.compatibility.terratorch.tasks import TaskKind
from groundwork.compatibility.terratorch.transforms import Chips, read_transforms
from groundwork.strict import did_you_mean

#: Side of a chip where nothing says it: what published models were trained on.
USUAL_SIZE = 224
#: Images of a batch where the datamodule of a public set is told of none.
USUAL_BATCH = 4
MULTI_MODAL = "GenericMultiModalDataModule"
GENERIC = (
    "GenericNonGeoSegmentationDataModule",
    "GenericNonGeoPixelwiseRegressionDataModule",
    "GenericNonGeoClassificationDataModule",
    "GenericNonGeoObjectDetectionDataModule",
    MULTI_MODAL,
)


@dataclass(frozen=True, slots=True)
class DataPart:
    """What the file says of the data."""

    #: Under ``data``.
    data: Words = field(default_factory=dict)
    #: Where scenes, labels and lists lie.
    places: Words = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    chips: Chips = field(default_factory=Chips)
    #: Under ``training.loader``.
    loader: Words = field(default_factory=dict)
    #: The sources whose bands one encoder sees as one image, in this order. Empty: each is seen by itself.
    stacked: tuple[str, ...] = ()
    #: Whether the datamodule tells the network of dates and places.
    has_places: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """What a datamodule stands for, in the words of the generic one."""

    arguments: Stated
    wanted: Wanted
    #: Of its classes. None: the file says them.
    class_names: list[str] | None = None
    #: What its labels hold where nobody knows.
    usual_ignore: int | None = None
    _: KW_ONLY
    #: Whether it has several sources.
    has_many: bool = False
    #: Whether it tells the network of dates and places.
    has_places: bool = False


def read_data(
    stated: Stated, task: Stated, kind: TaskKind, wanted: Wanted, by_source: Mapping[str, Wanted]
) -> DataPart | None:
    """Translate a datamodule.

    Args:
        stated: What stands under ``data``.
        task: The arguments of the task.
        kind: What the task learns.
        wanted: What the model says of its only source.
        by_source: The bands that the model says of each of several sources.
    """
    name, arguments = of_class(stated, NO_LAYOUTS)
    stated.finish()
    of_set = _of_set(name, arguments, wanted)
    if of_set is None and name not in GENERIC:
        _refuse_class(stated, name)
        return None
    described = of_set or Described(arguments, wanted, has_many=name == MULTI_MODAL)
    arguments, wanted = described.arguments, described.wanted
    chips = read_transforms(arguments)
    target = read_target(kind, arguments, task, described.class_names, described.usual_ignore)
    if described.has_many:
        found = read_many_sources(arguments, kind, wanted, by_source)
    else:
        found = read_one_source(arguments, kind, replace(wanted, steps=max(wanted.steps, chips.steps or 1)), target)
    if kind.per == "object" and (chips.changes or chips.is_random or chips.resized):
        arguments.change(
            "train_transform", "boxes move with the image; TerraTorch 1.2.13 leaves them where they were in the file"
        )
    set_ranges(arguments, target, found.places.get("labels"))
    part = _finish(arguments, found, target, chips, task)
    arguments.finish(KNOWN)
    return replace(part, has_places=described.has_places)


def _of_set(name: str, arguments: Stated, wanted: Wanted) -> Described | None:
    """Return what the datamodule of a public set stands for. None: it is of none that is known."""
    if name in LAYOUTS:
        layout = LAYOUTS[name]
        has_places = arguments.flag("use_metadata") is True
        wanted = replace(wanted, steps=layout.steps, lying=layout.lying)
        names = list(layout.class_names)
        return Described(_as_generic(name, arguments), wanted, names, layout.ignore_index, has_places=has_places)
    if name in geobench.SETS:
        generic, lying = geobench.as_generic(name, arguments)
        return Described(generic, replace(wanted, lying=lying), list(geobench.SETS[name].class_names))
    if name == biomassters.NAME:
        generic, has_many = biomassters.as_generic(arguments)
        wanted = replace(wanted, steps=len(biomassters.MONTHS), lying=biomassters.LYING)
        return Described(generic, wanted, has_many=has_many)
    return None


def _refuse_class(stated: Stated, name: str) -> None:
    """Refuse a datamodule, and say how its data can be described."""
    known = [*GENERIC, *LAYOUTS, *geobench.SETS, biomassters.NAME]
    path = str(stated.look("class_path") or "")
    if not path:
        what = "no datamodule is named: name one of " + str(known)
    elif "." in path and not path.startswith("terratorch."):
        what = (
            f"'{path}' is a class of your own, and only its code knows which files it reads: describe them by the "
            f"generic datamodule of the task, one of {list(GENERIC)}"
        )
    else:
        hint = did_you_mean(name, [*known, *NO_LAYOUTS])
        unknown = f"its layout is not known here.{hint} Describe it by the generic one of its task; known: {known}"
        what = f"'{name}': " + NO_LAYOUTS.get(name, unknown)
    stated.findings.refuse(stated.path("class_path"), what)


def _as_generic(name: str, stated: Stated) -> Stated:
    """Return the arguments as the generic datamodule would take them."""
    layout = LAYOUTS[name]
    root = stated.text("data_root") or "data"
    kept = {key: stated.look(key) for key in stated.keys() if key not in ("bands", "data_root", "means", "stds")}  # noqa: SIM118
    words = {"batch_size": USUAL_BATCH} | layout.words(root, stated.look("bands")) | kept
    for key in ("use_metadata", "partition", "drop_last"):
        words.pop(key, None)
    found = Stated(words, stated.path("")[:-1], stated.findings)
    found.change("data_root", f"files are expected as the set was published: {layout.img_grep} below '{root}'")
    if "means" not in words:
        found.change(
            "means", "bands are standardised by the statistics of the training split, not by those in TerraTorch's code"
        )
    if found.take("aug") is not None:
        what = "it would take the place of the standardisation there: write what changes images into 'train_transform'"
        found.refuse("aug", f"{what}, and leave this out")
    return found


def _finish(stated: Stated, found: Found, target: Words, chips: Chips, task: Stated) -> DataPart:
    size = _chip_size(stated, chips, found.first, task)
    chips.size = size
    for key, read in PASSED.items():
        read(stated, key)
    loader: Words = {"batch_size": stated.whole("batch_size") or 8}
    if stated.whole("num_workers"):
        loader["num_workers"] = stated.whole("num_workers")
    data: Words = {
        "sources": {name: source.spec for name, source in found.sources.items()},
        "target": target,
        "chips": {"size": size, "stride": size, "min_valid_fraction": 0.0},
        "split": found.splits.config,
    }
    places = found.places | ({"split_lists": found.splits.place} if found.splits.place else {})
    return DataPart(data, places, found.sources, chips, loader, found.stacked)


def _chip_size(stated: Stated, chips: Chips, first: FirstFile | None, task: Stated) -> int:
    """Return the side of a chip: what transforms say, or the model's part, or the side of an image."""
    side = min(first.size) if first else None
    if chips.resized is not None and side is not None and side != chips.resized:
        stated.change(
            "train_transform",
            f"images of {side} pixels are not resized to {chips.resized}: chips are read in the resolution of the "
            "files. Resize the rasters beforehand (gdalwarp -ts), where another one is meant",
            "data.chips.size",
        )
    elif chips.resized is not None and side is None:
        stated.change(
            "train_transform",
            f"images are not resized: chips of {chips.size} pixels in the resolution of the files",
            "data.chips.size",
        )
    asked = chips.size or _of_model(task)
    if asked is not None:
        return asked if side is None else min(asked, side)
    if side is None:
        stated.change(
            "train_data_root",
            f"nothing says how large images are; chips of {USUAL_SIZE} pixels are assumed",
            "data.chips.size",
        )
    return side or USUAL_SIZE


def _of_model(task: Stated) -> int | None:
    arguments = task.look("model_args")
    found = arguments.get("backbone_img_size", arguments.get("img_size")) if isinstance(arguments, Mapping) else None
    return found if isinstance(found, int) else None
