"""Export a bundle that lies in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from groundwork.bundle import load_bundle
from groundwork.cli.places import places_of
from groundwork.config import ExportConfig, InferenceConfig
from groundwork.errors import ExportError
from groundwork.export.exporting import export_bundle, write_files
from groundwork.prediction.files import rasters_by_source
from groundwork.prediction.names import require_writable


def export_file(
    bundle: Path,
    scenes: Sequence[str],
    output: Path,
    config: ExportConfig,
    inference: InferenceConfig,
    allow_modules: Sequence[str] = (),
    variables: Sequence[str] = (),
) -> str:
    """Export, and return what was found and written as text.

    Args:
        bundle: Its folder.
        scenes: Files or a folder of rasters, or ``source=place`` for each source.
        output: The file.
        config: How it is exported.
        inference: How large tiles are.
        allow_modules: Modules of the user's own whose components the bundle may name.
        variables: See :func:`groundwork.cli.places.places_of`.

    Raises:
        PairingError: Where there are no such rasters.
        RasterError: For an output where nothing can be written.
        ExportError: For an output of another suffix than the format, or that cannot be written, and as of
            :func:`groundwork.export.exporting.export_bundle`.
    """
    if output.suffix != f".{config.format}":
        raise ExportError(
            f"--output {output}: found the suffix '{output.suffix}'; expected '.{config.format}', as --format says"
        )
    if output.is_dir():
        raise ExportError(f"--output {output}: found a folder; expected the name of a file. Name one in it.")
    require_writable(output.parent, "a folder for the file")
    loaded = load_bundle(bundle, tuple(allow_modules))
    rasters = rasters_by_source(places_of(scenes, "--scenes", variables), loaded.reference)
    made = export_bundle(loaded, rasters, config, inference)
    try:
        written = write_files(made, output)
    except OSError as error:
        raise ExportError(
            f"--output {output}: it cannot be written ({error}). Make room, or name another place."
        ) from error
    equal = made.report["equal_classes"]
    found = f"largest difference {made.report['largest_difference']:.3g}"
    lines = [f"Compared with the bundle: {found}" + ("" if equal is None else f", {equal:.4%} of classes the same")]
    return "\n".join([*lines, *(f"Written: {path}" for path in written), ""])
