"""The one training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypedDict, cast

from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from groundwork.batch import Batch, Truth, images_of
from groundwork.config.model import ModelConfig
from groundwork.config.training import LossTerm, TrainingConfig
from groundwork.data.chips import known_once
from groundwork.models.interface import ModelFactory, ModelOutput, Produces
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.targets.kind import Accumulator, TargetKind
from groundwork.tasks.accumulation import share_of_step
from groundwork.tasks.freezing import freeze_parts
from groundwork.tasks.learning import Learning, show_scores, with_monitor
from groundwork.tasks.losses import check_auxiliary
from groundwork.tasks.processes import bring_together, gather_scores, without_filling


class Predicted(TypedDict):
    """What :meth:`Task.predict_step` gives."""

    sample_id: list[str]
    #: Activated scores (batch, outputs, ...).
    scores: Tensor


class Task(LightningModule, ABC):
    """Trains any model that a factory builds. A final task states its criterion and the kind of answer.

    Constructors take what this one takes and ``statistics: Statistics``, and options behind a ``*``.
    """

    #: What is learnt, which also says how it is judged; and what models must give for that.
    answers: type[TargetKind]
    learns_from: ClassVar[Produces] = "answers"
    #: Whether the criterion can be asked outside of training too.
    measures_loss: ClassVar[bool] = True

    def __init__(
        self,
        factory: ModelFactory,
        model: ModelConfig,
        inputs: Mapping[str, RasterSpec],
        target: TargetSpec,
        training: TrainingConfig,
    ) -> None:
        """Build the model, and match auxiliary branches with their losses by name.

        Raises:
            SpecError: Where components, or branches and losses, do not fit together.
            ComponentError: For an unknown name or option.
        """
        super().__init__()
        check_auxiliary(list(model.auxiliary), list(training.auxiliary_loss))
        self.target, self.kind = target, self.answers(target)
        self.training_config = training = with_monitor(training, self.answers)
        self.model = factory.build_model(model, inputs, target)
        self._learning = Learning(training)
        self._metrics = nn.ModuleDict({split: self.kind.accumulator() for split in ("val", "test")})
        freeze_parts(self.model, model, training.freeze)

    @classmethod
    @abstractmethod
    def check_losses(cls, losses: Sequence[LossTerm], target: TargetSpec) -> None:
        """Refuse losses that are unknown here (ComponentError), or do not fit the target (SpecError)."""

    @abstractmethod
    def criterion(self, output: ModelOutput, batch: Batch) -> Tensor:
        """Give the loss of what a model, or one of its branches, gives: a single number.

        Args:
            output: Scores in float32; of a model that knows its own criterion, its ``losses`` too.
            batch: What it was given; of several processes, the answers alone: see ``training.loss_over``.
        """

    def update_metrics(self, split: str, scores: Tensor, batch: Batch) -> None:
        """Add a batch to the metrics of a split."""
        self._accumulator(split).update(Truth(batch["target"], batch.get("objects")), scores)

    def compute_metrics(self, split: str) -> dict[str, float]:
        """Return the scores of a split by name, over all processes, and begin anew."""
        metrics = self._accumulator(split)
        gather_scores(metrics)
        scores = metrics.compute()
        metrics.reset()
        return scores

    def _accumulator(self, split: str) -> Accumulator:
        return cast("Accumulator", self._metrics[split])

    def ask(self, batch: Batch) -> ModelOutput:
        """Give what the model gives for a batch."""
        return cast("ModelOutput", self.model(images_of(batch)))

    def forward(self, batch: Batch) -> ModelOutput:
        """Give what the model gives for a batch, scores in float32."""
        given = self.ask(batch)
        auxiliary = {name: scores.float() for name, scores in given.auxiliary.items()}
        return ModelOutput(given.output.float(), auxiliary, given.losses)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Give the loss of all branches, weighted."""
        asked: Batch = {**batch, "target": self.kind.asked(batch["target"])}
        seen = bring_together(self(batch), asked, self.training_config.loss_over)
        total = main = self.criterion(seen.output, seen.batch)
        for name, weight in self.training_config.auxiliary_loss.items():
            loss = self.criterion(ModelOutput(seen.output.auxiliary[name]), seen.batch)
            seen.log(self, f"train/loss_{name}", loss)
            total = total + weight * loss
        seen.log(self, "train/loss_main", main)
        seen.log(self, "train/loss", total)
        return seen.scaled(total) * share_of_step(self._trainer, batch_idx)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Add a batch to loss and scores of the validation split, in which each answer counts once."""
        self._evaluate("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Add a batch to loss and scores of the test split, in which each answer counts once."""
        self._evaluate("test", batch)

    def predict_step(self, batch: Batch, batch_idx: int) -> Predicted:  # noqa: ARG002
        """Give activated scores for a batch."""
        return Predicted(sample_id=batch["sample_id"], scores=self.kind.activate(self(batch).output))

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the validation split."""
        self._log_metrics("val")

    def on_validation_end(self) -> None:
        """Let a schedule that watches a score see it."""
        show_scores(self.trainer)

    def on_test_epoch_end(self) -> None:
        """Log the scores of the test split."""
        self._log_metrics("test")

    def _evaluate(self, split: str, batch: Batch) -> None:
        output = self(batch)
        batch = batch.copy()
        batch["target"] = known_once(batch, self.kind)
        if self.measures_loss:
            seen = bring_together(output, batch, self.training_config.loss_over)
            seen.log(self, f"{split}/loss", self.criterion(seen.output, seen.batch))
        self.update_metrics(split, *without_filling(output.output, batch))

    def _log_metrics(self, split: str) -> None:
        self.log_dict({f"{split}/{name}": value for name, value in self.compute_metrics(split).items()}, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return optimiser and schedule."""
        return self._learning.configure(self.model, self.trainer, self.kind.score_directions(self.target))
