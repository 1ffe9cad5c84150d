"""Export a bundle, compare the file with it, and keep what holds."""

from __future__ import annotations

import json
import shutil
import tempfile
import weakref
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundwork import fingerprint
from groundwork.atomic import partial_folder, replace_folder, whole_file
from groundwork.bundle import Bundle
from groundwork.config.export import ExportConfig
from groundwork.config.inference import InferenceConfig
from groundwork.errors import ExportError
from groundwork.export.comparison import compare, kind_of_rasters
from groundwork.export.description import Description, describe
from groundwork.export.exported_model import ExportedModel
from groundwork.export.programs import open_program, require_format
from groundwork.export.stac import stac_item
from groundwork.export.tracing import trace
from groundwork.export.writing import as_text, write_program
from groundwork.rasters.folder import RasterFolder

#: What the file is called in a folder, without its suffix.
NAME = "model"


class HeldFolder:
    """A folder of this run, removed with the object, or before."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="export-"))
        self._end = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)

    def remove(self) -> None:
        """Remove it with all that it holds."""
        self._end()


@dataclass(frozen=True, slots=True)
class Export:
    """A file that was compared with its bundle, not yet where it shall lie."""

    #: Holds the file until it has its place.
    folder: HeldFolder
    description: Description
    #: Of the comparison, with the file's SHA-256.
    report: dict[str, Any]
    #: How many numbers the model has learnt.
    parameters: int

    @property
    def suffix(self) -> str:
        """Of the file."""
        return f".{self.description.format}"

    @property
    def file(self) -> Path:
        """Where the file lies."""
        return self.folder.path / f"{NAME}{self.suffix}"

    def texts(self, file_name: str) -> dict[str, str]:
        """Return what stands beside the file: suffix of the name -> JSON."""
        item = stac_item(self.description, file_name, self.report["sha256"], self.file.stat().st_size, self.parameters)
        return {".json": as_text(self.description), ".stac.json": _as_json(item)}


def export_bundle(
    bundle: Bundle,
    scenes: RasterFolder | Mapping[str, RasterFolder],
    config: ExportConfig,
    inference: InferenceConfig,
) -> Export:
    """Export a bundle, and compare the file that was written with the bundle on tiles of real scenes.

    Args:
        bundle: A trained one.
        scenes: Rasters of the only source, or of each by name, on which both are compared.
        config: How it is exported.
        inference: How large tiles are, and what the scenes hold where that is not what the model was trained on.

    Raises:
        BundleError: Where the bundle was never trained.
        ExportError: Where the model cannot be exported, or the file does not give what the bundle gives.
    """
    bundle.require_trained()
    require_format(config.format)
    kind_of_rasters(bundle)
    if bundle.exported is not None:
        raise ExportError("What was read is an exported file already: name the bundle that it was made of.")
    _require_values(bundle, config)
    merged = bundle.merged()
    model = merged.build_model()
    traced = trace(merged, model, config, inference)
    description = describe(bundle, model, traced.sizes, config, inference)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    export = Export(HeldFolder(), description, {}, parameters)
    try:
        write_program(traced, description, export.file)
        theirs = ExportedModel(open_program(export.file), description)
        comparison = compare(bundle, (model, theirs), scenes, traced.sizes, inference)
        comparison.require_equal()
        export.report.update(comparison.report(), **_facts(export))
    except BaseException:
        export.folder.remove()
        raise
    return export


def _facts(export: Export) -> dict[str, Any]:
    """Return what a report says beside the comparison."""
    description = export.description
    return {
        "format": description.format,
        "sha256": fingerprint.of_file(export.file),
        "sizes": description.sizes.model_dump(mode="json"),
        "weights": description.weights,
    }


def _require_values(bundle: Bundle, config: ExportConfig) -> None:
    """Refuse to leave it to values to say where there is data, where quality bands say it."""
    ruled = [source for source, spec in bundle.config.inputs.items() if spec.valid]
    if config.validity == "nodata" and ruled:
        raise ExportError(
            f"'export.validity: nodata' leaves it to values to say where there is data, and quality bands say it of "
            f"{ruled}: set 'validity: masks'"
        )


def write_folder(export: Export, folder: Path) -> None:
    """Write ``model.pt2`` or ``model.onnx`` with what describes it, whole or not at all."""
    with partial_folder(folder.parent, folder.name) as partial:
        made = partial / "made"
        made.mkdir()
        name = f"{NAME}{export.suffix}"
        shutil.copyfile(export.file, made / name)
        for suffix, text in export.texts(name).items():
            (made / f"{NAME}{suffix}").write_text(text, encoding="utf-8")
        replace_folder(made, folder)


def write_files(export: Export, path: Path) -> list[Path]:
    """Write the file, and beside it what describes it and the report, all or none; return all of them."""
    texts = {**export.texts(path.name), ".report.json": _as_json(export.report)}
    beside = {path.with_name(f"{path.stem}{suffix}"): text for suffix, text in texts.items()}
    with ExitStack() as whole:
        for place, text in beside.items():
            whole.enter_context(whole_file(place)).write_text(text, encoding="utf-8")
        shutil.copyfile(export.file, whole.enter_context(whole_file(path)))
    return [path, *beside]


def _as_json(values: Mapping[str, Any]) -> str:
    return json.dumps(values, indent=2, sort_keys=True) + "\n"
