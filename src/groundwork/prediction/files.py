"""Predict rasters by one call, for programs and notebooks: files in, files out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.errors import PairingError, RasterError
from groundwork.prediction.names import PATTERN, Names
from groundwork.prediction.products import PRODUCTS
from groundwork.prediction.scene import predict_scenes
from groundwork.prediction.source import as_of_scenes
from groundwork.prediction.writing import write_predictions
from groundwork.rasters.addresses import Address, place_of
from groundwork.rasters.folder import RasterFolder, find_rasters, preview

#: A file or a folder of GeoTIFFs, several files, or what :func:`groundwork.rasters.folder.find_rasters` found.
Rasters: TypeAlias = Path | str | Sequence[Path | str] | RasterFolder


def predict_files(
    bundle: Bundle,
    scenes: Rasters | Mapping[str, Rasters],
    folder: Path | str,
    config: InferenceConfig | None = None,
    pattern: str = PATTERN,
) -> dict[str, dict[str, Path]]:
    """Predict rasters of any size, and write all that the ``inference`` pipeline writes.

    Args:
        bundle: A trained one.
        scenes: Rasters of the only source, or of each by name. A file is a scene that is called by its stem; of several
            sources with a single file each, the scene is called by that of the reference.
        folder: Where predictions will lie. Those that are there of the same scenes are replaced.
        config: How scenes are predicted. None: as ``InferenceConfig()`` says.
        pattern: Of the names of files.

    Returns:
        Key of each scene -> product, such as ``classes`` -> its file.

    Raises:
        PairingError: For a folder without rasters, and two files with one name.
        BundleError, RasterError, SpecError: As of :func:`groundwork.prediction.scene.predict_scenes`.
    """
    names = Names(Path(folder), pattern)
    names.require_folder()
    rasters = rasters_by_source(scenes, bundle.reference)
    try:
        predictions = predict_scenes(bundle, rasters, config or InferenceConfig())
    except RasterError as error:
        raise as_of_scenes(error, bundle.config.inputs) from error
    write_predictions(names, predictions)
    paths = {
        key: {product: names.path(key, origin.day, product) for product in PRODUCTS}
        for key, origin in predictions.origins.items()
    }
    return {key: {name: path for name, path in made.items() if path.is_file()} for key, made in paths.items()}


def rasters_by_source(
    scenes: Rasters | Mapping[str, Rasters], reference: str
) -> RasterFolder | Mapping[str, RasterFolder]:
    """Return rasters by key, of the only source or of each.

    Args:
        scenes: As of :func:`predict_files`.
        reference: The source after whose file a scene is called.

    Raises:
        PairingError: For a folder without rasters, and two files with one name.
    """
    if not isinstance(scenes, Mapping):
        return _folder(scenes)
    folders = {source: _folder(rasters) for source, rasters in scenes.items()}
    if any(not isinstance(rasters, str | Path) or len(folders[source].files) > 1 for source, rasters in scenes.items()):
        return folders
    # One file of each source was named: they are one scene, whatever each is called.
    key = next(iter(folders.get(reference, next(iter(folders.values()))).files))
    return {
        source: replace(folder, files={key: next(iter(folder.files.values()))}) for source, folder in folders.items()
    }


def _folder(rasters: Rasters) -> RasterFolder:
    """Return rasters by key.

    Raises:
        PairingError: Where there are none, or two are called alike.
    """
    if isinstance(rasters, RasterFolder):
        return rasters
    if isinstance(rasters, str | Path):
        place = place_of(str(rasters))
        if not isinstance(place, Address) and not place.exists():
            raise PairingError(f"{place}: found neither a file nor a folder; expected a raster, or a folder of them.")
        return find_rasters(place, ["{key}.tif"])
    places = [place_of(str(raster)) for raster in rasters]
    twice = [key for key, count in Counter(place.stem for place in places).items() if count > 1]
    if twice or not places:
        found = f"several files called {preview(twice)}" if twice else "no file"
        raise PairingError(
            f"Rasters to predict: found {found}; expected files, each with a name of its own. Predict those of "
            "one name one by one, each into a folder of its own."
        )
    return RasterFolder(places[0].parent, {place.stem: (str(place.absolute()),) for place in places})
