"""Write features, such as boxes or outlines with what is known of each, as a GeoPackage: whole, or not at all."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groundwork.atomic import partial_folder
from groundwork.errors import RasterError
from groundwork.rasters.features import Layer
from groundwork.rasters.styles import write_feature_style
from groundwork.rasters.writing import not_written, put

SUFFIX, _DRIVER = ".gpkg", "GPKG"
#: A GeoPackage says when it was written; the same features are to be the same bytes on any day.
_NO_DATE = "1970-01-01T00:00:00.000Z"
_DATE_OPTION = "OGR_CURRENT_DATE"


def write_features(features: Layer, path: Path) -> None:
    """Write a layer as the only one of a GeoPackage, under the name of the file.

    The same features are the same bytes, on any day. The file is read back before it gets its name. Where they are of
    classes, a style for QGIS stands beside it.

    Args:
        features: What to write; of a layer in parts, memory holds one.
        path: File to make, with the ending ``.gpkg``. An earlier file of this name stays until the new one is whole.

    Raises:
        RasterError: For another ending, and where the file does not hold what was written, as the disk is full.
    """
    import pyogrio  # noqa: PLC0415 - a GDAL of its own: 30 MB that maps do not need
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415 - as above

    if path.suffix != SUFFIX:
        raise RasterError(path, f"the ending '{path.suffix}'", f"'{SUFFIX}'", "Features are written as GeoPackage.")
    with partial_folder(path.parent, path.stem) as partial:
        made = partial / path.name
        try:
            with _without_date(), warnings.catch_warnings():
                # A scene without georeference gets features without one.
                warnings.filterwarnings("ignore", message="'crs' was not provided", category=UserWarning)
                expected = _write(features, made, path.stem)
            found = pyogrio.read_info(made, layer=path.stem, force_feature_count=True)["features"]
            if features.legend:
                write_feature_style(made, features.legend)
        except (DataSourceError, DataLayerError, RuntimeError, OSError) as error:
            raise not_written(path, str(error)) from error
        if found != expected:
            raise not_written(path, f"it holds {found} features instead of {expected}")
        put(made, path)


def _write(features: Layer, path: Path, name: str) -> int:
    """Write the parts of a layer one after the other, and return how many features they are."""
    import pyogrio  # noqa: PLC0415 - a GDAL of its own: 30 MB that maps do not need

    kind, tags, count = _geometry_type(features), dict(sorted(features.tags.items())), 0
    for number, part in enumerate(features.batches()):
        frame = part.frame()
        # What a layer says of itself is written with the first part.
        said = {} if number else {"layer_metadata": tags}
        pyogrio.write_dataframe(frame, path, layer=name, driver=_DRIVER, geometry_type=kind, append=number > 0, **said)
        count += len(frame)
    return count


def tags_of(path: Path) -> dict[str, str]:
    """Return what the first layer of a file of features says of its origin; nothing where it says nothing.

    Raises:
        RasterError: Where the file cannot be read.
    """
    import pyogrio  # noqa: PLC0415 - a GDAL of its own: 30 MB that maps do not need
    from pyogrio.errors import DataLayerError, DataSourceError  # noqa: PLC0415 - as above

    try:
        return dict(pyogrio.read_info(path)["layer_metadata"] or {})
    except (DataSourceError, DataLayerError, OSError) as error:
        raise RasterError(path, f"no vector file that can be read ({error})", "a GeoPackage") from error


def _geometry_type(features: Layer) -> str:
    """Return the one type of a layer: a file whose types are mixed is none that every GIS opens."""
    return "MultiPolygon" if features.is_mixed else "Polygon"


@contextmanager
def _without_date() -> Iterator[None]:
    """Keep GDAL from writing down what day it is."""
    import pyogrio  # noqa: PLC0415 - a GDAL of its own: 30 MB that maps do not need

    before = pyogrio.get_gdal_config_option(_DATE_OPTION)
    pyogrio.set_gdal_config_options({_DATE_OPTION: _NO_DATE})
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options({_DATE_OPTION: before})
