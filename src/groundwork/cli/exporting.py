"""Export a bundle that lies in a folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from groundwork.bundle import load_bundle
from groundwork.config import ExportConfig, InferenceConfig
from groundwork.errors import ExportError
from groundwork.export.exporting import export_bundle, write_files
from groundwork.rasters.folder import RasterFolder, find_rasters


def export_file(
    bundle: Path,
    scenes: Sequence[str],
    output: Path,
    config: ExportConfig,
    inference: InferenceConfig,
    allow_modules: Sequence[str] = (),
) -> str:
    """Export, and return what was found and written as text.

    Args:
        bundle: Its folder.
        scenes: A folder or file of rasters, or ``source=folder`` for each source.
        output: The file.
        config: How it is exported.
        inference: How large tiles are.
        allow_modules: Modules of the user's own whose components the bundle may name.

    Raises:
        ExportError: For an output of another suffix than the format, and as of
            :func:`groundwork.export.exporting.export_bundle`.
    """
    if output.suffix != f".{config.format}":
        raise ExportError(
            f"--output {output}: found the suffix '{output.suffix}'; expected '.{config.format}', as --format says"
        )
    made = export_bundle(load_bundle(bundle, tuple(allow_modules)), _rasters(scenes), config, inference)
    written = write_files(made, output)
    equal = made.report["equal_classes"]
    found = f"largest difference {made.report['largest_difference']:.3g}"
    lines = [f"Compared with the bundle: {found}" + ("" if equal is None else f", {equal:.4%} of classes the same")]
    return "\n".join([*lines, *(f"Written: {path}" for path in written), ""])


def _rasters(scenes: Sequence[str]) -> RasterFolder | Mapping[str, RasterFolder]:
    pairs = [text.partition("=") for text in scenes]
    if len(pairs) == 1 and not pairs[0][1]:
        return _found(scenes[0])
    nameless = [text for text, equals, _ in pairs if not equals]
    if nameless:
        raise ExportError(f"--scenes {nameless[0]}: of several sources name each, such as 'optical={nameless[0]}'")
    return {source: _found(place) for source, _, place in pairs}


def _found(place: str) -> RasterFolder:
    """Return the rasters of a folder; a last part with ``{key}`` is the pattern of their names."""
    path = Path(place)
    return find_rasters(path.parent, [path.name]) if "{key}" in path.name else find_rasters(path, ["{key}.tif"])
