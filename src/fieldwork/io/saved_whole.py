"""What makes of Kedro's entries for a file such that save it whole or not at all."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from groundwork.atomic import PARTIAL


class KnownByName:
    """Goes before an entry of Kedro's in the list of bases, where a class has no constructor of its own."""

    def _init_config(self) -> dict[str, Any]:
        # Kedro records the arguments of a class without a constructor of its own as ``args`` and ``kwargs``.
        config: dict[str, Any] = super()._init_config()  # type: ignore[misc]
        named: dict[str, Any] = config.pop("kwargs", {})
        config.pop("args", None)
        return {**config, **named}


class SavedWhole(KnownByName):
    """Goes before a file entry of Kedro's in the list of bases."""

    _filepath: PurePosixPath
    _fs: Any

    def save(self, data: Any) -> None:  # noqa: ANN401 - whatever the entry behind this one takes
        """Save beside the final name, then rename."""
        final = self._filepath
        self._filepath = final.with_name(f"{PARTIAL}{final.name}")
        try:
            super().save(data)  # type: ignore[misc]
            self._fs.mv(str(self._filepath), str(final))
        finally:
            if self._fs.exists(str(self._filepath)):
                self._fs.rm(str(self._filepath))
            self._filepath = final
