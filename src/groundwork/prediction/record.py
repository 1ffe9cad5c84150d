"""What a prediction came from, by hash: so that others can tell, and a run that goes on knows what is finished."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import shapely

from groundwork import fingerprint
from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.prediction.inputs import SceneInputs
from groundwork.rasters.addresses import Address, holder_of, name_below, place_below
from groundwork.rasters.area import Area
from groundwork.rasters.beside import files_of
from groundwork.rasters.grid import describe_crs

#: What STAC calls the SHA-256 of a file: a multihash, 12 for the kind of hash, 20 for its length in hexadecimal digits.
_MULTIHASH = "1220"
#: Options that say what is done with predictions, and not what they are.
_NOT_DECIDING = {"overwrite", "items", "mosaic", "workers", "block_rows", "engine", "scheduler", "shard", "quicklooks"}


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file of a scene."""

    source: str
    #: Relative to the folder of its source, or an address; the bare name of a file that lies elsewhere.
    name: str
    #: In bytes. None: it lies at an address, and was not read as a whole.
    size: int | None
    #: Its SHA-256. None: as of ``size``.
    sha256: str | None

    def as_json(self) -> dict[str, object]:
        """Return what STAC says of it."""
        known = {"file:size": self.size, "file:checksum": self.sha256 and multihash(self.sha256)}
        said = {"source": self.source, "name": self.name}
        return said | {key: value for key, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Run:
    """What all predictions of a run have in common."""

    bundle: Bundle
    config: InferenceConfig
    area: Area | None
    #: Fingerprints of bundle and settings.
    bundle_hash: str
    settings_hash: str
    #: Name of each package on which numbers depend -> its version.
    software: Mapping[str, str]

    @property
    def settings(self) -> dict[str, Any]:
        """How scenes are predicted, as plain values."""
        return settings_of(self.config, self.area)


@dataclass(frozen=True, slots=True)
class Origin:
    """What one scene is predicted from."""

    key: str
    inputs: SceneInputs
    run: Run

    @property
    def dates(self) -> Sequence[date]:
        """The dates of the reference, where they are known."""
        return self.inputs.dates[self.key].get(self.inputs.reference, ())

    @property
    def path(self) -> Path:
        """The first file of the reference, which stands for the scene in messages."""
        return self.inputs.folders[self.inputs.reference].paths(self.key)[0]

    @property
    def day(self) -> date | None:
        """The last of them."""
        return self.inputs.day(self.key)

    def files(self) -> list[InputFile]:
        """Return the files of the scene with their checksums: each is read once."""
        found = []
        for source, folder in self.inputs.folders.items():
            # A date that has no file has no name; several rasters may lie in one file.
            for name in sorted({holder_of(name) for name in folder.files.get(self.key, ()) if name}):
                place = place_below(folder.root, name)
                found += [_described(source, _name(folder.root, file), file) for file in files_of(place)]
        return found

    def hash_of(self, files: Sequence[InputFile]) -> str:
        """Return the fingerprint of all that the prediction depends on."""
        said = {
            "files": [file.as_json() for file in files],
            "dates": {
                source: [day.isoformat() for day in days] for source, days in self.inputs.dates[self.key].items()
            },
            "software": dict(self.run.software),
        }
        return fingerprint.fingerprint(self.run.bundle_hash, self.run.settings_hash, _text(said))


def run_of(bundle: Bundle, config: InferenceConfig, area: Area | None) -> Run:
    """Return what all predictions of a run have in common."""
    # A bundle that was read has its options in another order than one that was just made.
    described = _text(bundle.config.model_dump(mode="json"))
    bundle_hash = fingerprint.fingerprint(described, fingerprint.of_weights(bundle.weights))
    versions = {name.removeprefix("version_"): text for name, text in fingerprint.library_versions().items()}
    settings_hash = fingerprint.fingerprint(_text(settings_of(config, area)))
    return Run(bundle, config, area, bundle_hash, settings_hash, versions)


def settings_of(config: InferenceConfig, area: Area | None) -> dict[str, Any]:
    """Return how scenes are predicted, as plain values; polygons by their fingerprint."""
    settings: dict[str, Any] = json.loads(config.model_dump_json(exclude=_NOT_DECIDING))
    if area is not None:
        shape = fingerprint.fingerprint(shapely.to_wkb(area.shape), describe_crs(area.crs))
        settings["area"] = {"fingerprint": shape, "bounds": list(area.shape.bounds), "crs": describe_crs(area.crs)}
    return settings


def multihash(sha256: str) -> str:
    """Return a SHA-256 as STAC's ``file:checksum``."""
    return _MULTIHASH + sha256


def checksum(path: Path) -> str:
    """Return ``file:checksum`` of a file."""
    return multihash(fingerprint.of_file(path))


def _name(root: Path, path: Path) -> str:
    """Return what a file is called on whatever machine: one that lies elsewhere than in the folder by its bare name."""
    is_elsewhere = not isinstance(path, Address) and not path.is_relative_to(root)
    return path.name if is_elsewhere else name_below(root, path)


def _described(source: str, name: str, path: Path) -> InputFile:
    if isinstance(path, Address):
        return InputFile(source, name, None, None)
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        parts = (f"{file.relative_to(path).as_posix()} {fingerprint.of_file(file)}" for file in files)
        size = sum(file.stat().st_size for file in files)
        return InputFile(source, name, size, fingerprint.of_text("\n".join(parts)))
    return InputFile(source, name, path.stat().st_size, fingerprint.of_file(path))


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True)
