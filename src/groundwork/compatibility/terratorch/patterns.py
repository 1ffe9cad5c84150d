"""From globs, whose files are paired by their position, to patterns with the key that files are joined by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path, PurePosixPath

from groundwork.compatibility.terratorch.files import keys_of, names_below, rasters_in
from groundwork.compatibility.terratorch.stated import Stated, Words

KEY = "{key}"
#: What words in names are joined by.
JOINING = "_-. "


@dataclass(frozen=True, slots=True)
class Place:
    """Where the files of one source lie."""

    path: str
    pattern: str
    #: Name of the array that is read of each file, or of one per band. Empty: they are rasters themselves.
    variable: str | tuple[str, ...] = ""

    def words(self) -> Words:
        """Return it as it is written."""
        words: Words = {"path": self.path, "pattern": self.pattern}
        named = self.variable if isinstance(self.variable, str) else list(self.variable)
        return words | {"variable": named} if named else words

    def repeats(self) -> bool:
        """Whether files that are there have the same names in several folders."""
        names = names_below(self.path) if self.path else None
        below = [
            PurePosixPath(name).name
            for name in names or ()
            if PurePosixPath(name).match(self.pattern.replace(KEY, "*"))
        ]
        return "*" in self.pattern and len(set(below)) < len(below)

    def found(self) -> dict[str, str] | None:
        """Return key -> file of what is there already. None: nothing, or what is there is no place of the kind."""
        names = names_below(self.path)
        found = keys_of(names, self.pattern, self.path) if names else None
        return found if isinstance(found, dict) and found else None


def pattern_of(stated: Stated, key: str, grep: str | None, roots: Sequence[str]) -> str:
    """Return the pattern that a glob stands for: what its star matches is the key.

    Args:
        stated: For messages.
        key: The glob's.
        grep: The glob, or a pattern already, of a public set. None: every file.
        roots: Folders that it is used in, to see which ending the files there have.
    """
    if grep in (None, "*", "*.*", "**/*"):
        return KEY + _usual_ending(roots)
    if KEY in str(grep):
        return str(grep)
    folder, _, name = str(grep).rpartition("/")
    if any(sign in str(grep) for sign in "?[") or "**" in str(grep) or "*" not in name:
        stated.refuse(
            key,
            f"'{grep}' does not say which part of a name is common to image and label: write one '*' for it, such as "
            "'*_image.tif'",
        )
        return KEY + ".tif"
    if name.count("*") > 1:
        stated.change(key, f"of '{grep}' the first '*' is what image and label are joined by", "")
    pattern = name.replace("*", KEY, 1)
    # A bare ending is left open by many: "*_merged*" finds "a_merged.tif".
    return f"{folder}/{pattern}" if folder else pattern


def _usual_ending(roots: Sequence[str]) -> str:
    for root in roots:
        endings = [PurePosixPath(name).suffix for name in rasters_in(names_below(root) or [])]
        if endings:
            return max(sorted(set(endings)), key=endings.count)
    return ".tif"


def join_roots(roots: Sequence[str], pattern: str) -> Place | None:
    """Return the one place that several folders of the same files are; ``*`` stands where they differ.

    None: they lie at different depths.
    """
    parts = [PurePosixPath(root).parts for root in dict.fromkeys(roots)]
    if len({len(part) for part in parts}) > 1:
        return None
    columns = list(zip(*parts, strict=True))
    same = next((index for index, column in enumerate(columns) if len(set(column)) > 1), len(columns))
    path = PurePosixPath(*(column[0] for column in columns[:same]))
    below = [column[0] if len(set(column)) == 1 else _starred(column) for column in columns[same:]]
    return Place(str(path), "/".join([*below, pattern]))


def _starred(names: Sequence[str]) -> str:
    """Return ``*`` for several folders, with the words that all of them begin or end with: ``*_images``."""
    before, behind = _common(names), _common([name[::-1] for name in names])[::-1]
    before = before[: max(before.rfind(sign) for sign in JOINING) + 1]
    ends = [behind.find(sign) for sign in JOINING if sign in behind]
    return f"{before}*{behind[min(ends) :] if ends else ''}"


def _common(names: Sequence[str]) -> str:
    """Return what all names begin with."""
    return commonprefix(list(names))  # noqa: RUF071 - characters are meant, not folders


def same_keys(images: Sequence[str], labels: Sequence[str]) -> tuple[str, str] | None:
    """Return patterns by which files with names of two kinds have the same keys. None: there are none.

    What all names of a kind begin and end with is no part of the key.

    Args:
        images: Names of images.
        labels: Names of labels, as many.
    """
    found = []
    for names in (images, labels):
        stems = [PurePosixPath(name).name for name in names]
        before = _common(stems)
        behind = _common([stem[len(before) :][::-1] for stem in stems])[::-1]
        found.append((before, behind, {stem[len(before) : len(stem) - len(behind)] for stem in stems}))
    (before, behind, keys), (other_before, other_behind, others) = found
    if keys != others or "" in keys or len(keys) < len(images):
        return None
    # What both begin, or end, with may as well be a part of the key; what joins words is none.
    shared = _common([before[::-1], other_before[::-1]])[::-1].lstrip(JOINING)
    front = len(before) - len(shared), len(other_before) - len(shared)
    return (f"{before[: front[0]]}{KEY}{behind}", f"{other_before[: front[1]]}{KEY}{other_behind}")


def check_pairs(
    stated: Stated, key: str, roots: Mapping[str, tuple[str, str]], patterns: tuple[str, str]
) -> tuple[str, str]:
    """Hold the files of images against those of labels, where they are there, and return the patterns that join them.

    Args:
        stated: For messages.
        key: Of the labels' glob.
        roots: Split -> folder of its images, folder of its labels.
        patterns: Of images and of labels.
    """
    apart = _unpaired(stated, key, roots, patterns)
    if not apart:
        return patterns
    split, images, labels = apart[0]
    other = same_keys(list(images.values()), list(labels.values())) if len(images) == len(labels) else None
    if other is None or "/" in "".join(patterns) or _unpaired(stated, key, roots, other):
        _refuse_pairs(stated, key, split, images, labels)
        return patterns
    stated.change(
        key, f"images are called '{other[0]}' and labels '{other[1]}', as names of the files that are there say"
    )
    return other


def _unpaired(
    stated: Stated, key: str, roots: Mapping[str, tuple[str, str]], patterns: tuple[str, str]
) -> list[tuple[str, dict[str, str], dict[str, str]]]:
    """Return the splits whose images and labels have other keys: their names by key."""
    pairs = keyed_pairs(stated, key, roots, patterns)
    return [(split, images, labels) for split, images, labels in pairs if images.keys() != labels.keys()]


def keyed_pairs(
    stated: Stated, key: str, roots: Mapping[str, tuple[str, str]], patterns: tuple[str, str]
) -> Iterator[tuple[str, dict[str, str], dict[str, str]]]:
    """Yield each split whose two folders are there, and the names of its images and of its labels by their keys.

    Args:
        stated: For messages.
        key: Is refused where names cannot be told apart.
        roots: Split -> folder of its images, folder of its labels.
        patterns: Of images and of labels.
    """
    for split, pair in roots.items():
        names = [names_below(root) for root in pair]
        if names[0] is None or names[1] is None:
            continue
        images, labels = (
            keys_of(found or [], how, root) for found, how, root in zip(names, patterns, pair, strict=True)
        )
        if isinstance(images, str) or isinstance(labels, str):
            stated.refuse(key, images if isinstance(images, str) else str(labels))
        else:
            yield split, images, labels


def _refuse_pairs(stated: Stated, key: str, split: str, images: Mapping[str, str], labels: Mapping[str, str]) -> None:
    alone = sorted(images.keys() ^ labels.keys())[:4]
    files = [Path(images.get(name) or labels[name]).name for name in alone]
    what = "would be paired by their position, whatever they are" if len(images) == len(labels) else "do not pair up"
    stated.refuse(
        key,
        f"{len(images)} image(s) and {len(labels)} label(s) of {split} {what}: {files} have no partner of the same "
        "key. Correct 'img_grep' and 'label_grep', so that what '*' stands for is the same for both, or the files",
    )
