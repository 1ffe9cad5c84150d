"""Learning-rate schedules by name."""

from groundwork.registry import Table

SCHEDULES: Table = {
    "constant": "groundwork.tasks.schedules.by_progress:ConstantSchedule",
    "cosine": "groundwork.tasks.schedules.by_progress:CosineSchedule",
    "exponential": "groundwork.tasks.schedules.by_progress:ExponentialSchedule",
    "one_cycle": "groundwork.tasks.schedules.by_progress:OneCycleSchedule",
    "plateau": "groundwork.tasks.schedules.plateau:PlateauSchedule",
    "polynomial": "groundwork.tasks.schedules.by_progress:PolynomialSchedule",
    "restarts": "groundwork.tasks.schedules.by_progress:RestartsSchedule",
    "sequence": "groundwork.tasks.schedules.sequence:SequenceSchedule",
    "steps": "groundwork.tasks.schedules.by_progress:StepsSchedule",
    "timm": "groundwork.tasks.schedules.foreign:TimmSchedule",
    "torch": "groundwork.tasks.schedules.foreign:TorchSchedule",
}
