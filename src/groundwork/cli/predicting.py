"""Bundles in folders, and exported files: open one, say what it is, and predict with it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from groundwork.bundle import Bundle, load_bundle
from groundwork.bundle_places import EXPORTED
from groundwork.cli.places import places_of
from groundwork.cli.reading import read_mapping
from groundwork.config import InferenceConfig
from groundwork.config.merging import merge
from groundwork.errors import BundleError, SpecError
from groundwork.prediction.files import predict_files
from groundwork.progress import speak_at_terminal
from groundwork.strict import explain

#: What parameters of prediction stand under, in files of a recipe too.
_KEY = "inference"


def open_bundle(place: Path, report: Path | None = None, allow_modules: Sequence[str] = ()) -> Bundle:
    """Read a bundle, or what was exported of one.

    Args:
        place: A bundle's folder, or an exported file.
        report: Of the export of such a file: it names the file that is meant.
        allow_modules: Modules of the user's own whose components the bundle may name.

    Raises:
        BundleError: Where there is neither, for an exported file without its report, and as of
            :func:`groundwork.bundle.load_bundle`.
    """
    if not place.is_file() or place.suffix not in EXPORTED:
        return load_bundle(place, tuple(allow_modules))
    if report is None:
        raise BundleError(
            f"{place}: an exported file can run code when it is read. Name the report of its export, which tells "
            f"whether it is that file: --report {place.with_suffix('.report.json')}, or export.json of a run."
        )
    from groundwork.export.loading import load_exported, trusted_in  # noqa: PLC0415 - it loads torch.export

    return load_exported(place, trusted_in(report))


def show_bundle(bundle: Bundle) -> str:
    """Return what a bundle reads, gives and comes from."""
    sizes = [tensor.numel() for tensor in bundle.weights.values()]
    weights = [f"{sum(sizes):,} values in {len(sizes)} tensors"] if sizes else ["An exported file: it has no weights"]
    published = [f"Started from {each.source}: {each.loaded} tensors" for each in bundle.config.pretrained]
    origin = [f"  {name.replace('_', ' ')}: {value}" for name, value in sorted(bundle.config.provenance.items())]
    return "\n".join([str(bundle), *weights, *published, "Made from", *origin, ""])


def predict_rasters(
    bundle: Bundle,
    scenes: Sequence[str],
    folder: Path,
    config: Path | None,
    changes: Sequence[str],
    variables: Sequence[str] = (),
) -> str:
    """Predict rasters, and return what was written as text.

    Args:
        bundle: A trained one.
        scenes: Files, a folder, or ``source=place`` for each source.
        folder: Where predictions will lie.
        config: YAML with ``inference``, as ``parameters_inference.yml``. None: its defaults.
        changes: ``key=value`` of such parameters, in YAML's notation.
        variables: See :func:`groundwork.cli.places.places_of`.

    Raises:
        DataError: For a file that cannot be read.
        SpecError: For parameters that are wrong.
        PairingError: Where there are no such rasters.
        BundleError, RasterError: As of :func:`groundwork.prediction.files.predict_files`.
    """
    speak_at_terminal()
    made = predict_files(bundle, places_of(scenes, "SCENE", variables), folder, _read(config, changes))
    return "".join(f"Written: {path}\n" for products in made.values() for path in products.values())


def _read(file: Path | None, changes: Sequence[str]) -> InferenceConfig:
    read: dict[str, Any] = {_KEY: {}} if file is None else read_mapping(file)
    if _KEY not in read:
        raise SpecError(f"{file}: found no key '{_KEY}' at the top; expected one, as parameters_{_KEY}.yml has.")
    stated = reduce(merge, [_as_mapping(change) for change in changes], read[_KEY] or {})
    try:
        return InferenceConfig.model_validate(stated)
    except ValidationError as error:
        raise SpecError(f"{file or '--set'}:\n{explain(_KEY, error)}") from error


def _as_mapping(change: str) -> dict[str, Any]:
    """Return ``a.b=1`` as ``{a: {b: 1}}``."""
    key, equals, text = change.partition("=")
    if not equals:
        raise SpecError(f"--set {change}: found no '='; expected a parameter and its value, such as tile_size=256.")
    try:
        value: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SpecError(f"--set {change}: the value is no valid YAML: {error}") from error
    *outer, last = key.split(".")
    return reduce(lambda inner, name: {name: inner}, reversed(outer), {last: value})
