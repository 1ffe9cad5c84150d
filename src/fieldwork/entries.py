"""Whether the catalog fits the pipelines: every entry is read, inputs are there, outputs spare what is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from kedro.io import AbstractDataset, DataCatalog
from kedro.pipeline import Pipeline

from fieldwork.dvc_kept import fetched_by
from fieldwork.pipeline_registry import ON_REQUEST
from groundwork.config.split import SplitConfig
from groundwork.rasters.addresses import place_of
from groundwork.specs import TargetSpec
from groundwork.strict import did_you_mean


class CatalogError(ValueError):
    """A catalog entry that no pipeline reads or makes, is not there, or would overwrite what is read."""


def check_entries(entries: Mapping[str, Mapping[str, Any]], pipelines: Iterable[Pipeline]) -> None:
    """Refuse entries that no pipeline reads or makes: with a misspelt name, the base's entry would be used instead.

    Entries for notebooks and the like say who reads them, by ``metadata: {read_by: ...}``.

    Raises:
        CatalogError: With the near miss.
    """
    known = sorted({name for pipeline in pipelines for name in pipeline.datasets() if not name.startswith("params:")})
    for name, entry in entries.items():
        is_pattern = "{" in name
        if name not in known and not is_pattern and not (entry.get("metadata") or {}).get("read_by"):
            raise CatalogError(
                f"Catalog entry '{name}': no pipeline reads or makes it.{did_you_mean(name, known)} Correct its name, "
                f"or say what reads it, such as 'metadata: {{read_by: a notebook}}'. Known: {known}"
            )


def check_inputs(
    pipeline: Pipeline, catalog: DataCatalog, pipelines: Mapping[str, Pipeline], recipe: str | None = None
) -> None:
    """Refuse inputs that are not there, before anything is computed.

    Args:
        pipeline: What is to run.
        catalog: Where its entries lie.
        pipelines: All, by name.
        recipe: The environment that the command named.

    Raises:
        CatalogError: With the entry, its path, and the pipeline that makes it.
    """
    for name in pipeline.inputs():
        if name not in catalog:
            _refuse_missing(name, pipeline, catalog, pipelines)
    for name, path in input_paths(pipeline, catalog).items():
        if not catalog.exists(name):
            paths = {maker: output_paths(made, catalog) for maker, made in pipelines.items() if maker != "__default__"}
            makers = [maker for maker, made in paths.items() if name in made or path in made.values()]
            command = f"kedro run {f'--env {recipe} ' if recipe else ''}--pipelines {makers[0] if makers else ''}"
            remedy = f"Run `{command}` first, which makes it" if makers else "Correct its path"
            remedy += _elsewhere(path)
            command = fetched_by(path)
            remedy += f", or fetch it, where it was pushed: `{command}`" if command else ""
            raise CatalogError(f"Catalog entry '{name}': there is nothing at {path}. {remedy}.")


def _refuse_missing(name: str, pipeline: Pipeline, catalog: DataCatalog, pipelines: Mapping[str, Pipeline]) -> NoReturn:
    """Refuse an input that is neither in the catalog nor made by this run."""
    nodes = [node.name for made in pipelines.values() for node in made.nodes if name in node.outputs]
    if nodes:
        raise CatalogError(
            f"'{name}' is not kept from one run to the next, and no node of this run makes it. Run whole pipelines "
            f"(`--pipelines`), or name the node that makes it as well: '{nodes[0]}'."
        )
    reader = next(node.name for node in pipeline.nodes if name in node.inputs)
    known, is_parameter = sorted(catalog.keys()), name.startswith("params:")
    remedy = (
        "State it in a file of parameters in conf/base."
        if is_parameter
        else "Add it to the catalog, or correct its name."
    )
    where = "stated nowhere" if is_parameter else "not in the catalog, and no node makes it"
    raise CatalogError(f"Node '{reader}' reads '{name}', which is {where}.{did_you_mean(name, known)} {remedy}")


def _elsewhere(path: Path) -> str:
    """Say under which other recipes there is what one of them lacks."""
    others = sorted(place.parent.name for place in path.parent.parent.glob(f"*/{path.name}") if place != path)
    return f", or name in the catalog what the recipe {' or '.join(map(repr, others))} made" if others else ""


def check_overlaps(pipeline: Pipeline, catalog: DataCatalog, pipelines: Mapping[str, Pipeline]) -> None:
    """Refuse outputs inside, around or in place of rasters that any pipeline reads, or of one another.

    Raises:
        CatalogError: With both entries and paths.
    """
    outputs = output_paths(pipeline, catalog)
    sample = brought_on_request(pipelines)
    read = {name for each in (pipeline, *pipelines.values()) for name in each.inputs() if _holds_rasters(catalog, name)}
    rasters = paths_of(read, catalog)
    for output, place in outputs.items():
        for name, path in rasters.items():
            is_made = (output in sample and place == path) or _is_made_to_be_read(catalog, output, place, path)
            if _overlap(place, path) and not is_made:
                raise CatalogError(
                    f"Catalog entry '{output}' would be written to {place}, which is in the way of the rasters of "
                    f"'{name}' in {path}. Give '{output}' a folder of its own."
                )
        for name, path in outputs.items():
            if name != output and _overlap(place, path):
                raise CatalogError(
                    f"Catalog entries '{output}' and '{name}' would be written to {place} and {path}, in each other's "
                    "way. Give each a place of its own."
                )


def _overlap(one: Path, other: Path) -> bool:
    here, there = one.resolve(), other.resolve()
    return here.is_relative_to(there) or there.is_relative_to(here)


def check_lists(split: SplitConfig, lists: Mapping[str, list[str]]) -> None:
    """Refuse a split by lists without them, and lists that would be ignored.

    Raises:
        CatalogError: With what is missing.
    """
    if split.method != "lists":
        if lists:
            raise CatalogError(
                f"Catalog entry 'split_lists' gives lists for {sorted(lists)}, but data.split.method is "
                f"'{split.method}', which ignores them. Set 'method: lists', or 'files: {{}}' in the catalog."
            )
        return
    missing = [name for name in ("train", "test") if name not in lists]
    if missing:
        raise CatalogError(
            f"data.split.method is 'lists', and catalog entry 'split_lists' has no list for {missing}; found lists for "
            f"{sorted(lists)}. Add them to its 'files'."
        )
    empty = [name for name, scenes in lists.items() if not scenes]
    if empty:
        raise CatalogError(f"Catalog entry 'split_lists': the lists of {empty} name no scene. Name them, one per line.")


def check_regions(split: SplitConfig, entry: Mapping[str, Any]) -> None:
    """Refuse a split by polygons without a file of them, and a file that would be ignored.

    Raises:
        CatalogError: With what is missing.
    """
    path = entry.get("path")
    if split.method == "polygons" and not path:
        raise CatalogError(
            "data.split.method is 'polygons', and catalog entry 'split_regions' names no file. Set its 'path'."
        )
    if split.method != "polygons" and path:
        raise CatalogError(
            f"Catalog entry 'split_regions' names {path}, but data.split.method is '{split.method}', which ignores "
            "regions. Set 'method: polygons', or 'path: null' in the catalog."
        )


def check_labels(target: TargetSpec, entry: Mapping[str, Any]) -> None:
    """Refuse a target without labels, and labels that would be left aside.

    Raises:
        CatalogError: With what to change.
    """
    has_none = str(entry.get("type")).endswith(".NoLabelsDataset")
    if target.per == "nothing" and not has_none:
        found = entry.get("path") or entry.get("filepath") or entry.get("type")
        raise CatalogError(
            f"data.target is nothing, and catalog entry 'labels' names {found}, which would be left aside. Write "
            "'labels: {type: fieldwork.io.no_labels.NoLabelsDataset}' in the catalog, or say in data.target what they "
            "hold."
        )
    if target.per != "nothing" and has_none:
        raise CatalogError(
            f"data.target asks for {'classes' if target.classes else 'numbers'} per {target.per}, and catalog entry "
            "'labels' says that there are none. Name the labels in it, or write 'target: nothing' in data."
        )


def input_paths(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, Path]:
    """Return where each free input of a pipeline lies, of those that can say whether they are there."""
    able = (name for name in pipeline.inputs() if name in catalog and _can_tell(catalog[name]))
    return paths_of(able, catalog)


def output_paths(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, Path]:
    """Return where each output of a pipeline lies; what stays in memory is left out."""
    return paths_of(_outputs(pipeline), catalog)


def brought_on_request(pipelines: Mapping[str, Pipeline]) -> set[str]:
    """Return what pipelines make that run on request alone, such as the data of all recipes."""
    return {name for maker in ON_REQUEST if maker in pipelines for name in _outputs(pipelines[maker])}


def _outputs(pipeline: Pipeline) -> Iterator[str]:
    return (name for node in pipeline.nodes for name in node.outputs)


def work_folders(pipeline: Pipeline, catalog: DataCatalog) -> dict[str, Path]:
    """Return the folders that nodes work in."""
    config: dict[str, dict[str, Any]] = catalog.to_config()[0]
    working = (name for name in pipeline.inputs() if str(config.get(name, {}).get("type")).endswith(".FolderDataset"))
    return paths_of(working, catalog)


def paths_of(names: Iterable[str], catalog: DataCatalog) -> dict[str, Path]:
    """Return where entries lie, as far as they are files or folders, or addresses of such."""
    config: dict[str, dict[str, Any]] = catalog.to_config()[0]
    stated = {name: config.get(name, {}) for name in names}
    found = {name: entry.get("filepath") or entry.get("path") for name, entry in stated.items()}
    return {name: place_of(str(path)) for name, path in found.items() if path}


def _is_made_to_be_read(catalog: DataCatalog, output: str, place: Path, path: Path) -> bool:
    """Whether what is read is what an output holds, as of the embedded sample and of samples that are imported."""
    if str(catalog.to_config()[0].get(output, {}).get("type")).endswith(".TorchGeoSamplesDataset"):
        return place in path.parents
    return _holds_rasters(catalog, output) and place == path


def _can_tell(dataset: AbstractDataset[Any, Any]) -> bool:
    return type(dataset)._exists is not AbstractDataset._exists  # noqa: SLF001 - Kedro's own way to say so


def _holds_rasters(catalog: DataCatalog, name: str) -> bool:
    return str(catalog.to_config()[0].get(name, {}).get("type")).endswith(
        (
            ".RasterFolderDataset",
            ".RasterSourcesDataset",
            ".RasterTableDataset",
            ".StacItemsDataset",
            ".VectorLabelsDataset",
            ".CocoLabelsDataset",
        )
    )
