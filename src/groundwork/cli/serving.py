"""``groundwork serve``: answer requests with the predictions of a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from pydantic import ValidationError

from groundwork.cli.predicting import open_bundle
from groundwork.cli.reading import read_mapping
from groundwork.config.serving import ServingConfig
from groundwork.errors import SpecError
from groundwork.strict import explain

_PACKAGES = ("fastapi", "uvicorn")


def serve_bundle(
    place: Path,
    report: Path | None,
    config_file: Path | None,
    where: tuple[str, int],
    allow_modules: Sequence[str] = (),
) -> None:
    """Serve until it is stopped.

    Args:
        place: A bundle's folder, or an exported file.
        report: Of the export of such a file.
        config_file: YAML of :class:`ServingConfig`. None: its defaults.
        where: Host and port that are listened at.
        allow_modules: Modules of the user's own whose components the bundle may name.

    Raises:
        SpecError: Where packages are missing, or the configuration is wrong.
        DataError: For a file of configuration that cannot be read.
        BundleError: As of :func:`groundwork.bundle.load_bundle`.
    """
    missing = [name for name in _PACKAGES if find_spec(name) is None]
    if missing:
        raise SpecError(
            f"Serving needs the package(s) {', '.join(missing)}: install the extra, by `uv pip install -e '.[serve]'` "
            "in the project."
        )
    import uvicorn  # noqa: PLC0415 - an extra

    from groundwork.serving.app import make_app  # noqa: PLC0415 - an extra

    config = read_serving(config_file)
    app = make_app(open_bundle(place, report, tuple(allow_modules)), config)
    uvicorn.run(app, host=where[0], port=where[1], timeout_keep_alive=5, log_level="info")


def read_serving(file: Path | None) -> ServingConfig:
    """Return what a server takes.

    Raises:
        DataError: For a file that cannot be read.
        SpecError: For one that says something else.
    """
    if file is None:
        return ServingConfig()
    try:
        return ServingConfig.model_validate(read_mapping(file))
    except ValidationError as error:
        raise SpecError(f"{file}:\n{explain('serving', error)}") from error
