"""Public data sets that TerraTorch has a datamodule of its own for, as the generic description of how each lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from groundwork.compatibility.terratorch.bands import band_names
from groundwork.compatibility.terratorch.sources import Lying
from groundwork.compatibility.terratorch.stated import Words

HLS = ("BLUE", "GREEN", "RED", "NIR_NARROW", "SWIR_1", "SWIR_2")
S2 = (
    *("COASTAL", "BLUE", "GREEN", "RED", "RED_EDGE_1", "RED_EDGE_2", "RED_EDGE_3", "NIR_BROAD", "NIR_NARROW"),
    *("WATER_VAPOR", "CIRRUS", "SWIR_1", "SWIR_2"),
)


@dataclass(frozen=True, slots=True)
class Layout:
    """How one set lies, in the words of the generic datamodules."""

    #: Split -> folder below the set's root.
    images: Mapping[str, str]
    labels: Mapping[str, str]
    img_grep: str
    label_grep: str
    bands: tuple[str, ...]
    class_names: tuple[str, ...]
    ignore_index: int
    #: Split -> list below the set's root.
    lists: Mapping[str, str] = field(default_factory=dict)
    steps: int = 1
    reduce_zero_label: bool = False
    #: Side of its images in pixels.
    size: int = 512
    lying: Lying = field(default_factory=Lying)
    #: Band -> mean and deviation that bands are standardised by. Empty: those of the training split are measured.
    statistics: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def words(self, root: str, bands: object) -> Words:
        """Return what the generic datamodule would be told.

        Args:
            root: Where the set lies.
            bands: Those that are read. None: all.
        """
        found: Words = {f"{split}_data_root": f"{root}/{folder}".rstrip("/") for split, folder in self.images.items()}
        found |= {f"{split}_label_data_root": f"{root}/{name}".rstrip("/") for split, name in self.labels.items()}
        found |= {f"{split}_split": f"{root}/{file}" for split, file in self.lists.items()}
        read = band_names(bands) if isinstance(bands, list | tuple) else self.bands
        if self.statistics.keys() >= set(read):
            means, stds = zip(*(self.statistics[band] for band in read), strict=True)
            found |= {"means": list(means), "stds": list(stds)}
        found |= {
            "img_grep": self.img_grep,
            "label_grep": self.label_grep,
            "dataset_bands": list(self.bands),
            "output_bands": bands,
            "reduce_zero_label": self.reduce_zero_label,
            "expand_temporal_dimension": self.steps > 1,
        }
        return found


def _everywhere(folder: str) -> dict[str, str]:
    return dict.fromkeys(("train", "val", "test"), folder)


_BURNT = {"train": "training", "val": "validation", "test": "validation"}
_CROPS = {"train": "training_chips", "val": "validation_chips", "test": "validation_chips"}
_LANDSLIDES = {"train": "train", "val": "validation", "test": "test"}
#: Band of Landslide4Sense -> mean and deviation that TerraTorch standardises it by.
LANDSLIDE_STATISTICS = {
    "COASTAL": (-0.4914, 0.9325),
    "BLUE": (-0.3074, 0.8775),
    "GREEN": (-0.1277, 0.8860),
    "RED": (-0.0625, 0.8869),
    "RED_EDGE_1": (0.0439, 0.8857),
    "RED_EDGE_2": (0.0803, 0.8418),
    "RED_EDGE_3": (0.0644, 0.8354),
    "NIR_BROAD": (0.0802, 0.8491),
    "WATER_VAPOR": (0.3000, 0.9061),
    "CIRRUS": (0.4082, 1.6072),
    "SWIR_1": (0.0823, 0.8848),
    "SWIR_2": (0.0516, 0.9232),
    "SLOPE": (0.3338, 0.9018),
    "DEM": (0.7819, 1.2913),
}
_FLOODS = "v1.1/data/flood_events/HandLabeled"

LAYOUTS = {
    "FireScarsNonGeoDataModule": Layout(
        images=_BURNT,
        labels=_BURNT,
        img_grep="*_merged.tif",
        label_grep="*.mask.tif",
        bands=HLS,
        class_names=("unburnt", "burnt"),
        ignore_index=-1,
    ),
    "Sen1Floods11NonGeoDataModule": Layout(
        images=_everywhere(f"{_FLOODS}/S2Hand"),
        labels=_everywhere(f"{_FLOODS}/LabelHand"),
        img_grep="*_S2Hand.tif",
        label_grep="*_LabelHand.tif",
        bands=S2,
        class_names=("land", "water"),
        ignore_index=-1,
        lists={
            split: f"v1.1/splits/flood_handlabeled/flood_{name}_data.txt"
            for split, name in (("train", "train"), ("val", "valid"), ("test", "test"))
        },
    ),
    "MultiTemporalCropClassificationDataModule": Layout(
        images=_CROPS,
        labels=_CROPS,
        img_grep="*_merged.tif",
        label_grep="*.mask.tif",
        bands=HLS,
        class_names=(
            *("natural_vegetation", "forest", "corn", "soybeans", "wetlands", "developed_barren", "open_water"),
            *("winter_wheat", "alfalfa", "fallow", "cotton", "sorghum", "other"),
        ),
        ignore_index=-1,
        steps=3,
        reduce_zero_label=True,
        size=224,
    ),
    "Landslide4SenseNonGeoDataModule": Layout(
        images={split: f"images/{folder}" for split, folder in _LANDSLIDES.items()},
        labels={split: f"annotations/{folder}" for split, folder in _LANDSLIDES.items()},
        img_grep="image_{key}.h5",
        label_grep="mask_{key}.h5",
        bands=tuple(LANDSLIDE_STATISTICS),
        class_names=("no_landslide", "landslide"),
        ignore_index=-1,
        size=128,
        lying=Lying({"axes": ["y", "x", "band"], "georeference": "absent"}, ("img", "mask"), repeats=True),
        statistics=LANDSLIDE_STATISTICS,
    ),
}
#: Sets of GEO-Bench whose labels are one for an image.
GEO_BENCH_IMAGES = ("BigEarth", "BrickKiln", "EuroSAT", "ForestNet", "Pv4ger", "So2Sat")
#: Sets whose files are no rasters that can be read as they are, or that are divided otherwise, and what to do.
NO_LAYOUTS = {
    "mVHR10DataModule": (
        "it divides the set at random: bring VHR-10 by the pipeline 'torchgeo_import', as docs/how-to/torchgeo.md "
        "does, and translate the rest with the generic datamodule"
    ),
    "ElephantDataModule": (
        "its tiles of train and val are drawn from the same images: join its two files of COCO's JSON, and describe "
        "them as docs/how-to/describe-labels.md does, with a list of images for each split"
    ),
    "SubstationDataModule": (
        "its files are numpy's: write them as GeoTIFF, and a list of boxes for each; then describe them by the generic "
        "datamodule"
    ),
    **dict.fromkeys(
        [f"GeoBenchV2{kind}DataModule" for kind in ("ObjectDetection", "Segmentation", "Classification")],
        "GEO-Bench 2 keeps samples in files of its own: write them as GeoTIFF, of objects with a list of boxes for "
        "each; then describe them by the generic datamodule",
    ),
    **dict.fromkeys(
        [f"M{name}NonGeoDataModule" for name in GEO_BENCH_IMAGES],
        "GEO-Bench keeps the label of an image in a pickle inside its file, and a pickle can run code: it is not read. "
        "Write the labels into a table, and a recipe by hand that reads the bands as they lie: see 'A label for each "
        "image of GEO-Bench' in docs/how-to/from-terratorch.md",
    ),
    **dict.fromkeys(
        ("PASTISDataModule", "OpenSentinelMapDataModule", "ForestNetNonGeoDataModule", "Sen4AgriNetDataModule"),
        "its files are numpy's or others that are no rasters: write them as GeoTIFF, then describe them by the generic "
        "datamodule",
    ),
    "BurnIntensityNonGeoDataModule": (
        "its dates lie in folders of their own, 'pre', 'during' and 'post': lay the bands of the dates of a scene into "
        "one file, one date behind the other, then describe it by the generic datamodule with 'backbone_num_frames: 3'"
    ),
    "CarbonFluxNonGeoDataModule": "its numbers of weather are no rasters, and no model here takes them beside an image",
    "TilingDataModuleWrapper": (
        "images are cut into chips here by themselves: name the datamodule under 'base_datamodule' in its place, and "
        "set 'data.chips.size' to 'tile_size'"
    ),
    "Sen4MapLucasDataModule": "its files are HDF5: write them as GeoTIFF, then describe them by the generic datamodule",
    "TorchNonGeoDataModule": (
        "bring the set by the pipeline 'torchgeo_import', see docs/how-to/torchgeo.md, and translate the rest with the "
        "generic datamodule"
    ),
    "TorchGeoDataModule": "bring the set by the pipeline 'torchgeo_import', see docs/how-to/torchgeo.md",
}
