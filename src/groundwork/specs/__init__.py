"""The vocabulary of the library: what a raster holds, what is predicted, what travels between components."""

from groundwork.specs.axes import Axes
from groundwork.specs.band import BandSpec
from groundwork.specs.features import FeatureLevel, FeatureSpec
from groundwork.specs.objects import ObjectSpec
from groundwork.specs.outputs import OutputSpec
from groundwork.specs.quality import QualityRule
from groundwork.specs.raster import RANGES, NearestDates, RasterSpec
from groundwork.specs.raster_changes import RasterChanges, WholeOrChanges
from groundwork.specs.target import ClassSpec, TargetSpec
from groundwork.specs.vectors import AttributeValue, VectorSpec

__all__ = [
    "RANGES",
    "AttributeValue",
    "Axes",
    "BandSpec",
    "ClassSpec",
    "FeatureLevel",
    "FeatureSpec",
    "NearestDates",
    "ObjectSpec",
    "OutputSpec",
    "QualityRule",
    "RasterChanges",
    "RasterSpec",
    "TargetSpec",
    "VectorSpec",
    "WholeOrChanges",
]
