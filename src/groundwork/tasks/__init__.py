"""What is learnt: criterion, decision, metrics and the one training loop. The tasks by name."""

from groundwork.registry import Table

TASKS: Table = {
    "pixel_regression": "groundwork.tasks.pixel_regression:PixelRegressionTask",
    "semantic_segmentation": "groundwork.tasks.segmentation:SemanticSegmentationTask",
}
