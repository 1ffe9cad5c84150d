"""A recipe as one file for ``groundwork fit``, and such a file as a recipe."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from groundwork.config import TrainingConfig
from groundwork.config.merging import is_another_component
from groundwork.config.split_lists import PLAIN, by_split
from groundwork.config.stated import with_trainer
from groundwork.strict import did_you_mean
from groundwork.tasks import TASKS

#: Type of a catalog entry -> the kind of a place.
KINDS = {
    "fieldwork.io.rasters.RasterFolderDataset": "rasters",
    "fieldwork.io.sources.RasterSourcesDataset": "sources",
    "fieldwork.io.raster_table.RasterTableDataset": "raster_table",
    "fieldwork.io.stac.StacItemsDataset": "stac_items",
    "fieldwork.io.vectors.VectorLabelsDataset": "vector_labels",
    "fieldwork.io.coco.CocoLabelsDataset": "coco_labels",
    "fieldwork.io.class_folders.ClassFoldersDataset": "class_folders",
    "fieldwork.io.label_table.LabelTableDataset": "label_table",
    "fieldwork.io.features.FeatureFolderDataset": "features",
}
#: The reverse.
TYPES = {kind: name for name, kind in KINDS.items()}
FOLDERS = "fieldwork.io.split_folders.SplitFoldersDataset"
LISTS = "fieldwork.io.lists.SplitListsDataset"
NO_LABELS = "fieldwork.io.no_labels.NoLabelsDataset"
#: What an entry says beside its place. Without Kedro, access is what the environment states, and no file holds it.
OF_KEDRO = ("type", "metadata", "credentials")
#: Kinds that are told by what they hold.
UNSAID = ("rasters", "sources")
#: Catalog entries that are places of their own.
ENTRIES = ("scenes", "labels", "inference_scenes")
#: Parameter -> where it stands in such a file.
PLACES = {
    "data": "data.init_args.data",
    "data_prep": "data.init_args.indexing",
    "model": "model.init_args.model",
    "training": "model.init_args.training",
    "evaluation": "evaluation",
    "inference": "inference",
    "seed": "seed_everything",
}
DATA_CLASS, ANY_TASK = "groundwork.RasterDataModule", "groundwork.RasterTask"
#: What is learnt where ``training`` does not say it.
USUAL_TASK = TrainingConfig.model_fields["task"].default.name
LAYER = {"kedro-viz": {"layer": "raw"}}


class RecipeFileError(ValueError):
    """A recipe that no file can say, or a file that is no recipe."""


def as_file(parameters: Mapping[str, Any], catalog: Mapping[str, Any], recipe: str) -> dict[str, Any]:
    """Return a recipe as the one file that ``groundwork fit`` reads.

    Args:
        parameters: By name, as read.
        catalog: Entries by name, as read.
        recipe: Its name.

    Raises:
        RecipeFileError: For a catalog entry that such a file has no place for.
    """
    training = dict(parameters["training"])
    task = training.get("task", USUAL_TASK)
    name = task["name"] if isinstance(task, dict) else task
    if name in TASKS:
        task_class = "groundwork." + str(TASKS[name]).rpartition(":")[2]
        if task in (name, {"name": name}):
            training.pop("task", None)
    else:
        task_class = ANY_TASK
    trainer = {"max_epochs": training.pop("max_epochs"), **(training.pop("trainer", None) or {})}
    places = {key: _as_place(key, catalog[key]) for key in ENTRIES if catalog[key]["type"] != NO_LABELS}
    lists = by_split(catalog["split_lists"])
    regions = {key: catalog["split_regions"].get(key) for key in ("path", "layer")}
    if lists:
        places["split_lists"] = lists
    if regions["path"]:
        places["split_regions"] = {key: value for key, value in regions.items() if value}
    arguments = {"places": places, "data": _without_unset(parameters["data"]), "indexing": parameters["data_prep"]}
    return {
        "seed_everything": parameters["seed"],
        "output": f"runs/{recipe}",
        "data": {"class_path": DATA_CLASS, "init_args": arguments},
        "model": {"class_path": task_class, "init_args": {"model": parameters["model"], "training": training}},
        "trainer": trainer,
        "evaluation": parameters["evaluation"],
        "inference": parameters["inference"],
    }


def as_recipe(stated: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return parameters and catalog entries of a file that ``groundwork fit`` reads.

    Raises:
        RecipeFileError: For a file of modules that are none of this library, and what a recipe has no place for.
    """
    data, model = _arguments(stated, "data", (DATA_CLASS,)), _arguments(stated, "model", _task_classes())
    others = {"data": set(data) - {"places", "data", "indexing"}, "model": set(model) - {"model", "training"}}
    for part, keys in others.items():
        if keys:
            raise RecipeFileError(f"{part}.init_args: a recipe has no place for {sorted(keys)}. Leave them out.")
    task_class = stated["model"]["class_path"]
    trainer = {key: value for key, value in (stated.get("trainer") or {}).items() if value is not None}
    training = with_trainer(model.get("training") or {}, trainer)
    name = _task_classes()[task_class]
    if name not in ("", USUAL_TASK):
        training = {"task": name, **training}
    parameters = {
        "seed": stated.get("seed_everything", 0),
        "data": data.get("data"),
        "data_prep": data.get("indexing") or {},
        "model": model.get("model"),
        "training": training,
        "evaluation": stated.get("evaluation") or {},
        "inference": stated.get("inference") or {},
    }
    return parameters, _as_catalog(data.get("places") or {})


