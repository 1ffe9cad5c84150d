"""Which scenes have the rasters of all sources that they need."""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.config.data import reference_of
from groundwork.errors import PairingError
from groundwork.rasters.folder import RasterFolder, preview
from groundwork.specs import RasterSpec

#: What whoever trains a model can change where a scene lacks a source.
FOR_TRAINING = "Add or remove files, correct the patterns, or set 'optional: true' for a source that scenes may lack."
#: What whoever has a trained one can.
FOR_PREDICTING = (
    "Add or remove files, or correct the patterns. Which sources scenes may lack was settled when the model was "
    "trained, by 'optional: true' in its 'data.sources'."
)


def require_sources(
    scenes: Mapping[str, RasterFolder], inputs: Mapping[str, RasterSpec], remedy: str = FOR_TRAINING
) -> list[str]:
    """Return the keys of the scenes: those of the reference.

    Args:
        scenes: The rasters of each source.
        inputs: What they hold.
        remedy: What whoever reads the message can change.

    Raises:
        PairingError: Where a source that is not optional lacks a scene, or one has scenes that the reference lacks.
    """
    reference = reference_of(inputs)
    keys = set(scenes[reference].files)
    problems = []
    for source, folder in scenes.items():
        lacking, beyond = sorted(keys - set(folder.files)), sorted(set(folder.files) - keys)
        if lacking and not inputs[source].optional:
            problems.append(f"source '{source}' ({folder.root}) has no raster for {preview(lacking)}")
        if beyond:
            problems.append(f"source '{source}' ({folder.root}) has {preview(beyond)}, which '{reference}' lacks")
    if problems:
        raise PairingError(f"{'; '.join(problems)}. Rasters of one scene have the same key in each source. {remedy}")
    return sorted(keys)
