"""How rasters that are sent are called: after their source, and after the date or step where each has a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from groundwork.rasters.patterns import WORDS
from groundwork.specs import RasterSpec

#: The key of what is sent.
SCENE = "scene"
_EXAMPLES = {"date": "20240630", "step": "0"}


@dataclass(frozen=True, slots=True)
class Named:
    """What the name of a raster says."""

    source: str
    #: Date or number of a step, as it is written. Empty: the file holds the whole source.
    when: str = ""

    def below(self, folder: Path) -> Path:
        """Return where the file lies on the server, whatever else it was called."""
        own = folder / self.source
        return own / SCENE / f"{SCENE}_{self.when}.tif" if self.when else own / f"{SCENE}.tif"

    def raster(self, folder: Path) -> Path:
        """Return the file, or the folder of the files of all dates or steps."""
        return self.below(folder).parent if self.when else self.below(folder)

    def is_new(self, folder: Path, found: Mapping[str, Path]) -> bool:
        """Whether the file is not there, nor another that holds the whole source or a date of it where this does not.

        Args:
            folder: Where rasters are written.
            found: Source -> raster, of those that were sent.
        """
        raster = self.raster(folder)
        return found.get(self.source, raster) == raster and not self.below(folder).exists()


def read_name(name: str, inputs: Mapping[str, RasterSpec]) -> Named | None:
    """Return what a name without its ending says; None where it is none that is expected.

    Args:
        name: Such as ``hls``, or ``hls_20240630``.
        inputs: What the model reads.
    """
    if name in inputs and not has_files(inputs[name]):
        return Named(name)
    for source in sorted(inputs, key=len, reverse=True):
        word = _word(inputs[source])
        when = re.fullmatch(f"{re.escape(source)}_({WORDS[word]})", name, re.ASCII) if word else None
        if when is not None:
            return Named(source, when[1])
    return None


def has_files(spec: RasterSpec) -> bool:
    """Whether each date or step of a source has a file."""
    return spec.layout == "file_per_date"


def expected_names(inputs: Mapping[str, RasterSpec]) -> str:
    """Return in words which files are sent."""
    return ", ".join(_expected(source, inputs[source]) for source in sorted(inputs))


def pattern_of(spec: RasterSpec) -> str:
    """Return how the files of a source are called on the server, of each date or step where they have one."""
    word = _word(spec)
    return f"{{key}}_{{{word}}}.tif" if word else "{key}.tif"


def files_of(raster: Path) -> Iterable[Path]:
    """Return the files of a source: one, or those of its dates or steps."""
    return sorted(raster.iterdir()) if raster.is_dir() else [raster]


def _expected(source: str, spec: RasterSpec) -> str:
    word = _word(spec)
    name = f"{source}_{_EXAMPLES[word]}.tif for each {word}" if word and has_files(spec) else f"{source}.tif"
    return f"{name} (may be left out)" if spec.optional else name


def _word(spec: RasterSpec) -> str | None:
    if spec.step_numbers is not None:
        return "step"
    # The one date of a source may be said by a name too, for models that are told of it.
    return "date" if has_files(spec) or spec.layout is None else None
