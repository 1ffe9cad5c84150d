"""Write predictions into a folder, each product of a scene as a file of its own."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundwork import fingerprint
from groundwork.config.inference import InferenceConfig
from groundwork.prediction.bad_block_table import stated_in, warn_of_bad_blocks, write_bad_blocks
from groundwork.prediction.chips import FIRST_COLUMNS, read_table
from groundwork.prediction.mosaic import mosaic_of
from groundwork.prediction.mosaic_place import require_possible
from groundwork.prediction.mosaic_writing import WrittenMosaic, describe_mosaic, remove_others, write_mosaic
from groundwork.prediction.names import Names
from groundwork.prediction.products import CHIP_TABLE, CHIPS, COLLECTION, ITEM, ITEM_SUFFIX, MOSAIC, PRODUCTS
from groundwork.prediction.record import InputFile, Origin, Run, multihash
from groundwork.prediction.scene import Predictions
from groundwork.prediction.scene_writing import SceneDone, write_json, write_scene, write_text
from groundwork.prediction.spreading import Writing, is_alone, spread
from groundwork.prediction.stac import BUNDLE, collection_of, is_collection, is_finished, read_item
from groundwork.prediction.stac_model import model_item
from groundwork.progress import track

if TYPE_CHECKING:
    # It takes memory that maps do not need.
    import pandas as pd

logger = logging.getLogger(__name__)

#: How the files are called that say what a bundle is.
_OF_BUNDLE = re.compile(r"(model-[0-9a-f]{16})(-bundle)?\.json")


def write_predictions(names: Names, predictions: Predictions) -> None:
    """Write products and item of each scene, and one table of what is said of the tiles of all of them, where it is.

    The item of a scene is written last: a scene without it is not finished.

    Args:
        names: Where they will lie, and what they are called.
        predictions: What is predicted of each.

    Raises:
        PairingError: Where two scenes would have files of the same name; nothing is predicted then.
        RasterError: Where a file does not hold what was written, or a scene has no place in a mosaic; nothing is
            predicted then either.
    """
    origins, config = predictions.origins, predictions.config
    days = {key: origin.day for key, origin in origins.items()}
    names.require_apart(days)
    _require_mosaic(origins, config)
    chosen = _of_shard(origins, config)
    # What lies there before a scene is predicted is what it is predicted from, whatever becomes of the files meanwhile.
    read = {} if config.overwrite else _read(chosen)
    finished = {key for key, files in read.items() if _is_finished(names, origins[key], files)}
    if not config.overwrite:
        logger.info("%d of %d scene(s) are finished already", len(finished), len(chosen))
    model = _write_model(names.folder, next(iter(origins.values())).run) if config.items and origins else None
    written_before = {key: names.path(key, days[key], CHIPS) for key in finished}
    tables = {key: read_table(key, path) for key, path in written_before.items() if path.is_file()}
    holes = {key: stated_in(names.path(key, days[key], ITEM)) for key in finished}
    pending = [key for key in chosen if key not in finished]
    writing = Writing(names, predictions, model, read)
    for key, done in _in_turn(writing, pending) if is_alone(writing, pending) else spread(writing, pending):
        warn_of_bad_blocks(key, done.bad)
        holes[key] = [file.as_json() for file in done.bad]
        if done.table is not None:
            tables[key] = done.table
    if config.shard is not None:
        # What all scenes make together would be overwritten by the next part.
        logger.info("Tables and collections of all scenes are left to a run without 'inference.shard'")
        return
    _write_table(names.folder, tables)
    write_bad_blocks(names.folder, holes, len(chosen))
    mosaic = _write_mosaic(names, origins, model) if config.mosaic is not None and origins else None
    if mosaic is None:
        remove_others(names.folder, None)
    _describe_all(names.folder, model, mosaic)


def _require_mosaic(origins: Mapping[str, Origin], config: InferenceConfig) -> None:
    """Refuse a mosaic that cannot be made of the scenes."""
    if config.mosaic is not None and origins:
        scenes = {key: (origin.path, origin.inputs.grids[key], origin.day) for key, origin in origins.items()}
        require_possible(config.mosaic, scenes)


def _of_shard(origins: Mapping[str, Origin], config: InferenceConfig) -> dict[str, Origin]:
    """Return the scenes of a part; all have been checked, as names must be apart."""
    if config.shard is None:
        return dict(origins)
    keys = config.shard.part_of(list(origins))
    logger.info(
        "%d of %d scene(s) are of part %d of %d", len(keys), len(origins), config.shard.index, config.shard.count
    )
    if len(origins) < config.shard.count:
        logger.warning(
            "'inference.shard.count' is %d, and there are %d scene(s): parts are whole scenes, and those from %d on "
            "have nothing to do. Fewer parts do the same; 'inference.engine: dask' with a 'scheduler' cuts them into "
            "blocks for several machines, 'inference.workers' for the processes of one",
            config.shard.count,
            len(origins),
            len(origins),
        )
    return {key: origins[key] for key in keys}


def _in_turn(writing: Writing, keys: Sequence[str]) -> Iterator[tuple[str, SceneDone]]:
    """Predict scenes one after the other, and yield what else is known of each."""
    for key, stream in writing.predictions.predict(keys):
        origin = writing.predictions.origins[key]
        yield key, write_scene(writing.names, origin, stream, writing.read.get(key), writing.model)


def _read(origins: Mapping[str, Origin]) -> dict[str, list[InputFile]]:
    """Return the files of each scene with their checksums."""
    return {key: origins[key].files() for key in track(origins, "Looking for what is finished", len(origins))}


def _is_finished(names: Names, origin: Origin, files: Sequence[InputFile]) -> bool:
    """Whether the prediction of a scene is there, all of it, as this run would make it."""
    place = names.path(origin.key, origin.day, ITEM)
    return place.is_file() and is_finished(place, origin.hash_of(files))


def _write_model(folder: Path, run: Run) -> Path:
    """Write what the bundle is, and its item; return where that lies."""
    stem = f"model-{run.bundle_hash}"
    write_json(folder / f"{stem}-bundle.json", json.loads(run.bundle.config.model_dump_json()))
    path = folder / f"{stem}-bundle.json"
    checksum = multihash(fingerprint.of_file(path))
    item = model_item(run.bundle, run.bundle_hash, path.name, checksum, path.stat().st_size)
    write_json(folder / f"{stem}.json", item)
    return folder / f"{stem}.json"


def _write_mosaic(names: Names, origins: Mapping[str, Origin], model: Path | None) -> WrittenMosaic:
    """Write what all scenes make together, and remove what an earlier run left of it."""
    run = next(iter(origins.values())).run
    pieces = {
        key: ({name: names.path(key, origin.day, name) for name in PRODUCTS}, origin.day)
        for key, origin in origins.items()
    }
    written = write_mosaic(names.folder, mosaic_of(run.bundle.config.target, run.config, pieces), run.config)
    remove_others(names.folder, written)
    if model is not None:
        items = {key: names.path(key, origin.day, ITEM) for key, origin in origins.items()}
        describe_mosaic(names.folder, written, run, items, model)
    return written


def _describe_all(folder: Path, model: Path | None, mosaic: WrittenMosaic | None) -> None:
    """Write the collection of all items that lie in the folder, also of scenes that earlier runs predicted.

    What earlier runs wrote of bundles is removed where no item is of them any more, and so is a collection of nothing.

    Args:
        folder: Of the predictions.
        model: The item of the bundle. None: this run writes no items.
        mosaic: Where one was written.
    """
    items = {path: item for path in _files(folder) if (item := read_item(path)) is not None}
    bundles = {f"model-{item['properties'][BUNDLE]['fingerprint']}" for item in items.values()}
    for path in sorted(folder.glob("model-*.json")):
        named = _OF_BUNDLE.fullmatch(path.name)
        if named is not None and named[1] not in bundles and (model is None or named[1] != model.stem):
            path.unlink()
    if model is not None or items:
        _write_collection(folder, items, mosaic)
    elif is_collection(folder / COLLECTION):
        (folder / COLLECTION).unlink()


def _write_collection(folder: Path, items: Mapping[Path, Mapping[str, Any]], mosaic: WrittenMosaic | None) -> None:
    collection = collection_of(folder, items, {} if mosaic is None else mosaic.assets(folder))
    if mosaic is not None:
        href = f"./{MOSAIC}/{COLLECTION}"
        collection["links"].append({"rel": "child", "href": href, "type": "application/json"})
    write_json(folder / COLLECTION, collection)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob(f"*{ITEM_SUFFIX}")):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _write_table(folder: Path, parts: Mapping[str, pd.DataFrame]) -> None:
    """Write the outlines of all scenes as one table; without any, remove one that an earlier run wrote."""
    table = folder / CHIP_TABLE
    if parts:
        import pandas as pd  # noqa: PLC0415 - it takes 60 MB that maps do not need

        write_text(table, pd.concat([part for _, part in sorted(parts.items())]).to_csv(index=False))
    elif table.is_file() and table.read_text("utf-8").startswith(",".join(FIRST_COLUMNS)):
        table.unlink()
