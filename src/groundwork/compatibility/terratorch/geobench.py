"""GEO-Bench's sets for segmentation, as the generic description of how they lie: HDF5 with an array for each band.

The sets: Lacoste et al. 2023, https://arxiv.org/abs/2306.03831; names of arrays: https://github.com/ServiceNow/geo-bench.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from groundwork.compatibility.terratorch.bands import band_names
from groundwork.compatibility.terratorch.sources import Lying
from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.strict import did_you_mean

#: Images of a batch, and the partition, where nobody says it.
USUAL_BATCH, USUAL_PARTITION = 8, "default"


@dataclass(frozen=True, slots=True)
class BenchSet:
    """One set."""

    folder: str
    #: Band -> its array, as GDAL calls it: with ``_`` for a space. In the order that they are read in.
    arrays: Mapping[str, str]
    #: Band -> mean and deviation that TerraTorch standardises it by.
    statistics: Mapping[str, tuple[float, float]]
    class_names: tuple[str, ...]
    #: What stands behind the names of the bands' arrays, and behind that of the labels: ``*`` for a date.
    behind: tuple[str, str] = ("", "")
    #: Bands that lie in other cells than the labels.
    apart: tuple[str, ...] = ()
    #: Whether its datamodule can tell of dates and places.
    has_metadata: bool = False


_RGB = {"BLUE": "Blue", "GREEN": "Green", "RED": "Red"}
_S2 = {
    "COASTAL": "01_-_Coastal_aerosol",
    "BLUE": "02_-_Blue",
    "GREEN": "03_-_Green",
    "RED": "04_-_Red",
    "RED_EDGE_1": "05_-_Vegetation_Red_Edge",
    "RED_EDGE_2": "06_-_Vegetation_Red_Edge",
    "RED_EDGE_3": "07_-_Vegetation_Red_Edge",
    "NIR_BROAD": "08_-_NIR",
    "NIR_NARROW": "08A_-_Vegetation_Red_Edge",
    "WATER_VAPOR": "09_-_Water_vapour",
    "SWIR_1": "11_-_SWIR",
    "SWIR_2": "12_-_SWIR",
    "CLOUD_PROBABILITY": "Cloud_Probability",
}
_CASHEWS = {
    "COASTAL": (520.1185302734375, 204.2023468017578),
    "BLUE": (634.7583618164062, 227.25344848632812),
    "GREEN": (892.461181640625, 222.32545471191406),
    "RED": (880.7075805664062, 350.47235107421875),
    "RED_EDGE_1": (1380.6409912109375, 280.6436767578125),
    "RED_EDGE_2": (2233.432373046875, 373.7521057128906),
    "RED_EDGE_3": (2549.379638671875, 449.9236145019531),
    "NIR_BROAD": (2643.248046875, 414.6498107910156),
    "NIR_NARROW": (2643.531982421875, 415.1019592285156),
    "WATER_VAPOR": (2852.87451171875, 413.8980407714844),
    "SWIR_1": (2463.933349609375, 494.97430419921875),
    "SWIR_2": (1600.9207763671875, 514.4229736328125),
    "CLOUD_PROBABILITY": (0.010281000286340714, 0.3447800576686859),
}
_CROPS = {
    "COASTAL": (12.739611, 7.492811526301659),
    "BLUE": (16.526744, 9.329547939662671),
    "GREEN": (26.636417, 12.674537246073758),
    "RED": (36.696639, 19.421922023931593),
    "RED_EDGE_1": (46.388679, 19.487411106531287),
    "RED_EDGE_2": (58.281453, 19.959174612412983),
    "RED_EDGE_3": (63.575819, 21.53805760692545),
    "NIR_BROAD": (68.1836, 23.05077775347288),
    "NIR_NARROW": (69.142591, 22.329695761624677),
    "WATER_VAPOR": (69.904566, 21.877766438821954),
    "SWIR_1": (83.626811, 28.14418826277069),
    "SWIR_2": (65.767679, 27.2346215312965),
    "CLOUD_PROBABILITY": (0.0, 0.0),
}
#: Datamodule -> its set.
SETS = {
    "MChesapeakeLandcoverNonGeoDataModule": BenchSet(
        folder="m-chesapeake",
        arrays={"BLUE": "Blue", "GREEN": "Green", "NIR": "NearInfrared", "RED": "Red"},
        statistics={
            "BLUE": (0.4807923436164856, 0.17441707849502563),
            "GREEN": (0.5200885534286499, 0.1976749747991562),
            "NIR": (0.569856584072113, 0.2831788957118988),
            "RED": (0.4570387601852417, 0.21191735565662384),
        },
        # The labels are the source's, which begin with water at 1; the list of names beside them does so at 0.
        class_names=tuple(f"class_{value}" for value in range(7)),
    ),
    "MNeonTreeNonGeoDataModule": BenchSet(
        folder="m-NeonTree",
        arrays=_RGB,
        statistics={
            "BLUE": (108.44846666666666, 33.09221632578563),
            "GREEN": (131.00455555555556, 51.442224204429245),
            "RED": (122.29733333333333, 54.053087350753124),
        },
        class_names=("no_tree", "tree"),
        apart=("CANOPY_HEIGHT_MODEL", "NEON"),
    ),
    "MNzCattleNonGeoDataModule": BenchSet(
        folder="m-nz-cattle",
        arrays=_RGB,
        statistics={
            "BLUE": (106.51769083969465, 18.991624007810348),
            "GREEN": (130.09102671755724, 19.92435830412983),
            "RED": (126.31354389312978, 23.38495539231075),
        },
        class_names=("no_cattle", "cattle"),
        behind=("_*", "_*"),
        has_metadata=True,
    ),
    "MPv4gerSegNonGeoDataModule": BenchSet(
        folder="m-pv4ger-seg",
        arrays=_RGB,
        statistics={
            "BLUE": (139.761751, 48.29800604656056),
            "GREEN": (137.354091, 50.86544377633718),
            "RED": (131.102356, 54.52768048660482),
        },
        class_names=("no_solar_panel", "solar_panel"),
        has_metadata=True,
    ),
    "MSACropTypeNonGeoDataModule": BenchSet(
        folder="m-SA-crop-type",
        arrays=_S2,
        statistics=_CROPS,
        class_names=(
            *("no_data", "lucerne_medics", "planted_pastures", "fallow", "wine_grapes", "weeds"),
            *("small_grain_grazing", "wheat", "canola", "rooibos"),
        ),
    ),
    "MBeninSmallHolderCashewsNonGeoDataModule": BenchSet(
        folder="m-cashew-plant",
        arrays=_S2,
        statistics=_CASHEWS,
        class_names=(
            *("no_data", "well_managed_plantation", "poorly_managed_plantation", "non_plantation", "residential"),
            *("background", "uncertain"),
        ),
        behind=("_*", ""),
        has_metadata=True,
    ),
}
#: The set of which TerraTorch 1.2.13 reads all bands in the order of their names, whatever its file says.
_READS_ALL = "MNzCattleNonGeoDataModule"
#: Keys that its datamodules have, beside those that are read here.
_PASSED_ON = ("batch_size", "num_workers", "train_transform", "val_transform", "test_transform", "predict_transform")


def as_generic(name: str, stated: Stated) -> tuple[Stated, Lying]:
    """Return the arguments as the generic datamodule would take them, and how the files lie.

    Args:
        name: One of :data:`SETS`.
        stated: What the file says of it.
    """
    bench = SETS[name]
    root = f"{stated.text('data_root') or '.'}/{bench.folder}".removeprefix("./")
    used = _used(name, stated)
    lists = f"{root}/{stated.text('partition') or USUAL_PARTITION}_partition.json"
    _refuse_others(bench, stated)
    words: Words = {"batch_size": USUAL_BATCH}
    for split in ("train", "val", "test"):
        words |= {f"{split}_data_root": root, f"{split}_split": lists}
    # Names are listed whole there, so that 'id_1' is no part of 'id_10'.
    words |= {"img_grep": "{key}.hdf5", "label_grep": "{key}.hdf5", "allow_substring_split_file": False}
    words |= {"dataset_bands": used, "output_bands": used}
    if known := [bench.statistics[band] for band in used if band in bench.statistics]:
        words |= {"means": [mean for mean, _ in known], "stds": [std for _, std in known]}
    words |= {key: stated.look(key) for key in _PASSED_ON if key in stated}
    found = Stated(words, stated.path("")[:-1], stated.findings)
    found.change("data_root", f"files are expected as the set was published: *.hdf5 in '{root}', divided by '{lists}'")
    behind, behind_label = bench.behind
    arrays = tuple(bench.arrays[band] + behind for band in used if band in bench.arrays)
    return found, Lying({"georeference": "absent"}, (arrays, "label" + behind_label))


def _used(name: str, stated: Stated) -> list[str]:
    """Return the bands that are read."""
    bench = SETS[name]
    listed = stated.texts("bands")
    used = band_names(listed) or [*bench.arrays, *bench.apart]
    known, constant = list(bench.arrays), [band for band, (_, std) in bench.statistics.items() if not std]
    for band in used:
        if band in bench.apart:
            what = f"'{band}' lies in larger cells than the labels, where TerraTorch fails as well"
        elif band not in known:
            what = f"'{band}' is no band of the set.{did_you_mean(band, known)}"
        elif band in constant:
            what = f"'{band}' never changes, and TerraTorch divides by its deviation of 0"
        else:
            continue
        stated.refuse("bands", f"{what} Name some of {[one for one in known if one not in constant]}")
    if name == _READS_ALL and used != known:
        stated.change(
            "bands",
            f"TerraTorch 1.2.13 reads {known} whatever is named, by the statistics of those that are; here the "
            "bands are read that are named",
            "data.sources",
            alters=True,
        )
    return used


def _refuse_others(bench: BenchSet, stated: Stated) -> None:
    """Refuse what has no meaning here."""
    if stated.take("aug") is not None:
        stated.refuse(
            "aug",
            "it would take the place of the standardisation there: write what changes images into 'train_transform', "
            "and leave this out",
        )
    if bench.has_metadata and stated.flag("use_metadata"):
        stated.refuse(
            "use_metadata",
            "dates and places stand in names, and the arrays know of none: leave it out, or write the set as GeoTIFF "
            "with a CRS and a tag of the date, and describe that by the generic datamodule",
        )
    own = (*_PASSED_ON, "data_root", "bands", "partition")
    for key in stated.unread():
        if key not in own:
            hint = did_you_mean(key, own)
            stated.refuse(key, f"the datamodule of '{bench.folder}' has no such key.{hint} Leave it out")
