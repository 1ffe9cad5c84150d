"""Where rasters, labels and lists lie: what a configuration file says of it, and what comes of that."""

from __future__ import annotations

from datetime import date as day
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, field_validator

from groundwork.config.label_windows import LabelWindows
from groundwork.config.split_lists import PLAIN
from groundwork.data.label_files import find_coco, find_vectors
from groundwork.data.label_table import LabelTable, find_class_folders, read_label_table
from groundwork.data.regions import Regions, read_regions
from groundwork.data.split_lists import keys_below, read_list
from groundwork.rasters.addresses import place_of
from groundwork.rasters.fetched import fetched
from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.rasters.raster_table import TableColumns, read_raster_table
from groundwork.rasters.shared import SharedFiles
from groundwork.rasters.stac import ItemChoice, find_items
from groundwork.strict import Config, did_you_mean

#: One name, or one per band.
Names: TypeAlias = str | tuple[str, ...]


def _several(names: Names | None) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else names


class Rasters(Config):
    """Rasters in a folder or at an address, or a single one."""

    kind: Literal["rasters"] = "rasters"
    path: str
    #: Names below it, in which ``{key}`` stands for the key; a list: one file per band.
    pattern: Names = "{key}.tif"
    #: Of files that hold several rasters by name: which are read; a list: one per band. ``*`` stands for what differs.
    variable: Names | None = None

    def open(self) -> RasterFolder:
        """Find the rasters. See :func:`groundwork.rasters.folder.find_rasters`."""
        return find_rasters(place_of(self.path), _several(self.pattern), (), _several(self.variable))


class RasterTable(Config):
    """Rasters that a CSV or Parquet table names."""

    kind: Literal["raster_table"]
    filepath: str
    #: Columns with the key, the path (a list: one per band), the date, and what else is kept.
    key: str
    paths: Names
    date: str | None = None
    columns: tuple[str, ...] | None = None
    #: Where paths start from. None: the folder of the table.
    folder: str | None = None

    def open(self) -> RasterFolder:
        """Read the table."""
        table = place_of(self.filepath)
        root = table.parent if self.folder is None else place_of(self.folder)
        columns = TableColumns(self.key, _several(self.paths), self.date, self.columns)
        return read_raster_table(fetched(table), root, columns)


class StacItems(Config):
    """Rasters that STAC items name."""

    kind: Literal["stac_items"]
    path: str
    #: A list: one per band.
    assets: Names
    #: Properties with key and date.
    key: str = "id"
    date: str | None = "datetime"
    max_cloud_cover: float | None = None
    #: First and last day of the items that are read.
    dates: tuple[day, day] | None = None
    collections: tuple[str, ...] | None = None

    def open(self) -> RasterFolder:
        """Read the items, and no raster."""
        choice = (self.max_cloud_cover, self.dates, self.collections)
        return find_items(self.path, ItemChoice(_several(self.assets), self.key, self.date, *choice))


class VectorLabels(Config):
    """Labels in one vector file for all scenes, or in a folder with one for each."""

    kind: Literal["vector_labels"]
    path: str
    pattern: Names = "{key}.gpkg"
    #: A file beside ``path`` whose polygons say where labelling is complete.
    complete: str | None = None

    def open(self) -> RasterFolder | SharedFiles:
        """Find the files. See :func:`groundwork.data.label_files.find_vectors`."""
        return find_vectors(place_of(self.path), _several(self.pattern), self.complete)


class CocoLabels(Config):
    """Annotations of objects in COCO's JSON: one file for all scenes, or a folder with one for each."""

    kind: Literal["coco_labels"]
    path: str
    pattern: str = "{key}.json"
    #: What a file for all scenes calls the image of each.
    image: str = "{key}.*"

    def open(self) -> LabelTable | RasterFolder:
        """Find the files. See :func:`groundwork.data.label_files.find_coco`."""
        return find_coco(place_of(self.path), self.pattern, self.image)


class ClassFolders(Config):
    """A folder for each class, in which the scenes of that class lie."""

    kind: Literal["class_folders"]
    path: str
    pattern: str = "{class}/{key}.tif"

    def open(self) -> LabelTable:
        """Find which class each scene has."""
        return find_class_folders(place_of(self.path), self.pattern)


class LabelsInTable(Config):
    """A table with a row for each scene or each of its windows, which says its class or its numbers."""

    kind: Literal["label_table"]
    filepath: str
    key: str = "key"
    windows: LabelWindows | None = None

    def open(self) -> LabelTable:
        """Read the table."""
        return read_label_table(fetched(place_of(self.filepath)), self.key, self.windows)


