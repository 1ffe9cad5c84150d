"""What a training refuses."""


class TrainingError(RuntimeError):
    """The training cannot go on."""