def changes(base: Any, stated: Any, whole: Any, where: str) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return what must be written so that it changes the base into what is stated.

    Args:
        base: What the base says.
        stated: What is wanted.
        whole: The same with all defaults, which stand for keys that only the base states.
        where: Of both, for messages.

    Raises:
        RecipeFileError: For a key that only the base states, and that has no default.
    """
    if not isinstance(base, dict) or not isinstance(stated, dict):
        return stated
    if is_another_component(base, stated):
        return stated
    found: dict[str, Any] = {}
    for key, value in stated.items():
        if key not in base:
            found[key] = value
        elif base[key] != value:
            inner = whole.get(key) if isinstance(whole, dict) else None
            changed = changes(base[key], value, inner, f"{where}.{key}")
            # What is left out is often what the base says.
            if changed != {} or not isinstance(base[key], dict):
                found[key] = changed
    left = {key: value for key, value in base.items() if key not in stated and value is not None}
    return {**found, **_defaults(left, whole, where)}


def _defaults(left: Mapping[str, Any], whole: Any, where: str) -> dict[str, Any]:  # noqa: ANN401 - whatever YAML holds
    """Return what stands for keys that only the base states."""
    if where == "data.sources":
        # A recipe drops a source of the base so.
        return dict.fromkeys(left)
    for key, value in left.items():
        if not isinstance(whole, dict) or key not in whole:
            raise RecipeFileError(
                f"{where}.{key} is {value!r} in conf/base, and the file does not state it: state it there too."
            )
    return {key: whole[key] for key, value in left.items() if whole[key] != value}


def _arguments(stated: Mapping[str, Any], part: str, known: Mapping[str, Any] | tuple[str, ...]) -> dict[str, Any]:
    found = stated.get(part)
    path = found.get("class_path") if isinstance(found, dict) else None
    if not isinstance(found, dict) or path not in known:
        hint = did_you_mean(str(path), list(known))
        raise RecipeFileError(
            f"'{part}' is {path!r}, of which no recipe can be made.{hint} Recipes are of {', '.join(known)}."
        )
    arguments: dict[str, Any] = found.get("init_args") or {}
    return arguments


def _task_classes() -> dict[str, str]:
    """Return the class of each task -> its name; of any task, the one that ``training`` names."""
    return {"groundwork." + str(entry).rpartition(":")[2]: name for name, entry in TASKS.items()} | {ANY_TASK: ""}


def _without_unset(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return data without the sources that a recipe drops of the base."""
    return {**data, "sources": {name: spec for name, spec in data["sources"].items() if spec is not None}}


def _as_place(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    if entry["type"] not in KINDS:
        raise RecipeFileError(
            f"Catalog entry '{name}' is of the type {entry['type']}, of which `groundwork fit` knows no kind of place. "
            f"Known: {list(KINDS)}"
        )
    kind = KINDS[entry["type"]]
    options = {key: value for key, value in entry.items() if key not in OF_KEDRO}
    if kind == "sources":
        root, sources = options["path"], options["sources"]
        return {"sources": {source: _below(root, source, one) for source, one in sources.items()}}
    return options if kind in UNSAID else {"kind": kind, **options}


def _below(root: str, source: str, stated: Mapping[str, Any]) -> dict[str, Any]:
    if "type" in stated:
        return _as_place(source, stated)
    folder = str(stated.get("folder", source))
    return {
        "path": f"{root}/{folder}",
        **{key: value for key, value in stated.items() if key not in ("folder", *OF_KEDRO)},
    }


def _as_catalog(places: Mapping[str, Any]) -> dict[str, Any]:
    """Return catalog entries of places."""
    catalog: dict[str, Any] = {}
    for name in ENTRIES:
        place = places.get(name)
        if name == "inference_scenes" and place is None:
            place = places.get("scenes")
        catalog[name] = (
            {"type": NO_LABELS, "metadata": LAYER} if place is None else {**_entry(place), "metadata": LAYER}
        )
    lists = places.get("split_lists")
    if lists:
        catalog["split_lists"] = _entry_of_lists(lists)
    if places.get("split_regions"):
        kind = "fieldwork.io.regions.RegionsDataset"
        catalog["split_regions"] = {"type": kind, **places["split_regions"], "metadata": LAYER}
    return catalog


def _entry_of_lists(lists: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry of lists: all are files, whose lines look alike, or all are folders."""
    files = {split: place if isinstance(place, Mapping) else {"file": place} for split, place in lists.items()}
    folders = [split for split, place in files.items() if "file" not in place]
    patterns = {place.get("pattern", PLAIN) for place in files.values()}
    if folders and len(folders) < len(lists):
        raise RecipeFileError(
            f"data.init_args.places.split_lists: {folders} are folders, and the others files: a recipe has all of one "
            "kind. Write files for all."
        )
    if folders:
        return {"type": FOLDERS, "folders": lists, "metadata": LAYER}
    if len(patterns) > 1:
        raise RecipeFileError(
            f"data.init_args.places.split_lists: lines look like {sorted(patterns)}, and a recipe has one 'pattern' "
            "for all lists. Write them alike."
        )
    stated = {split: place["file"] for split, place in files.items()}
    pattern = {"pattern": patterns.pop()} if patterns != {PLAIN} else {}
    return {"type": LISTS, "files": stated, **pattern, "metadata": LAYER}


def _entry(place: Mapping[str, Any]) -> dict[str, Any]:
    kind = place.get("kind", "sources" if "sources" in place else "rasters")
    options = {key: value for key, value in place.items() if key != "kind"}
    if kind != "sources":
        return {"type": TYPES[kind], **options}
    entries = {source: _entry(one) for source, one in place["sources"].items()}
    # What is watched for changes is the folder that all of them lie in.
    roots = [str(Path(str(one.get("path") or one.get("filepath")))) for one in place["sources"].values()]
    return {"type": TYPES[kind], "path": os.path.commonpath(roots) or ".", "sources": entries}