class Features(Config):
    """Layers of features by key and by what they show, each as ``<key>_<layer>.gpkg``."""

    kind: Literal["features"]
    path: str
    layers: tuple[str, ...]

    def open(self) -> RasterFolder:
        """Find the files."""
        return find_rasters(Path(self.path), [f"{{key}}_{layer}.gpkg" for layer in self.layers])


class RegionsFile(Config):
    """Polygons by which samples are split."""

    path: str
    #: Of a file with several.
    layer: str | None = None

    def open(self) -> Regions:
        """Read the polygons."""
        return read_regions(fetched(place_of(self.path)), self.layer)


class SplitFolder(Config):
    """A folder whose rasters are the scenes of a split."""

    path: str
    pattern: str
    #: What ``{folder}`` stands for in the pattern, where it is there.
    folder: str | None = None

    def keys(self) -> list[str]:
        """Return the keys of the rasters. See :func:`groundwork.data.split_lists.keys_below`."""
        return keys_below(place_of(self.path), self.pattern, self.folder)


class SplitFile(Config):
    """A list of the scenes of a split, of which a line is more than a key."""

    file: str
    #: How a line names a scene, such as ``{key}_s2.tif``.
    pattern: str = PLAIN


class Sources(Config):
    """Rasters of several sources, each in a place of its own."""

    kind: Literal["sources"] = "sources"
    #: Source -> its place.
    sources: dict[str, Annotated[Rasters | RasterTable | StacItems, Field(discriminator="kind")]] = Field(min_length=1)

    @field_validator("sources", mode="before")
    @classmethod
    def _say_kinds(cls, sources: object) -> object:
        return {name: _with_kind(one) for name, one in sources.items()} if isinstance(sources, dict) else sources

    def open(self) -> dict[str, RasterFolder]:
        """Find the rasters of each source."""
        return {name: place.open() for name, place in sorted(self.sources.items())}


#: Kind -> what it is. A place that names none is ``rasters``, or ``sources`` where it has these.
KINDS: dict[str, type[Config]] = {
    "rasters": Rasters,
    "sources": Sources,
    "raster_table": RasterTable,
    "stac_items": StacItems,
    "vector_labels": VectorLabels,
    "coco_labels": CocoLabels,
    "class_folders": ClassFolders,
    "label_table": LabelsInTable,
    "features": Features,
}
_Scenes: TypeAlias = Annotated[Rasters | Sources | RasterTable | StacItems, Field(discriminator="kind")]
_Labels: TypeAlias = Annotated[
    Rasters | RasterTable | StacItems | VectorLabels | CocoLabels | ClassFolders | LabelsInTable | Features,
    Field(discriminator="kind"),
]


class PlacesConfig(Config):
    """Where all that is read lies. Paths are relative to where the command runs."""

    scenes: _Scenes
    #: None: there are no labels, of a target of nothing.
    labels: _Labels | None = None
    #: For ``split.method: lists``: split -> text file that names its scenes, one per line, or JSON with the lists of
    #: all splits; ``file`` and ``pattern`` of one that names files; or ``path`` and ``pattern`` of the folder that they
    #: lie in.
    split_lists: dict[str, str | SplitFile | SplitFolder | None] = Field(default_factory=dict)
    #: For ``split.method: polygons``.
    split_regions: RegionsFile | None = None
    #: What is predicted. Labels are not needed.
    inference_scenes: _Scenes | None = None

    @field_validator("split_lists", mode="before")
    @classmethod
    def _tell_apart(cls, lists: object) -> object:
        if not isinstance(lists, dict):
            return lists
        return {
            split: SplitFile.model_validate(place) if isinstance(place, dict) and "file" in place else place
            for split, place in lists.items()
        }

    @field_validator("scenes", "labels", "inference_scenes", mode="before")
    @classmethod
    def _say_kind(cls, place: object) -> object:
        return _with_kind(place)

    def open_lists(self) -> dict[str, list[str]]:
        """Read the lists of the splits.

        Raises:
            DataError: As of :func:`groundwork.data.split_lists.read_list`.
        """
        return {split: _keys_of(split, place) for split, place in self.split_lists.items() if place}


def _keys_of(split: str, place: str | SplitFile | SplitFolder) -> list[str]:
    if isinstance(place, SplitFolder):
        return place.keys()
    stated = place if isinstance(place, SplitFile) else SplitFile(file=place)
    return read_list(split, place_of(stated.file), stated.pattern)


def _with_kind(place: object) -> object:
    if not isinstance(place, dict):
        return place
    kind = place.get("kind", "sources" if "sources" in place else "rasters")
    if kind not in KINDS:
        raise ValueError(
            f"there is no kind '{kind}' of places.{did_you_mean(str(kind), list(KINDS))} Known: {list(KINDS)}"
        )
    return {**place, "kind": kind}
