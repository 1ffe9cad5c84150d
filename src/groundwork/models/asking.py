"""Who is asked for scores, by what the configuration says of how: evaluation and prediction both take it from here."""

from __future__ import annotations

import os

import torch

from groundwork.config.inference import InferenceConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.models.compiling import compile_model, require_compiler
from groundwork.models.dropout import DropoutScorer
from groundwork.models.engine import Engine, ModelScorer, Scorer
from groundwork.models.folding import fold_batch_norms
from groundwork.models.interface import Model
from groundwork.models.memory_layout import lay_channels_last
from groundwork.models.views import ViewScorer, views_of
from groundwork.targets.kind import TargetKind

#: How many tiles are asked about at once where the configuration leaves it open, on a GPU, and at most elsewhere.
_ON_GPU, _ELSEWHERE = 32, 8
#: Of so many pixels each thread of a processor is busy; more of them are slower, as layers no longer fit its caches.
_PIXELS_PER_THREAD = 2 * 256**2


def engine_of(scorer: Scorer, config: InferenceConfig, largest: int = 0) -> Engine:
    """Return what asks a scorer: on which device, how precisely, and in how large batches.

    Args:
        scorer: Is asked.
        config: How.
        largest: Size of the largest batch that may come, where it is known.

    Raises:
        ComponentError: For a device that is not here.
    """
    device = device_of(config)
    divide = config.batch_size == "auto"
    return Engine(scorer, device, config.precision, fill=config.compile, divide=divide, largest=largest)


def device_of(config: InferenceConfig) -> torch.device:
    """Return what a model computes on.

    Raises:
        ComponentError: For a device that is not here, with those that are.
    """
    if config.device == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    here = ["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])]
    # "cuda" is the first.
    wanted = "cuda:0" if config.device == "cuda" else config.device
    if wanted not in here:
        raise ComponentError(
            f"'inference.device' is {config.device}, which is not here: found {here}. Set one of them, or 'auto', for "
            "the first GPU, or else the processor. A GPU that is there and not found lacks its driver, or torch was "
            "installed without it."
        )
    return torch.device(wanted)


def gpus_of(config: InferenceConfig) -> tuple[str, ...]:
    """Return what CUDA calls the GPUs that processes of this machine may share among them; none for a device of choice.

    They are those that this process sees: ``CUDA_VISIBLE_DEVICES`` may leave some out.
    """
    if config.device not in {"auto", "cuda"}:
        return ()
    seen = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    count = torch.cuda.device_count()
    return tuple(seen[:count] or map(str, range(count)))


def tiles_at_once(config: InferenceConfig) -> int:
    """Return the size of batches of tiles."""
    if config.batch_size != "auto":
        return config.batch_size
    if device_of(config).type != "cpu":
        return _ON_GPU
    busy = torch.get_num_threads() * _PIXELS_PER_THREAD // config.tile_size**2
    return min(max(busy, 1), _ELSEWHERE)


def ready_to_ask(model: Model, config: InferenceConfig) -> Model:
    """Return a model as it is asked: without batch norms of their own, and compiled when it is first asked if wished.

    Args:
        model: Which nobody trains or writes from now on: its weights have other names.
        config: How it is asked.

    Raises:
        ComponentError: Where the programs that compiling takes are not here.
    """
    fold_batch_norms(model.eval())
    # As images come to it, and faster on processors too.
    lay_channels_last(model)
    if config.compile:
        require_compiler(device_of(config), "inference.compile")
        compile_model(model)
    return model


def scorer_of(model: Model, kind: TargetKind, config: InferenceConfig) -> Scorer:
    """Return what gives the scores of a model's answers: once, in several views, with dropout, or both.

    Args:
        model: Of which answers are asked.
        kind: What they mean, and how several of them are made one.
        config: How it is asked.

    Raises:
        SpecError: For dropout that the model does not have, for options that this kind has no use for, and for
            another precision than a program has.
    """
    if model.is_settled and config.precision != "float32":
        raise SpecError(
            f"'inference.precision: {config.precision}' would have no effect: an exported file computes in float32. "
            "Set 'precision: float32', or predict with the bundle itself"
        )
    scorer: Scorer = ModelScorer(model)
    if config.dropout_samples:
        scorer = DropoutScorer(model, config.dropout_samples, kind.combine)
    if config.augment.is_plain:
        return scorer
    if kind.per == "nothing":
        raise SpecError(_no_answers("nothing"))
    return ViewScorer(scorer, views_of(config.augment), kind.per, kind.combine)


def refuse_asking(produces: str, config: InferenceConfig) -> None:
    """Refuse options of asking for a model that gives no answers.

    Raises:
        SpecError: With what to change.
    """
    if produces != "answers" and not (config.augment.is_plain and not config.dropout_samples):
        raise SpecError(_no_answers(produces))


def refuse_compiling(produces: str, config: InferenceConfig) -> None:
    """Refuse to predict with a model compiled that is not asked as it is in training, and would run as it is.

    Raises:
        SpecError: With what to change.
    """
    if produces == "reconstruction" and config.compile:
        raise SpecError(
            "'inference.compile' has no effect where a model of images alone paints a scene, as it is asked in another "
            "way than in training: set it to false"
        )


def require_able(config: InferenceConfig) -> None:
    """Refuse what this machine cannot do, before a scene is read. Workers of Dask have devices of their own.

    Raises:
        ComponentError: For a device that is not here, and where programs are missing that compiling takes.
    """
    if config.engine == "processes":
        device = device_of(config)
        if config.compile:
            require_compiler(device, "inference.compile")


def _no_answers(given: str) -> str:
    return (
        f"'inference' asks the model several times, to make one answer of all; it gives {given}, no answers: set "
        "'inference.augment: none' and 'inference.dropout_samples: 0'"
    )
