"""A translated file as the one file that ``groundwork fit`` reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from groundwork.compatibility.terratorch.stated import as_words
from groundwork.compatibility.terratorch.translate import Translation
from groundwork.config.split_lists import by_split

DATA_CLASS, TASK_CLASS = "groundwork.RasterDataModule", "groundwork.RasterTask"


def as_file(translation: Translation, name: str) -> dict[str, Any]:
    """Return what runs in its place.

    Args:
        translation: Of the file.
        name: What the folder of the results is called where nobody names one.
    """
    parameters = dict(translation.parameters)
    places = dict(translation.places)
    lists = places.get("split_lists")
    if isinstance(lists, Mapping):
        places["split_lists"] = by_split(lists)
    model = {key: value for key, value in as_words(parameters["model"]).items() if value is not None}
    return {
        "seed_everything": parameters["seed"],
        "output": f"runs/{name}",
        "data": {"class_path": DATA_CLASS, "init_args": {"places": places, "data": parameters["data"]}},
        "model": {"class_path": TASK_CLASS, "init_args": {"model": model, "training": parameters["training"]}},
        "inference": parameters["inference"],
    }
