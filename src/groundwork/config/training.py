"""``parameters_training.yml``: how the weights are found."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from groundwork.config.component import ComponentConfig, named
from groundwork.strict import Config, did_you_mean

#: Trainer arguments that are stated elsewhere, and where.
RESERVED = {
    "max_epochs": "training.max_epochs",
    "logger": "training.loggers; the history is always kept, and needs none",
    "callbacks": "training.early_stopping, averaging, keep_best, freeze and pictures",
    "default_root_dir": "the folder of checkpoints, which is given to the training",
    "enable_checkpointing": "the folder of checkpoints, which is given to the training",
    "barebones": "it keeps no history",
    "use_distributed_sampler": "the project's own samplers divide the chips between processes",
    "fast_dev_run": "it keeps no weights; for a trial, training.max_epochs: 1 and trainer.limit_train_batches",
}


#: How much a loss counts beside others.
Weight = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class LossTerm(ComponentConfig):
    """One loss; several are added up by their weights."""

    weight: Weight = 1.0


class LoaderConfig(Config):
    """How batches are read."""

    batch_size: int = Field(default=8, gt=0)
    #: Processes that read chips beside the training process. The batches are the same for any number.
    num_workers: int = Field(default=0, ge=0)


#: What happens to training chips unless told otherwise: a scene from above has no upper side.
SYMMETRIES = tuple(ComponentConfig(name=name) for name in ("horizontal_flip", "vertical_flip", "quarter_turns"))

#: Which chips an epoch is made of unless told otherwise.
GRID = ComponentConfig(name="grid")


class ParameterGroupsConfig(Config):
    """Which weights learn faster or slower than others. Nothing is stated: all learn alike."""

    #: Whether biases, and weights of norms, decay as all others do.
    decay_norms_and_biases: bool = True
    #: Factor on the learning rate from each layer of the encoder to the one before it, as transformers are fine-tuned:
    #: with 0.75 the last of 12 layers learns at 0.75, the first at 0.03 times the rate. None: all learn alike.
    layer_decay: float | None = Field(default=None, gt=0, le=1)
    #: Part of the model, such as ``encoder`` or ``head``, or a pattern over names of weights, such as ``*.norm*`` ->
    #: factor on the learning rate. Factors of all that fit are multiplied.
    rates: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(default_factory=dict)


class FreezeConfig(Config):
    """Parts of the model whose weights stay as they are, to the end or for some epochs."""

    encoder: bool = False
    decoder: bool = False
    #: For how many epochs; then they learn as all others do, at their rate of ``parameter_groups``. None: to the end.
    until_epoch: int | None = Field(default=None, gt=0)
    #: The encoder does not begin to learn as a whole: its last layer at ``until_epoch``, and one more after each so
    #: many epochs. None: all of it at once.
    unfreeze_layers_every: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _check_stated(self) -> FreezeConfig:
        if self.until_epoch is not None and not (self.encoder or self.decoder):
            raise ValueError("until_epoch needs what is frozen until then: 'encoder: true', 'decoder: true' or both")
        if self.unfreeze_layers_every is not None and (self.until_epoch is None or not self.encoder):
            raise ValueError(
                "unfreeze_layers_every needs 'encoder: true', and 'until_epoch': when its last layer begins to learn"
            )
        return self


class PicturesConfig(Config):
    """Pictures of predictions while a model learns."""

    #: After how many epochs there is one.
    every: int = Field(gt=0)
    #: Validation chips that are shown, evenly picked.
    count: int = Field(default=4, gt=0, le=64)


#: The score that weights are chosen by follows from what is learnt.
AUTO = "auto"


def _named_in(parts: object, wanted: str) -> object:
    """Return a list of components of which some are bare names."""
    if isinstance(parts, list | tuple):
        return [named(part) for part in parts]
    found = f"the keys {sorted(map(str, parts))}" if isinstance(parts, dict) else repr(parts)
    raise ValueError(f"must be a list of {wanted}; found {found}")


class TrainingConfig(Config):
    """How the weights are found."""

    #: What is learnt.
    task: ComponentConfig = ComponentConfig(name="semantic_segmentation")
    max_epochs: int = Field(gt=0)
    loader: LoaderConfig = LoaderConfig()
    #: Which chips an epoch of training is made of. grid: each of the table once. random: windows drawn anew each epoch
    #: on their ground. around_objects: such windows around pixels of some classes. balanced: those that hold rare
    #: classes more often.
    sampling: ComponentConfig = GRID
    #: Random changes to training chips, one after the other; image, label and validity move together. Empty: none.
    augmentation: tuple[ComponentConfig, ...] = SYMMETRIES
    loss: tuple[LossTerm, ...] = Field(min_length=1)
    #: Auxiliary branch -> weight of its loss. Must name each branch of the model, and no other.
    auxiliary_loss: dict[str, Weight] = Field(default_factory=dict)
    optimizer: ComponentConfig
    schedule: ComponentConfig = ComponentConfig(name="constant")
    #: Which weights learn faster or slower than others.
    parameter_groups: ParameterGroupsConfig = ParameterGroupsConfig()
    freeze: FreezeConfig = FreezeConfig()
    #: What a loss is taken over where several processes train. batch: the chips of all of them, so that the slopes are
    #: those of one process with the whole batch; scores travel between processes at each step. process: the chips of
    #: each, which saves that; losses are then averaged by the number of chips, whatever is known in them.
    loss_over: Literal["batch", "process"] = "batch"
    #: Weights that are the mean of those of many steps or epochs: they are judged on the validation split, and kept.
    #: ``ema``: a moving mean over steps. ``swa``: the mean over epochs. None: the weights as they are.
    averaging: ComponentConfig | None = None
    #: The score on the validation split by which the best weights are chosen. auto: the main score of what is learnt,
    #: such as ``val/miou``. None: the last weights are kept, which is steadier where the validation split is small.
    monitor: str | None = AUTO
    #: Keep the mean of the weights of so many best epochs, where it scores higher than the best of them.
    keep_best: int = Field(default=1, gt=0, le=100)
    #: Whether a temperature is fitted on the validation split, by which scores become probabilities that are right as
    #: often as they say. The class that is decided stays the same. Only for classes of pixels or images.
    calibrate: bool = False
    #: Share of answers whose true class may be missing from the set of those that are possible: from which probability
    #: on a class belongs to it is chosen on the validation split (conformal prediction). None: there are no sets. Only
    #: for one class per pixel or image.
    conformal: float | None = Field(default=None, gt=0, lt=1)
    #: Stop after this many epochs without a better score. None: never.
    early_stopping: int | None = Field(default=None, gt=0)
    #: Let ``torch.compile`` make the model faster. It takes a compiler, and minutes before the first step.
    compile: bool = False
    #: Keep images and weights of convolutions channel by channel in memory, as many GPUs compute fastest.
    channels_last: bool = False
    #: Threads that PyTorch computes with on the processor. The last digits of weights depend on it, as sums are added
    #: up in another order. None: as many as the machine has, so that other machines may get other digits.
    threads: int | None = Field(default=None, gt=0, le=1024)
    #: Where scores are shown beside the history, while the training goes on: tensorboard, mlflow or wandb. They change
    #: nothing of what is learnt.
    loggers: tuple[ComponentConfig, ...] = ()
    #: Pictures of predictions for validation chips, in the folder of the run and in its loggers. None: none.
    pictures: PicturesConfig | None = None
    #: Any other argument of Lightning's Trainer.
    trainer: dict[str, Any] = Field(default_factory=dict)

    @field_validator("task", "sampling", "schedule", "averaging", mode="before")
    @classmethod
    def _accept_bare_name(cls, part: object) -> object:
        return named(part)

    @field_validator("augmentation", mode="before")
    @classmethod
    def _accept_bare_changes(cls, changes: object) -> object:
        return _named_in(changes, "changes by name, such as [horizontal_flip, {name: gain, limit: 0.1}]")

    @field_validator("loggers", mode="before")
    @classmethod
    def _accept_bare_loggers(cls, loggers: object) -> object:
        return _named_in(loggers, "loggers by name, such as [tensorboard, {name: mlflow, experiment: water}]")

    @field_validator("trainer")
    @classmethod
    def _refuse_reserved(cls, trainer: dict[str, Any]) -> dict[str, Any]:
        for name in trainer:
            if name in RESERVED:
                raise ValueError(f"trainer.{name} is not set here: see {RESERVED[name]}")
        return trainer

    @model_validator(mode="after")
    def _check_monitor(self) -> TrainingConfig:
        if self.monitor is None and self.early_stopping is not None:
            raise ValueError("early_stopping needs a 'monitor': the score that must get better")
        if self.monitor is None and self.keep_best > 1:
            raise ValueError(
                "keep_best needs a 'monitor': the score by which epochs are chosen. For the mean of the last epochs, "
                "take 'averaging: {name: swa, from_epoch: ...}'"
            )
        if self.monitor is not None and self.monitor != AUTO and not self.monitor.startswith("val/"):
            hint = did_you_mean(self.monitor, ["val/miou", "val/loss"])
            raise ValueError(
                f"monitor must be a score of the validation split, such as 'val/miou'; found '{self.monitor}'.{hint}"
            )
        until = self.freeze.until_epoch
        if until is not None and until >= self.max_epochs:
            raise ValueError(
                f"freeze.until_epoch is {until}, and the training ends after {self.max_epochs} epochs (max_epochs): "
                "nothing would begin to learn. Lower it, or leave it out to keep the parts frozen to the end"
            )
        return self
