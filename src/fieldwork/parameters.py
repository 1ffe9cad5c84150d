"""Which parameters there are, and the class of each. A parameter of your own gets its line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError

from fieldwork.pipelines.sample_data.config import SampleDataConfig
from fieldwork.tracking_config import TrackingConfig
from groundwork.config import (
    DataConfig,
    EvaluationConfig,
    ExportConfig,
    IndexingConfig,
    InferenceConfig,
    ModelConfig,
    RateSearchConfig,
    TrainingConfig,
)
from groundwork.strict import did_you_mean, explain

#: What generators of NumPy and PyTorch both take.
Seed: TypeAlias = Annotated[int, Field(strict=True, ge=0, lt=2**32)]

PARAMETERS: dict[str, Any] = {
    "data": DataConfig,
    "data_prep": IndexingConfig,
    "model": ModelConfig,
    "training": TrainingConfig,
    "learning_rate_search": RateSearchConfig,
    "evaluation": EvaluationConfig,
    "inference": InferenceConfig,
    "export": ExportConfig,
    "seed": Seed,
    "sample_data": SampleDataConfig,
    "tracking": TrackingConfig,
}

#: Parameter -> its keys on which results depend, where others only say who does the work.
DECIDING_PARTS = {"data_prep": ("on_bad_scene",)}


class UnknownParameterError(ValueError):
    """A parameter that nothing reads."""


class ParameterError(ValueError):
    """A parameter that is missing, or not of its class."""


def check_names(names: Iterable[str], asked_for: Iterable[str] = ()) -> None:
    """Refuse parameters that nothing reads.

    Args:
        names: Those that are stated.
        asked_for: Others that may be given with ``--params``, as ``${runtime_params:}`` asks for them.

    Raises:
        UnknownParameterError: With the nearest known name.
    """
    known = [*PARAMETERS, *sorted(asked_for)]
    for name in names:
        if name not in known:
            raise UnknownParameterError(
                f"Unknown parameter '{name}'.{did_you_mean(name, known)} Known: {known}. One of your own gets its line "
                f"in src/{__name__.replace('.', '/')}.py; a value for the catalog is asked for there, by "
                f"${{runtime_params:{name},default}}."
            )


def read_parameters(
    values: Mapping[str, Any], files_with: Callable[[str], Sequence[str]], asked_for: Iterable[str] = ()
) -> dict[str, Any]:
    """Return all parameters as their classes, whatever pipeline runs: what is wrong in one is never a matter of luck.

    Args:
        values: The parameters as read, by name.
        files_with: Gives the files that state a parameter.
        asked_for: As of :func:`check_names`.

    Raises:
        UnknownParameterError: For one that nothing reads.
        ParameterError: For the first one that is missing or wrong, with the files that state it.
    """
    check_names(values, asked_for)
    read: dict[str, Any] = {}
    for name, kind in PARAMETERS.items():
        if name not in values:
            raise ParameterError(f"Parameter '{name}' is stated nowhere. Add it to conf/base.")
        try:
            read[name] = TypeAdapter(kind).validate_python(values[name])
        except ValidationError as error:
            places = " and ".join(files_with(name)) or "no file"
            raise ParameterError(f"Parameter '{name}', stated in {places}:\n{explain(name, error)}") from error
    return read
