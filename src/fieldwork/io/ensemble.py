"""A catalog entry for several bundles that answer as one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

from kedro.io import AbstractDataset, DatasetError

from fieldwork.io.previews import JSONPreview, of_json
from groundwork.rasters.addresses import local_path

if TYPE_CHECKING:
    from groundwork.bundle import Bundle


class EnsembleDataset(AbstractDataset["Bundle", "Bundle"]):
    """Trained bundles of other recipes or seeds, read as one bundle whose answer is made of all of theirs."""

    def __init__(
        self, *, members: list[str], allow_modules: list[str] | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        """Take the folders.

        Args:
            members: Folders of the bundles.
            allow_modules: Modules of your own whose components the bundles may name: their code is run.
            metadata: For Kedro-Viz and DVC.
        """
        self._members = tuple(local_path(member) for member in members)
        self._allow_modules = tuple(allow_modules or ())
        self.metadata = metadata

    def load(self) -> Bundle:
        """Read the bundles, and make one of them."""
        from groundwork.bundle import load_bundle
        from groundwork.ensembles import ensemble_of

        return ensemble_of({str(member): load_bundle(member, self._allow_modules) for member in self._members})

    def save(self, data: Bundle) -> NoReturn:  # noqa: ARG002
        """Refuse: its members are trained, each by itself."""
        raise DatasetError("An ensemble is not trained: train each member under a recipe of its own, then name them.")

    def preview(self) -> JSONPreview:
        """Show its members, and where each comes from."""
        read = {
            member.as_posix(): json.loads(of_json(member / "bundle.json", ("provenance",))) for member in self._members
        }
        return JSONPreview(json.dumps(read))

    def _exists(self) -> bool:
        return all((member / "bundle.json").is_file() for member in self._members)

    def _describe(self) -> dict[str, Any]:
        return {"members": [member.as_posix() for member in self._members]}
