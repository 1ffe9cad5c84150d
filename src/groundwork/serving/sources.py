"""What was sent, as the rasters of a model's sources."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from groundwork.rasters.folder import RasterFolder, find_rasters
from groundwork.serving.archives import is_archive, unpack
from groundwork.serving.names import SCENE, expected_names, files_of, has_files, pattern_of
from groundwork.serving.refusals import RefusedError
from groundwork.specs import RasterSpec

#: What options of prediction are called in a request.
_IN_REQUESTS = {"'inference.area.crs'": "'crs'", "'inference.area'": "'bounds'"}
#: The raster of the only source, an archive of all, or rasters by source: files, or folders of those of dates.
Sent: TypeAlias = Path | Mapping[str, Path]


def by_source(sent: Sent, inputs: Mapping[str, RasterSpec], most: int) -> dict[str, Path]:
    """Return the raster of each source; of those that scenes may lack, where there is one.

    Args:
        sent: What was sent.
        inputs: What the model reads.
        most: Bytes that are unpacked.

    Raises:
        RefusedError: Where a source is missing, or there is another.
    """
    if isinstance(sent, Mapping):
        found = dict(sent)
    elif is_archive(sent):
        found = unpack(sent, sent.parent, inputs, most)
    elif len(inputs) == 1 and not any(has_files(spec) for spec in inputs.values()):
        found = {next(iter(inputs)): sent}
    else:
        steps = ", ".join(f"{spec.steps} steps of '{name}'" for name, spec in sorted(inputs.items()) if has_files(spec))
        reads = f"the sources {sorted(inputs)}" + (f", {steps} from a file each" if steps else "")
        raise RefusedError(
            415,
            f"The model reads {reads}, and one raster was sent: send a ZIP archive of {expected_names(inputs)}, as "
            "application/zip.",
        )
    missing = sorted(source for source, spec in inputs.items() if source not in found and not spec.optional)
    if missing:
        raise RefusedError(422, f"Found the sources {sorted(found)}; {missing} are missing.")
    return found


def folders_of(rasters: Mapping[str, Path], inputs: Mapping[str, RasterSpec]) -> dict[str, RasterFolder]:
    """Return rasters as prediction reads them: a folder for each source, empty where it was not sent."""
    nothing = next(iter(rasters.values())).parent
    return {
        source: find_rasters(rasters[source], [pattern_of(spec)]) if source in rasters else RasterFolder(nothing, {})
        for source, spec in inputs.items()
    }


def without_places(text: str, rasters: Mapping[str, Path]) -> str:
    """Return a message in words of a request, without the places of files: these are nobody's matter."""
    for option, name in _IN_REQUESTS.items():
        text = text.replace(option, name)
    for source, path in rasters.items():
        for file in files_of(path) if path.is_dir() else ():
            text = text.replace(str(file), f"the raster of '{source}' of {file.stem.removeprefix(f'{SCENE}_')}")
        text = text.replace(str(path), "the raster" if len(rasters) == 1 else f"the raster of '{source}'")
    return text
