"""What a training is recognised by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version

from pydantic import BaseModel
from pydantic.main import IncEx

from groundwork import fingerprint
from groundwork.bundle import PRESENTATION, Bundle, component_names
from groundwork.config.training import TrainingConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics

#: Of a training: what only shows it.
SHOWN: IncEx = {"loggers", "pictures"}


def identity(
    initial: Bundle,
    data: LabelledData,
    statistics: Statistics,
    training: TrainingConfig,
    seed: int,
    others: Sequence[str] = (),
) -> str:
    """Return the fingerprint of all that a training is made from, by which it is recognised.

    Args:
        initial: The untrained bundle.
        data: Samples, and the rasters they are read from.
        statistics: Of the training split.
        training: How the weights are found.
        seed: Of all that is drawn.
        others: What else it is made from.
    """
    named = (training.task, training.optimizer, training.schedule, training.sampling)
    averages = [] if training.averaging is None else [training.averaging]
    components = [part.name for part in (*named, *averages, *training.loss, *training.augmentation)]
    return fingerprint.fingerprint(
        fingerprint.of_components([*component_names(initial.config.model), *components]),
        _in_order(initial.config, PRESENTATION),
        fingerprint.of_weights(initial.weights),
        fingerprint.of_table(data.samples),
        statistics.model_dump_json(),
        _in_order(training, SHOWN),
        str(seed),
        fingerprint.of_code(),
        # It resamples training chips, and nothing else.
        version("kornia"),
        *fingerprint.library_versions().values(),
        *others,
    )


def _in_order(config: BaseModel, without: IncEx) -> str:
    """Return a configuration as text: in which order a file names its keys is no part of what is made from it."""
    return json.dumps(config.model_dump(mode="json", exclude=without), sort_keys=True)
