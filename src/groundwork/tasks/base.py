"""The one training loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import cast

from lightning import LightningModule
from lightning.pytorch.utilities.types import LRSchedulerConfigType, OptimizerLRSchedulerConfig
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from groundwork.config.model import ModelConfig
from groundwork.config.training import TrainingConfig
from groundwork.data.chips import Batch, known_once
from groundwork.data.statistics import Statistics
from groundwork.models.interface import ModelFactory, ModelOutput
from groundwork.registry import build
from groundwork.specs import RasterSpec, SpecError, TargetSpec
from groundwork.targets.kind import Accumulator, TargetKind
from groundwork.tasks.losses import check_auxiliary
from groundwork.tasks.optimizers import OPTIMIZERS, SCHEDULES, OptimizerRecipe, Schedule


class Task(LightningModule, ABC):
    """Trains any model that a factory builds. A final task states its criterion and the kind of answer."""

    #: What is learnt, which also says how it is judged.
    answers: type[TargetKind]

    def __init__(
        self,
        factory: ModelFactory,
        model: ModelConfig,
        inputs: dict[str, RasterSpec],
        target: TargetSpec,
        training: TrainingConfig,
        statistics: Statistics,
    ) -> None:
        """Build the model, and match auxiliary branches with their losses by name.

        Raises:
            SpecError: Where components, or branches and losses, do not fit together.
            ComponentError: For an unknown name or option.
        """
        super().__init__()
        check_auxiliary(list(model.auxiliary), list(training.auxiliary_loss))
        self.target, kind = target, self.answers(target)
        self.training_config = training
        self.model = factory.build_model(model, inputs, target)
        self._optimizer = build(OptimizerRecipe, OPTIMIZERS, training.optimizer)  # type: ignore[type-abstract]
        self._schedule = build(Schedule, SCHEDULES, training.schedule)  # type: ignore[type-abstract]
        self._metrics = nn.ModuleDict({"val": kind.accumulator()})
        self.prepare(statistics)
        if training.freeze.encoder:
            if model.adapters is not None:
                raise SpecError("training.freeze.encoder would stop the model's adapters: set it to false")
            self.model.freeze_encoder()
        if training.freeze.decoder:
            self.model.freeze_decoder()
        if not any(parameter.requires_grad for parameter in self.model.parameters()):
            raise SpecError("Nothing is left to train: 'training.freeze' keeps all weights of the model as they are")

    @abstractmethod
    def prepare(self, statistics: Statistics) -> None:
        """Build the criterion."""

    @abstractmethod
    def criterion(self, scores: Tensor, batch: Batch) -> Tensor:
        """Give the loss of one branch, a single number."""

    def update_metrics(self, split: str, scores: Tensor, batch: Batch) -> None:
        """Add a batch to the metrics of a split."""
        self._accumulator(split).update(batch["mask"], scores)

    def compute_metrics(self, split: str) -> dict[str, float]:
        """Return the scores of a split by name, and begin anew."""
        metrics = self._accumulator(split)
        scores = metrics.compute()
        metrics.reset()
        return scores

    def _accumulator(self, split: str) -> Accumulator:
        return cast("Accumulator", self._metrics[split])

    def forward(self, batch: Batch) -> ModelOutput:
        """Give the model's raw scores for a batch."""
        output: ModelOutput = self.model(
            batch["image"], batch["valid"], batch.get("temporal_coords"), batch.get("location_coords")
        )
        return output

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:  # noqa: ARG002
        """Give the loss of all branches, weighted."""
        output = self(batch)
        size = len(batch["sample_id"])
        total = main = self.criterion(output.output.float(), batch)
        for name, weight in self.training_config.auxiliary_loss.items():
            loss = self.criterion(output.auxiliary[name].float(), batch)
            self.log(f"train/loss_{name}", loss, on_step=False, on_epoch=True, batch_size=size)
            total = total + weight * loss
        self.log("train/loss_main", main, on_step=False, on_epoch=True, batch_size=size)
        self.log("train/loss", total, on_step=False, on_epoch=True, batch_size=size, prog_bar=True)
        return total

    def validation_step(self, batch: Batch, batch_idx: int) -> None:  # noqa: ARG002
        """Add a batch to loss and scores of the validation split, in which each pixel counts once."""
        scores = self(batch).output.float()
        batch = batch.copy()
        batch["mask"] = known_once(batch)
        loss = self.criterion(scores, batch)
        self.log("val/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch["sample_id"]))
        self.update_metrics("val", scores, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the scores of the validation split."""
        self.log_dict({f"val/{name}": value for name, value in self.compute_metrics("val").items()}, prog_bar=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return optimiser and schedule; the schedule moves with each step."""
        optimizer = self._optimizer.build([p for p in self.model.parameters() if p.requires_grad])
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        schedule = LambdaLR(optimizer, lambda step: self._schedule.factor(step / steps))
        return {"optimizer": optimizer, "lr_scheduler": LRSchedulerConfigType(scheduler=schedule, interval="step")}
