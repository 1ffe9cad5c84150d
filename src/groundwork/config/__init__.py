"""Typed configuration: one class per parameter file, imported without torch or numpy."""

from groundwork.config.data import DataConfig
from groundwork.config.evaluation import EvaluationConfig
from groundwork.config.export import ExportConfig
from groundwork.config.indexing import IndexingConfig
from groundwork.config.inference import InferenceConfig
from groundwork.config.model import ModelConfig
from groundwork.config.rate_search import RateSearchConfig
from groundwork.config.training import TrainingConfig

__all__ = [
    "DataConfig",
    "EvaluationConfig",
    "ExportConfig",
    "IndexingConfig",
    "InferenceConfig",
    "ModelConfig",
    "RateSearchConfig",
    "TrainingConfig",
]
