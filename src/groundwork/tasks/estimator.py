"""An estimator of scikit-learn on features of a model whose weights stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field
from torch import Tensor

from groundwork.batch import Batch
from groundwork.config.model import ModelConfig
from groundwork.config.training import FreezeConfig, LossTerm, TrainingConfig
from groundwork.data.statistics import Statistics
from groundwork.errors import SpecError, TrainingError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderModel
from groundwork.models.heads.scalar_sklearn import ScalarSklearnHead
from groundwork.models.heads.sklearn import SklearnHead
from groundwork.models.interface import ENCODER, ModelFactory, ModelOutput
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kind import TargetKind
from groundwork.targets.kinds import kind_of
from groundwork.targets.nothing import Nothing
from groundwork.tasks.base import Task


class EstimatorTask(Task):
    """Fits the head ``sklearn`` or ``scalar_sklearn`` on the features of the training chips, in one pass.

    What the training is told of epochs, losses, the optimiser and augmentation means nothing to it.

    Args:
        max_rows: Most pixels that the estimator is fitted on, drawn from all training chips alike; of answers of whole
            images, all are taken.

    Raises:
        SpecError: For a model without such a head, or with parts whose weights nobody would train.
    """

    answers: type[TargetKind] = Nothing
    measures_loss = False

    def __init__(
        self,
        factory: ModelFactory,
        model: ModelConfig,
        inputs: Mapping[str, RasterSpec],
        target: TargetSpec,
        training: TrainingConfig,
        statistics: Statistics,  # noqa: ARG002 - the interface of all tasks
        *,
        max_rows: Annotated[int, Field(gt=0)] = 100_000,
    ) -> None:
        # Whatever the target asks.
        self.answers = type(kind_of(target))
        # Nothing is trained, so that there is nothing to freeze.
        super().__init__(factory, model, inputs, target, training.model_copy(update={"freeze": FreezeConfig()}))
        self.max_rows = max_rows
        self.estimated = _require_estimator(self.model, target)

    @classmethod
    def check_losses(cls, losses: Sequence[LossTerm], target: TargetSpec) -> None:
        """Take any: none of them is used."""

    def criterion(self, output: ModelOutput, batch: Batch) -> Tensor:  # noqa: ARG002
        """Refuse: there is nothing to learn by.

        Raises:
            TrainingError: Always.
        """
        raise TrainingError("An estimator is fitted in one pass: there is no loss to train it by.")


def _require_estimator(model: object, target: TargetSpec) -> EncoderDecoderModel:
    """Return a model as one whose head can be fitted."""
    right = "sklearn" if target.per == "pixel" else "scalar_sklearn"
    if not isinstance(model, EncoderDecoderModel) or not isinstance(model.head, SklearnHead | ScalarSklearnHead):
        raise SpecError(
            "The task 'estimator' fits a head of scikit-learn, and the model has none: with 'factory: encoder_decoder' "
            f"set 'model.head: {{name: {right}, estimator: logistic_regression}}', or take another task"
        )
    if target.multi_label or target.deviation:
        asked = "several classes of an image" if target.multi_label else "deviations of numbers"
        raise SpecError(f"The task 'estimator' does not learn {asked}: take another task, or change 'data.target'")
    fresh = sorted(part for part, parameters in model.parts().items() if part != ENCODER and parameters)
    if fresh:
        raise SpecError(
            f"The task 'estimator' trains nothing but the head, so {fresh} would keep the random weights they begin "
            "with: leave them out of 'model' (such as 'decoder: null'), or take another task"
        )
    return model
