"""Which of Kedro's runners a run may take: results must not depend on which node comes first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node

from groundwork.config import InferenceConfig

#: Functions of nodes whose results hang on the random generators of their process.
DRAWING = {"train_model", "search_learning_rate"}
#: Those that build a model, which draws its first weights, whatever becomes of them. With dropout samples, what they
#: give hangs on the generators, too.
BUILDING = {"describe_model", "evaluate_model", "draw_panel", "draw_extremes", "predict_scenes", "export_model"}


class RunnerError(ValueError):
    """A runner that cannot run what is asked for, or not with the same results each time."""


def name_of(runner: object) -> str:
    """Return the name of a runner, which Kedro gives by its name or as it would be printed."""
    return re.sub(r"^<(?:.*\.)?(\w+) object at .*$", r"\1", str(runner or "SequentialRunner"))


def check_runner(run_params: Mapping[str, Any], pipeline: Pipeline, inference: InferenceConfig | None) -> None:
    """Refuse threads where nodes would draw from one generator at the same time.

    Args:
        run_params: What Kedro says of the run.
        pipeline: What is to run.
        inference: How models are asked. None: no matter.

    Raises:
        RunnerError: With what would run beside one another, and what to take.
    """
    if name_of(run_params.get("runner")) != "ThreadRunner":
        return
    drawing = DRAWING | (BUILDING if inference is not None and inference.dropout_samples else set())
    for node in pipeline.nodes:
        if node.func.__name__ in drawing and (beside := _beside(node, pipeline)):
            space = node.name.partition(".")[0]
            by_itself = f", or run that pipeline by itself: `kedro run --pipelines {space} --runner ThreadRunner`"
            raise RunnerError(
                f"ThreadRunner may run '{node.name}' in one process with {beside}. All draw from the same random "
                "generators, so results would depend on which of them comes first. Take SequentialRunner (the "
                f"default) or ParallelRunner{'' if any(name.startswith(space) for name in beside) else by_itself}."
            )


def _beside(node: Node, pipeline: Pipeline) -> list[str]:
    """Return the nodes that draw, need not wait for a node, and for which it need not wait."""
    before = pipeline.to_nodes(node.name).nodes
    behind = pipeline.from_nodes(node.name).nodes
    waiting = {other.name for other in (*before, *behind)}
    drawing = [other for other in pipeline.nodes if other.func.__name__ in DRAWING | BUILDING]
    return sorted(other.name for other in drawing if other.name not in waiting)
