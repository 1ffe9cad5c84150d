"""Arrays whose names differ from file to file: a part of the name means one array, or is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rasterio.windows import Window

from arrays import write_hdf5_arrays
from groundwork.errors import RasterError
from groundwork.rasters.folder import find_rasters
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

MakeSpec = Callable[..., RasterSpec]
WHOLE = Window(0, 0, 4, 3)
PLANE = np.arange(12, dtype=np.int16).reshape(3, 4)


@pytest.fixture
def cubes(tmp_path: Path) -> Path:
    """Return a folder in which each file has its own date in the names of its arrays."""
    for key, day in (("a", "2019-11-05"), ("b (2), c", "2020-02-18")):
        arrays = {f"B08_{day}": PLANE, f"B08A_{day}": PLANE + 100, f"Red edge_{day}": PLANE + 200, "label": PLANE}
        write_hdf5_arrays(tmp_path / f"{key}.h5", arrays)
    return tmp_path


@pytest.mark.parametrize("key", ["a", "b (2), c"])
@pytest.mark.parametrize("axes", [None, ("y", "x")])
def test_a_star_stands_for_what_differs(
    cubes: Path, make_spec: MakeSpec, key: str, axes: tuple[str, ...] | None
) -> None:
    folder = find_rasters(cubes, ["{key}.h5"], variables=["B08A_*", "B08_*"])
    with Scene(folder.paths(key), make_spec("NARROW", "BROAD", axes=axes, nodata=None, georeference="absent")) as scene:
        assert np.array_equal(scene.read(WHOLE)[0], [PLANE + 100, PLANE])


def test_spaces_are_what_gdal_has_for_them(cubes: Path, make_spec: MakeSpec) -> None:
    folder = find_rasters(cubes, ["{key}.h5"], variables=["Red_edge_*"])
    with Scene(folder.paths("a"), make_spec("EDGE", nodata=None, georeference="absent")) as scene:
        assert np.array_equal(scene.read(WHOLE)[0], [PLANE + 200])


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (
            "B08*",
            r"a\.h5: found the arrays \['B08A_2019-11-05', 'B08_2019-11-05'\]; expected one .*'B08\*'\. Write more",
        ),
        ("B04_*", r"found none among the arrays \['B08A_2019-11-05', .*'label'\]; expected one .*Correct 'variable'"),
        ("b08_*", r"found none among"),
    ],
)
def test_what_means_no_array_or_several_is_refused(
    cubes: Path, make_spec: MakeSpec, variable: str, message: str
) -> None:
    paths = find_rasters(cubes, ["{key}.h5"], variables=[variable]).paths("a")
    with pytest.raises(RasterError, match=message):
        Scene(paths, make_spec("A", nodata=None, georeference="absent"))
