"""The heads by name: those for every pixel, and those for the whole image."""

from groundwork.table import Table

HEADS: Table = {
    "classification": "groundwork.models.heads.classification:ClassificationHead",
    "regression": "groundwork.models.heads.regression:RegressionHead",
    "scalar_regression": "groundwork.models.heads.scalar_regression:ScalarRegressionHead",
    "scalar_sklearn": "groundwork.models.heads.scalar_sklearn:ScalarSklearnHead",
    "segmentation": "groundwork.models.heads.segmentation:SegmentationHead",
    "sklearn": "groundwork.models.heads.sklearn:SklearnHead",
}
