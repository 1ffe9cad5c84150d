"""What the files of predictions are called, so that each scene and product has a file of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

from groundwork.errors import PairingError, RasterError, SpecError
from groundwork.prediction.products import BAD_BLOCK_TABLE, CHIP_TABLE, COLLECTION, ITEM, ITEM_SUFFIX, MOSAIC, PRODUCTS
from groundwork.rasters.folder import preview
from groundwork.strict import did_you_mean

#: Words that stand in braces.
WORDS = ("key", "product", "date")
PATTERN = "{key}_{product}"
#: Bytes of a name: of 255, some are needed for what is not finished and for what lies beside.
LONGEST = 230
_WORD = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Names:
    """Names of files in a folder. Raises :class:`SpecError` for a pattern that cannot tell files apart."""

    folder: Path
    #: Without an ending, which the product has; with ``{key}`` of the scene, ``{product}`` and perhaps ``{date}``.
    pattern: str = PATTERN

    def __post_init__(self) -> None:
        words = _WORD.findall(self.pattern)
        for word in words:
            if word not in WORDS:
                hint = did_you_mean(word, WORDS)
                raise SpecError(f"Pattern '{self.pattern}' has '{{{word}}}'; known are {list(WORDS)}.{hint}")
        missing = [word for word in ("key", "product") if word not in words]
        if missing:
            raise SpecError(
                f"Pattern '{self.pattern}' lacks {' and '.join(f'{{{word}}}' for word in missing)}: each scene and "
                f"product has a file of its own. Write one such as '{PATTERN}'."
            )
        parts = PurePosixPath(self.pattern).parts
        rest = _WORD.sub("", self.pattern)
        if set(rest) & set('{}*?\\:|"<>') or ".." in parts or parts[0] == "/" or any(p[0] == "." for p in parts):
            raise SpecError(
                f"Pattern '{self.pattern}' is no name below a folder: write letters, digits and '/', such as "
                f"'{PATTERN}'."
            )

    @property
    def needs_date(self) -> bool:
        """Whether each scene must have a date."""
        return "{date}" in self.pattern

    def path(self, key: str, day: date | None, product: str) -> Path:
        """Return the file of a product of a scene.

        Args:
            key: Of the scene.
            day: Its date, which only names with ``{date}`` have.
            product: One of :data:`PRODUCTS`, or :data:`ITEM`.
        """
        words = {"key": key, "product": product, "date": f"{day:%Y%m%d}" if day else "none"}
        name = _WORD.sub(lambda found: words[found[1]], self.pattern)
        return self.folder / f"{name}{PRODUCTS.get(product, ITEM_SUFFIX)}"

    def of_product(self, product: str) -> str:
        """Return the pattern of all files of a product, with ``{key}`` and perhaps ``{date}``."""
        return self.pattern.replace("{product}", product) + PRODUCTS.get(product, ITEM_SUFFIX)

    def made_of(self, products: Iterable[str]) -> list[str]:
        """Return those of some products of which there is a file of any scene."""
        patterns = {name: re.sub(r"{\w+}", "*", self.of_product(name)) for name in products}
        return [name for name, pattern in patterns.items() if any(self.folder.glob(pattern))]

    def require_folder(self) -> None:
        """Refuse a folder in which nothing can be written, before anything is predicted.

        Raises:
            RasterError: Where it, or what is above it, is a file or belongs to somebody else.
        """
        require_writable(self.folder, "a folder for predictions")

    def require_apart(self, scenes: Mapping[str, date | None]) -> None:
        """Refuse scenes of which two would have a file of the same name, also where capitals are small letters.

        Args:
            scenes: Key -> date.

        Raises:
            PairingError: With the two scenes, or one that has no date.
        """
        without = sorted(key for key, day in scenes.items() if day is None)
        if self.needs_date and without:
            raise PairingError(
                f"Names are '{self.pattern}', and {len(without)} scene(s) have no date: {preview(without)}. Leave "
                "'{date}' out, or say where dates stand ('date_tag', 'date_axis', or '{date}' in the pattern of the "
                "scenes)."
            )
        together = (CHIP_TABLE, BAD_BLOCK_TABLE, COLLECTION)
        taken = {str(self.folder / name).casefold(): "what all scenes make together" for name in together}
        for key, product, path in self._all(scenes.items()):
            if path.relative_to(self.folder).parts[0].casefold() == MOSAIC:
                raise PairingError(
                    f"Names are '{self.pattern}', by which the {product} of scene '{key}' would lie in the folder "
                    f"'{MOSAIC}', which holds what all scenes make together. Write a pattern with another folder."
                )
            self._require_short(key, product, path)
            name = str(path).casefold()
            if name in taken:
                raise PairingError(
                    f"Names are '{self.pattern}', by which {path.name} would be the {product} of scene '{key}' and of "
                    f"{taken[name]}. Write a pattern that tells them apart, or rename one of them."
                )
            taken[name] = f"scene '{key}' ({product})"

    def _require_short(self, key: str, product: str, path: Path) -> None:
        longest = max(len(os.fsencode(part)) for part in path.relative_to(self.folder).parts)
        if longest > LONGEST:
            raise PairingError(
                f"Names are '{self.pattern}', by which the {product} of scene '{key}' would have a name of {longest} "
                f"bytes. With what a file is called while it is written, file systems take {LONGEST}. Shorten the name "
                "of the scene's file."
            )

    def _all(self, scenes: Iterable[tuple[str, date | None]]) -> Iterator[tuple[str, str, Path]]:
        for key, day in scenes:
            for product in (*PRODUCTS, ITEM):
                yield key, product, self.path(key, day, product)


def require_writable(folder: Path, expected: str) -> None:
    """Refuse a folder in which nothing can be written.

    Args:
        folder: It need not be there yet.
        expected: What it is, for messages.

    Raises:
        RasterError: Where it, or what is above it, is a file or belongs to somebody else.
    """
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not there.is_dir():
        raise RasterError(there, "a file", expected, "Name another place.")
    if not os.access(there, os.W_OK | os.X_OK):
        raise RasterError(there, "a folder that may not be written to", "one that may", "Name another place.")
