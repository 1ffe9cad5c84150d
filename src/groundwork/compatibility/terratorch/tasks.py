"""Tasks by class, and what each of them asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TaskKind:
    """What a task learns."""

    #: Its name here.
    name: str
    #: What has an answer of its own.
    per: str
    #: Whether answers are classes.
    has_classes: bool
    #: The loss where none is named.
    loss: str


TASKS = {
    "SemanticSegmentationTask": TaskKind("semantic_segmentation", "pixel", True, "ce"),
    "PixelwiseRegressionTask": TaskKind("pixel_regression", "pixel", False, "mse"),
    "ClassificationTask": TaskKind("classification", "image", True, "ce"),
    "MultiLabelClassificationTask": TaskKind("multi_label", "image", True, "bce"),
    "ScalarRegressionTask": TaskKind("scalar_regression", "image", False, "mse"),
    "ObjectDetectionTask": TaskKind("object_detection", "object", True, "detector"),
}
#: Other tasks, and what to do instead.
NO_TASKS = {
    "ReconstructionTask": "write 'task: reconstruction' and 'factory: {name: full_model, model: {name: prithvi_mae}}'",
    "EmbeddingGenerationTask": "write 'task: embedding' and 'factory: embedding', as the recipe 'embedding' does",
    "EmbeddingDecodingTask": "write 'task: estimator' with the head 'sklearn'",
    "EmbeddingClassificationTask": "write 'task: estimator' with the head 'scalar_sklearn'",
    "WxCDownscalingTask": "weather models are not built here",
    "InferenceTask": "it only predicts with Surya, which is not built here",
}
#: Scores of a class: what they begin with there, before its name or number -> here.
BY_CLASS = {"semantic_segmentation": ("iou_", "iou_")}
#: What is other about a score that is watched in the place of theirs.
OTHER_SCORES = {
    "accuracy": "the share of all that is right, and not its mean over the classes",
    "miou_micro": "which rises and falls with it",
    "multiclass_jaccard_index_micro": "which rises and falls with it",
    "mse": "which rises and falls with it",
}
#: Scores by which weights are chosen: theirs -> ours. What is asked of a task must be one of its scores.
SCORES = {
    "loss": "loss",
    "miou": "miou",
    "multiclass_jaccard_index": "miou",
    "jaccard_index": "miou",
    "multiclassjaccardindex": "miou",
    "miou_micro": "overall_accuracy",
    "multiclass_jaccard_index_micro": "overall_accuracy",
    "f1_score": "f1",
    "multiclass_f1_score": "f1",
    "multilabel_f1_score": "f1_macro",
    "accuracy": "overall_accuracy",
    "pixel_accuracy": "overall_accuracy",
    "multiclass_accuracy": "overall_accuracy",
    "accuracy_micro": "overall_accuracy",
    "rmse": "rmse",
    "mse": "rmse",
    "mae": "mae",
    "r2_score": "r2",
    "map": "map",
    "bbox_map": "map",
    "bbox_map_50": "map_50",
    "segm_map": "mask_map",
    "segm_map_50": "mask_map_50",
}
