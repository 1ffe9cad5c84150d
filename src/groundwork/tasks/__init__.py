"""What is learnt: criterion, decision, metrics and the one training loop. The tasks by name."""

from groundwork.registry import Table

TASKS: Table = {
    "classification": "groundwork.tasks.classification:ClassificationTask",
    "embedding": "groundwork.tasks.embedding:EmbeddingTask",
    "estimator": "groundwork.tasks.estimator:EstimatorTask",
    "multi_label": "groundwork.tasks.multi_label:MultiLabelTask",
    "object_detection": "groundwork.tasks.object_detection:ObjectDetectionTask",
    "pixel_regression": "groundwork.tasks.pixel_regression:PixelRegressionTask",
    "reconstruction": "groundwork.tasks.reconstruction:ReconstructionTask",
    "scalar_regression": "groundwork.tasks.scalar_regression:ScalarRegressionTask",
    "semantic_segmentation": "groundwork.tasks.segmentation:SemanticSegmentationTask",
}
