"""Choose the steps that are read, where each has a number and a file, and no date."""

from __future__ import annotations

from dataclasses import replace

from groundwork.errors import PairingError
from groundwork.rasters.folder import RasterFolder, preview
from groundwork.specs import RasterSpec


def choose_numbers(folder: RasterFolder, spec: RasterSpec) -> RasterFolder:
    """Return the folder with those files of each raster that are read, in the order of ``spec.step_numbers``.

    A step that is filled has no name of a file. Its place is that of its number, so that a step means the same in all
    rasters.

    Raises:
        PairingError: Where only one of pattern and spec says that steps have numbers, or a raster lacks one of them.
    """
    numbers = spec.step_numbers
    if not folder.numbers:
        raise PairingError(
            f"{folder.root}: found files without numbers of steps, of which 'step_numbers: {list(numbers or ())}' "
            "cannot choose; it needs '{step}' in the pattern."
        )
    if numbers is None:
        found = sorted({number for of_key in folder.numbers.values() for number in of_key})
        raise PairingError(
            f"{folder.root}: found a file for each step, as the pattern has '{{step}}', with the numbers {found[:24]}; "
            "expected 'step_numbers' of the source, which names those that are read, in their order. State it, with as "
            "many 'steps' and 'layout: file_per_date'."
        )
    _require_numbers(folder, numbers, fills=spec.too_few_dates == "fill")
    files = {}
    for key, names in folder.files.items():
        there = folder.numbers[key]
        count = len(names) // len(there)
        by_number = {number: names[index * count : (index + 1) * count] for index, number in enumerate(there)}
        files[key] = tuple(name for number in numbers for name in by_number.get(number, ("",) * count))
    return replace(folder, files=files, numbers=dict.fromkeys(files, numbers))


def _require_numbers(folder: RasterFolder, numbers: tuple[int, ...], *, fills: bool) -> None:
    """Refuse rasters that lack a step; those that lack all of them in any case."""
    missing = {key: [number for number in numbers if number not in there] for key, there in folder.numbers.items()}
    wrong = {key: lacking for key, lacking in missing.items() if len(lacking) > (len(numbers) - 1 if fills else 0)}
    if not wrong:
        return
    shown = preview([f"{key} without {lacking}" for key, lacking in wrong.items()])
    remedy = "Correct 'step_numbers', or remove these rasters."
    if not fills:
        remedy += " 'too_few_dates: fill' lets steps that are missing hold data nowhere."
    raise PairingError(
        f"{folder.root}: found {len(wrong)} raster(s) that lack a file of 'step_numbers: {list(numbers)}': {shown}; "
        f"expected {'at least one' if fills else 'one for each'}. {remedy}"
    )
