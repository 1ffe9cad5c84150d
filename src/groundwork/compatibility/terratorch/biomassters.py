"""BioMassters, as the generic description of how it lies: a file for each month and sensor, numbered from September on.

The set: Nascetti et al. 2023, https://nascetti-a.github.io/BioMasster.
"""

from __future__ import annotations

from collections.abc import Mapping

from groundwork.compatibility.terratorch.sources import Lying
from groundwork.compatibility.terratorch.stated import Stated, Words

NAME = "BioMasstersNonGeoDataModule"
MONTHS = list(range(12))
#: Images of a batch where nobody says it.
USUAL_BATCH = 4
#: Sensor -> the bands of its files.
BANDS = {
    "S1": ("VV_Asc", "VH_Asc", "VV_Desc", "VH_Desc"),
    "S2": (
        *("BLUE", "GREEN", "RED", "RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3", "NIR_BROAD", "NIR_NARROW", "SWIR_1"),
        *("SWIR_2", "CLOUD_PROBABILITY"),
    ),
}
#: What TerraTorch computes of the bands of S1.
COMPUTED = ("RVI_Asc", "RVI_Desc")
#: Band of S2 -> mean and deviation that TerraTorch standardises it by.
STATISTICS = {
    "BLUE": (1633.0802, 2499.7146),
    "GREEN": (1610.0035, 2308.5298),
    "RED": (1599.557, 2388.2268),
    "RED_EDGE_1": (1916.7083, 2389.6375),
    "RED_EDGE_2": (2478.8325, 2209.6467),
    "RED_EDGE_3": (2591.326, 2104.572),
    "NIR_BROAD": (2738.5837, 2194.209),
    "NIR_NARROW": (2685.8281, 2031.7762),
    "SWIR_1": (1023.90204, 934.0556),
    "SWIR_2": (696.48755, 759.8444),
    "CLOUD_PROBABILITY": (21.177078, 49.352486),
}
LYING = Lying({"layout": "file_per_date", "step_numbers": MONTHS, "too_few_dates": "fill"})
_MONTHS_OF_A_CHIP = (
    "it takes other months of each chip, by a table; here a step is the same month of all chips: leave it out, and "
    "name the months in the recipe ('steps', 'step_numbers')"
)
#: Key -> the value that asks for nothing, and what to do at others.
ASKING_NOTHING: Mapping[str, tuple[object, str]] = {
    "use_four_frames": (False, _MONTHS_OF_A_CHIP),
    "max_cloud_percentage": (None, _MONTHS_OF_A_CHIP),
    "max_red_mean": (None, _MONTHS_OF_A_CHIP),
    "include_corrupt": (
        True,
        "it fails in TerraTorch: remove the files that the table calls corrupt, and leave it out",
    ),
    "subset": (1, "it draws a part of the chips: name these in a list for each split, or remove the others"),
}


def as_generic(stated: Stated) -> tuple[Stated, bool]:
    """Return the arguments as a generic datamodule would take them, and whether it is the one of several sources."""
    sensors = stated.texts("sensors") or list(BANDS)
    if unknown := sorted(set(sensors) - set(BANDS)):
        stated.refuse("sensors", f"{unknown} are none of {list(BANDS)}")
        sensors = list(BANDS)
    _refuse_choices(stated)
    root = stated.text("data_root") or "data"
    words = {"batch_size": USUAL_BATCH} | _places(root) | _bands(stated, sensors)
    own = {"bands", "data_root", "sensors", "metadata_filename", "seed", "as_time_series", "aug", *ASKING_NOTHING}
    words |= {key: stated.look(key) for key in stated.keys() if key not in own}  # noqa: SIM118 - it is no mapping
    found = Stated(words, stated.path("")[:-1], stated.findings)
    found.change("data_root", f"files are expected as the set was published, below '{root}'; its table is not read")
    found.change(
        "as_time_series",
        "all chips have the twelve months from September on; where a file is missing, that month holds no data",
        "data.sources",
    )
    if "means" not in words:
        found.change(
            "means",
            "bands are standardised by the statistics of the training split: TerraTorch 1.2.13 takes those of linear "
            "power for S1, whose files it reads in whole decibels, and none for two sensors",
            "model.standardise",
            alters=True,
        )
    return found, len(sensors) > 1


def _refuse_choices(stated: Stated) -> None:
    """Refuse what has no meaning here."""
    if stated.flag("as_time_series") is not True:
        stated.refuse(
            "as_time_series",
            "each month would be an image of its own with the label of the year, and a label belongs to one scene "
            "here: set it to true",
        )
    for key, (silent, text) in ASKING_NOTHING.items():
        if stated.take(key) not in (None, silent):
            stated.refuse(key, text)
    if stated.take("aug") is not None:
        stated.refuse("aug", "it would take the place of the standardisation there: write changes as 'train_transform'")


def _places(root: str) -> Words:
    words: Words = {"label_grep": "{key}_agbm.tif"}
    for split, name in (("train", "train"), ("val", "test"), ("test", "test")):
        words[f"{split}_data_root"] = f"{root}/{name}_features"
        words[f"{split}_label_data_root"] = f"{root}/{name}_agbm"
    return words


def _bands(stated: Stated, sensors: list[str]) -> Words:
    """Return what says bands, in the words of the datamodule of as many sources."""
    listed = stated.look("bands")
    by_sensor = listed if isinstance(listed, Mapping) else {} if listed is None else {sensors[0]: listed}
    used = {sensor: _used(stated, sensor, by_sensor.get(sensor)) for sensor in sensors}
    patterns = {sensor: f"{{key}}_{sensor}_{{step}}.tif" for sensor in sensors}
    if len(sensors) > 1:
        return {
            "modalities": sensors,
            "image_grep": patterns,
            "dataset_bands": {sensor: list(BANDS[sensor]) for sensor in sensors},
            "output_bands": used,
        }
    (sensor,) = sensors
    words: Words = {"img_grep": patterns[sensor], "dataset_bands": list(BANDS[sensor]), "output_bands": used[sensor]}
    if STATISTICS.keys() >= set(used[sensor]):
        means, stds = zip(*(STATISTICS[band] for band in used[sensor]), strict=True)
        words |= {"means": list(means), "stds": list(stds)}
    return words


def _used(stated: Stated, sensor: str, listed: object) -> list[str]:
    """Return the bands of a sensor that are read."""
    named = [str(band) for band in listed] if isinstance(listed, list) else [*BANDS[sensor]]
    computed = [band for band in named if band in COMPUTED]
    if computed or (listed is None and sensor == "S1"):
        what = computed or list(COMPUTED)
        stated.refuse(
            "bands", f"{what} are computed of others in TerraTorch, and no bands of files: name some of {BANDS[sensor]}"
        )
    return [band for band in named if band not in COMPUTED]
