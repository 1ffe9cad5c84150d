"""What runs are recorded with: MLflow, or DVCLive. Both are extras, and imported where they are used."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from fieldwork.tracking_config import TrackingConfig

#: What MLflow takes in names, and how long a parameter may be.
FOREIGN = re.compile(r"[^\w\-. /]", re.ASCII)
LONGEST = 500


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of a run."""

    #: Name of the recipe.
    recipe: str
    parameters: Mapping[str, object]
    #: Name -> value; and name -> values by epoch.
    scores: Mapping[str, float]
    history: Mapping[str, Sequence[tuple[int, float]]]
    pictures: Mapping[str, Path]
    #: Other files, and folders such as the bundle.
    artifacts: Mapping[str, Path]


class Tracker(ABC):
    """Records runs."""

    @abstractmethod
    def record(self, run: Recorded, folder: Path, config: TrackingConfig) -> None:
        """Record a run.

        Args:
            run: What is recorded.
            folder: Where files lie that all runs share.
            config: What the recipe says.
        """


@final
class MLflowTracker(Tracker):
    """One run of MLflow for each run here, with artifacts."""

    def record(self, run: Recorded, folder: Path, config: TrackingConfig) -> None:
        """See :class:`Tracker`."""
        from mlflow import MlflowClient  # noqa: PLC0415 - an extra

        client = MlflowClient(tracking_uri=config.server or f"sqlite:///{folder.resolve() / 'mlflow.db'}")
        known = client.get_experiment_by_name(config.experiment)
        location = None if config.server else (folder.resolve() / "mlflow").as_uri()
        sorted_under = (
            known.experiment_id if known else client.create_experiment(config.experiment, artifact_location=location)
        )
        made = client.create_run(sorted_under, run_name=run.recipe).info.run_id
        for name, value in run.parameters.items():
            client.log_param(made, FOREIGN.sub("_", name), str(value)[:LONGEST])
        for name, score in run.scores.items():
            client.log_metric(made, FOREIGN.sub("_", name), score)
        for name, values in run.history.items():
            for epoch, score in values:
                client.log_metric(made, FOREIGN.sub("_", name), score, step=epoch)
        for path in run.pictures.values():
            client.log_artifact(made, str(path), "figures")
        for name, path in run.artifacts.items():
            log = client.log_artifacts if path.is_dir() else client.log_artifact
            log(made, str(path), name)
        client.set_terminated(made)


@final
class DVCLiveTracker(Tracker):
    """Files of DVCLive under the name of the recipe; DVC's own files are left alone, as they are derived."""

    def record(self, run: Recorded, folder: Path, config: TrackingConfig) -> None:
        """See :class:`Tracker`."""
        from dvclive import Live  # noqa: PLC0415 - an extra
        from dvclive.utils import clean_and_copy_into  # noqa: PLC0415 - an extra

        place = folder / "dvclive" / config.experiment / run.recipe
        place.mkdir(parents=True, exist_ok=True)
        # What trains begins anew. An evaluation or a report, which DVC runs by themselves, adds to what is there.
        adds = not run.history
        with Live(dir=str(place), resume=adds, save_dvc_exp=False, dvcyaml=None, cache_images=False) as live:
            if adds:
                # Otherwise each addition would count as an epoch.
                live.step = live.read_step()
            live.log_params(dict(run.parameters))
            epochs = sorted({epoch for values in run.history.values() for epoch, _ in values})
            by_epoch = {name: dict(values) for name, values in run.history.items()}
            for epoch in epochs:
                live.step = epoch
                for name, values in by_epoch.items():
                    if epoch in values:
                        live.log_metric(name, values[epoch])
            for name, score in run.scores.items():
                live.log_metric(name, score, plot=False)
            for name, path in run.pictures.items():
                live.log_image(f"{name}{path.suffix}", str(path))
            for path in run.artifacts.values():
                clean_and_copy_into(str(path), live.artifacts_dir)


#: Name -> what records with it; each is named as the package that it needs.
TRACKERS: dict[str, type[Tracker]] = {"mlflow": MLflowTracker, "dvclive": DVCLiveTracker}
