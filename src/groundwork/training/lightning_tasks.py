"""The tasks as modules that Lightning builds from a configuration file: model and training as a recipe states them."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, cast, runtime_checkable

from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from groundwork.batch import Batch
from groundwork.config.model import ModelConfig
from groundwork.config.stated import Stated, read_stated
from groundwork.config.training import TrainingConfig
from groundwork.data.raster_module import RasterDataModule
from groundwork.data.statistics import Statistics
from groundwork.errors import SpecError, TrainingError
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.tasks import estimator
from groundwork.tasks.base import Predicted, Task
from groundwork.training.checks import check_together, check_training, find_task
from groundwork.training.fit import build_task
from groundwork.training.initial import first_bundle


@runtime_checkable
class DescribedData(Protocol):
    """A datamodule that says what its batches hold, as :class:`RasterDataModule` and ``TorchGeoData`` do."""

    inputs: dict[str, RasterSpec]
    target: TargetSpec

    def compute_statistics(self) -> Statistics:
        """Return what the training split holds."""


class RasterTask(LightningModule):
    """Trains the model that ``model`` describes, by the task that ``training`` names.

    The command ``groundwork fit`` trains it with :class:`RasterDataModule` as a recipe is trained, and keeps a bundle.
    A Trainer of your own trains it as any module of Lightning.
    """

    #: Name of the task, where the class says it.
    task: ClassVar[str | None] = None

    def __init__(self, model: Stated, training: Stated, seed: int | None = None) -> None:
        """Read what is stated; the model is built when the data is known.

        Args:
            model: The network, as under ``model`` in a recipe.
            training: How the weights are found, as under ``training`` in a recipe.
            seed: Of the first weights. None: the ``seed_everything`` of the command, or 0.

        Raises:
            SpecError: For what is not as it should be, with each key.
        """
        super().__init__()
        self.network = read_stated(ModelConfig, model, "model")
        self.training_config = read_stated(TrainingConfig, self._with_task(training), "training")
        self.seed = seed or 0
        self.learner: Task | None = None

    def _with_task(self, training: dict[str, Any]) -> dict[str, Any]:
        if self.task is None or not isinstance(training, dict):
            return training
        stated = training.get("task", self.task)
        name = stated.get("name") if isinstance(stated, dict) else stated
        if name != self.task:
            raise SpecError(
                f"'training.task' is {name!r}, and {type(self).__name__} is the task '{self.task}': leave one of them "
                "out. groundwork.RasterTask is the class of any task."
            )
        return {**training, "task": stated}

    def configure_model(self) -> None:
        """Build the model, once Lightning has set up the data.

        Raises:
            TrainingError: For data that does not say what it holds.
            SpecError, ComponentError: For what is unknown, or does not go together.
        """
        if self.learner is not None:
            return
        data = cast("object", getattr(self.trainer, "datamodule", None))
        if not isinstance(data, DescribedData):
            raise TrainingError(
                f"{type(self).__name__} needs a datamodule that says what its batches hold: 'inputs', 'target' and "
                f"'compute_statistics()', as RasterDataModule has; found {type(data).__name__}."
            )
        training = self.training_config
        check_training(training, data.target)
        check_together(training, self.network, data.target)
        task = find_task(training)
        if task.learns_from == "embedding" or issubclass(task, estimator.EstimatorTask):
            raise SpecError(
                f"The task '{training.task.name}' takes no steps that a Trainer could run: `groundwork fit` with "
                "RasterDataModule fits it."
            )
        if isinstance(data, RasterDataModule):
            data.read_as(training.loader, training.augmentation, training.sampling)
        initial = first_bundle(data.inputs, data.target, self.network, self.seed, {})
        self.learner = build_task(initial, training, data.compute_statistics())
        self.learner.trainer = self.trainer
        # What is logged belongs to the module that the Trainer knows.
        self.learner.log = self.log  # type: ignore[method-assign]

    @property
    def _built(self) -> Task:
        if self.learner is None:
            raise TrainingError("The model is built by configure_model(), which a Trainer calls.")
        return self.learner

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """See :meth:`Task.training_step`."""
        return self._built.training_step(batch, batch_idx)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """See :meth:`Task.validation_step`."""
        self._built.validation_step(batch, batch_idx)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """See :meth:`Task.test_step`."""
        self._built.test_step(batch, batch_idx)

    def predict_step(self, batch: Batch, batch_idx: int) -> Predicted:
        """See :meth:`Task.predict_step`."""
        return self._built.predict_step(batch, batch_idx)

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the validation split."""
        self._built.on_validation_epoch_end()

    def on_validation_end(self) -> None:
        """Let a schedule that watches a score see it."""
        self._built.on_validation_end()

    def on_test_epoch_end(self) -> None:
        """Log the scores of the test split."""
        self._built.on_test_epoch_end()

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return optimiser and schedule."""
        return self._built.configure_optimizers()


class ClassificationTask(RasterTask):
    """One class for each image."""

    task = "classification"


class EmbeddingTask(RasterTask):
    """Features of an encoder as it is."""

    task = "embedding"


class EstimatorTask(RasterTask):
    """An estimator on the features of an encoder as it is."""

    task = "estimator"


class MultiLabelTask(RasterTask):
    """Several classes for each image."""

    task = "multi_label"


class ObjectDetectionTask(RasterTask):
    """Boxes or outlines of objects."""

    task = "object_detection"


class PixelRegressionTask(RasterTask):
    """Numbers for each pixel."""

    task = "pixel_regression"


class ReconstructionTask(RasterTask):
    """Images from parts of them: learning without labels."""

    task = "reconstruction"


class ScalarRegressionTask(RasterTask):
    """Numbers for each image."""

    task = "scalar_regression"


class SemanticSegmentationTask(RasterTask):
    """One class for each pixel."""

    task = "semantic_segmentation"
