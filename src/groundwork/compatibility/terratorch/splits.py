"""Which files belong to train, val and test: a folder for each, or a text file that names them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from groundwork.compatibility.terratorch.files import read_list
from groundwork.compatibility.terratorch.patterns import KEY, Place
from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.config.split import OF_ALL_SPLITS
from groundwork.errors import DataError

SPLITS = ("train", "val", "test")
#: Share of train that becomes val, where what was called val is what the model is judged on.
OF_TRAIN = 0.1


@dataclass(frozen=True, slots=True)
class Splits:
    """How samples are divided."""

    #: Under ``data.split``.
    config: Words
    #: The lists, or the folders, of each split.
    place: Words


def read_splits(stated: Stated, images: Mapping[str, str], pattern: str) -> Splits:
    """Return how samples are divided.

    Args:
        stated: The keys of the datamodule.
        images: Split -> folder of the images, of one source where there are several.
        pattern: Of their names.
    """
    files = {split: file for split in SPLITS if (file := stated.text(f"{split}_split"))}
    tables = {split: file for split, file in files.items() if _is_table(stated, file)}
    for split, file in tables.items():
        stated.refuse(f"{split}_split", f"'{file}' is a table: write its first column as text, a name on each line")
    if tables:
        return Splits({"method": "lists"}, {})
    asked = {split: (images.get(split), _list_of(split, files.get(split))) for split in SPLITS}
    config: Words = {"method": "lists"}
    used = [split for split in SPLITS if asked[split] != (None, None)]
    if "train" not in used or len(used) == 1:
        stated.refuse("train_data_root", "rasters to train on, and others to judge by, are needed: name both")
        return Splits(config, {})
    renamed = _divide(stated, asked, used, config)
    roots = {split: images.get(name) or images["train"] for split, name in renamed.items()}
    lists = {split: files[name] for split, name in renamed.items() if name in files}
    if lists and len(lists) < len(renamed):
        missing = sorted(set(renamed.values()) - set(files))
        stated.refuse(
            "train_split", f"a file that names the scenes is needed for each split, or for none; not for {missing}"
        )
    if lists:
        theirs = {name: (lists[split], roots[split]) for split, name in renamed.items() if split in lists}
        return Splits(config, {"files": lists, **_lines(stated, theirs, pattern)})
    if len(set(roots.values())) < len(roots):
        stated.refuse(
            "val_data_root",
            f"several splits have one folder and no list of files ({roots}): what is learnt would be what is judged. "
            "Name a folder for each, or files with 'train_split' and 'val_split'",
        )
    return Splits(config, {"folders": {split: Place(root, pattern).words() for split, root in roots.items()}})


def _list_of(split: str, file: str | None) -> str | None:
    """Return what tells the list of a split: its file, and the split where the file has the lists of all."""
    return f"{file}:{split}" if file and file.endswith(OF_ALL_SPLITS) else file


def _is_table(stated: Stated, file: str) -> bool:
    """Whether a list is no text; datamodules of several sources take CSV for a table."""
    return file.endswith(".parquet") or (file.endswith(".csv") and "modalities" in stated)


def _divide(
    stated: Stated, asked: Mapping[str, tuple[str | None, str | None]], used: list[str], config: Words
) -> dict[str, str]:
    """Return our split -> theirs. One set of files that is both val and test is test here."""
    if set(used) == set(SPLITS) and asked["val"] != asked["test"]:
        return {split: split for split in SPLITS}
    config["val_from_train"] = OF_TRAIN
    judged = "test" if "test" in used else "val"
    if "val" not in used:
        text = "there are no files to choose weights by: a tenth of train is val here"
    else:
        what = "test are the same files as val" if "test" in used else "there are no test files"
        text = (
            f"{what}, so that weights would be chosen by the score that is reported: they are test here, and a tenth "
            "of train is val"
        )
    stated.change(f"{judged}_data_root", text, "data.split.val_from_train")
    return {"train": "train", "test": judged}


def _lines(stated: Stated, lists: Mapping[str, tuple[str, str]], pattern: str) -> Words:
    """Return how a line names a scene, where it is not by its key, and refuse lists of which lines name several.

    Args:
        stated: For messages.
        lists: Split, as it is called there -> its file, and the folder of its images.
        pattern: Of their names.
    """
    try:
        lines = {split: read for split, (file, _) in lists.items() if (read := read_list(split, file)) is not None}
    except DataError as error:
        stated.refuse("train_split", str(error))
        return {}
    if len(lines) < len(lists):
        stated.change(
            "train_split",
            "lists name scenes by their key, the whole of it: a part of a name finds nothing here. The files were not "
            "there to compare",
            "",
        )
    _check_overlap(stated, lines)
    found = {split: Place(root, pattern).found() for split, (_, root) in lists.items()}
    named = [line for split in lines for line in lines[split]]
    keys = {key for keys in found.values() for key in keys or {}}
    name = pattern.rpartition("/")[2]
    if not named or not keys:
        return {"pattern": name} if named and all("." in line[-5:] for line in named) else {}
    for how in (KEY, name, name.rpartition(".")[0]):
        before, _, behind = how.partition(KEY)
        if all(
            line.startswith(before) and line.endswith(behind) and line[len(before) : len(line) - len(behind)] in keys
            for line in named
        ):
            return {} if how == KEY else {"pattern": how}
    _refuse_lines(stated, named, keys)
    return {}


def _check_overlap(stated: Stated, lines: Mapping[str, list[str]]) -> None:
    """Refuse lines of one split that are a part of those of another: a file would be in both."""
    if stated.flag("allow_substring_split_file") is False:
        return
    for first, second in combinations(sorted(lines), 2):
        for one, other in ((first, second), (second, first)):
            inside = [(line, longer) for line in lines[one] for longer in lines[other] if line in longer]
            if inside:
                line, longer = inside[0]
                stated.refuse(
                    f"{one}_split",
                    f"'{line}' is a part of '{longer}' in the list of {other}: TerraTorch, which looks for parts of "
                    f"names, would take {len(inside)} file(s) into both. Write whole keys, or set "
                    "'allow_substring_split_file: false'",
                )
                return


def _refuse_lines(stated: Stated, named: list[str], keys: set[str]) -> None:
    strange = [line for line in named if line not in keys]
    several = {line: [key for key in sorted(keys) if line in key] for line in strange}
    example = next(
        (f"'{line}' is a part of {found[:3]}" for line, found in several.items() if found), f"'{strange[0]}'"
    )
    stated.refuse(
        "train_split",
        f"{len(strange)} line(s) of the lists are no key of a file, such as {example}. Write keys, one per line, such "
        f"as {sorted(keys)[:2]}",
    )
