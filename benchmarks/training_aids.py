"""What each aid of training gains over the same training without it, on the validation split, over several seeds.

``python benchmarks/training_aids.py landcover_s2`` takes a recipe whose ``data_prep`` was run. Each aid is compared
with the plain training of the same seed, so that what a seed gives to both is no gain; the spread is that of the gains.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DataCatalog

from groundwork.bundle import Bundle
from groundwork.config import TrainingConfig
from groundwork.config.inference import InferenceConfig
from groundwork.data.chips import LabelledData
from groundwork.data.statistics import Statistics
from groundwork.evaluation.predictors import ModelPredictor
from groundwork.evaluation.scores import MODEL, evaluate
from groundwork.training.fit import fit
from groundwork.training.initial import build_initial

#: One thread, as others that wait for each other take many times as long where something else runs.
PLAIN: dict[str, Any] = {
    "augmentation": [],
    "averaging": None,
    "keep_best": 1,
    "schedule": "constant",
    "threads": 1,
}
#: Stands for half of the epochs.
HALF = -1
FLIPS = ["horizontal_flip", "vertical_flip", "quarter_turns"]
BRIGHTNESS = [{"name": "gain", "limit": 0.1}, {"name": "offset", "limit": 0.1}]
#: Aid -> what it changes of the plain training.
AIDS: dict[str, dict[str, Any]] = {
    "flips and quarter turns": {"augmentation": FLIPS},
    "brightness": {"augmentation": BRIGHTNESS},
    "cosine schedule with warm-up": {"schedule": {"name": "cosine", "warmup": 0.1}},
    "averaging: ema": {"averaging": {"name": "ema", "decay": 0.99}},
    "averaging: swa from the middle on": {"averaging": {"name": "swa", "from_epoch": HALF}},
    "keep_best: 3": {"keep_best": 3},
    "all of them": {
        "augmentation": FLIPS + BRIGHTNESS,
        "schedule": {"name": "cosine", "warmup": 0.1},
        "averaging": {"name": "ema", "decay": 0.99},
    },
}
#: Asked of the plain model, and of that with all aids, whose training knows the views.
VIEWS = InferenceConfig(augment="d4")


def main() -> None:
    """Train all, and print the gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", help="an environment of the project, such as landcover_s2; 'local' for the sample")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="of each training; those of the recipe, where it is left out")
    options = parser.parse_args()
    project = Path.cwd()
    bootstrap_project(project)
    with KedroSession.create(project, env=options.recipe) as session:
        catalog = session.load_context().catalog
        logging.disable(logging.INFO)
        runs = [_scores_of(catalog, seed, options.epochs) for seed in range(options.seeds)]
    plain = [run["plain"] for run in runs]
    print(f"plain: {statistics.mean(plain):.3f} ({', '.join(f'{score:.3f}' for score in plain)})")
    for aid in [name for name in runs[0] if name != "plain"]:
        gains = [run[aid] - run["plain"] for run in runs]
        spread = f"{statistics.stdev(gains):.3f}" if len(gains) > 1 else "unknown"
        print(f"{aid}: {statistics.mean(gains):+.3f}, spread {spread} ({', '.join(f'{gain:+.3f}' for gain in gains)})")


def _scores_of(catalog: DataCatalog, seed: int, epochs: int | None) -> dict[str, float]:
    """Return the main score on the validation split, by aid."""
    config, model, stated = (catalog.load(f"params:{name}") for name in ("data", "model", "training"))
    initial = build_initial(config, model, seed)
    data = initial.labelled(*(catalog.load(name) for name in ("samples", "scenes", "labels", "packed_chips")))
    known = Statistics.model_validate(catalog.load("statistics"))
    base = stated.model_dump(mode="json") | PLAIN | ({} if epochs is None else {"max_epochs": epochs})
    changed = {"plain": {}, **AIDS}
    bundles = {aid: _train(initial, data, known, _config(base, changes), seed) for aid, changes in changed.items()}
    scores = {aid: _score(bundle, data, InferenceConfig()) for aid, bundle in bundles.items()}
    scores["inference.augment: d4, plain"] = _score(bundles["plain"], data, VIEWS)
    scores["inference.augment: d4, all of them"] = _score(bundles["all of them"], data, VIEWS)
    print(f"seed {seed}: " + ", ".join(f"{aid} {score:.3f}" for aid, score in scores.items()), flush=True)
    return scores


def _config(base: Mapping[str, Any], changes: Mapping[str, Any]) -> TrainingConfig:
    stated = {**base, **changes}
    if stated["averaging"] is not None and stated["averaging"].get("from_epoch") == HALF:
        stated["averaging"] = {**stated["averaging"], "from_epoch": stated["max_epochs"] // 2}
    return TrainingConfig.model_validate(stated)


def _train(initial: Bundle, data: LabelledData, known: Statistics, training: TrainingConfig, seed: int) -> Bundle:
    with tempfile.TemporaryDirectory() as folder:
        return fit(initial, data, known, training, seed, Path(folder)).bundle


def _score(bundle: Bundle, data: LabelledData, asked: InferenceConfig) -> float:
    found: Mapping[str, Any] = evaluate({MODEL: ModelPredictor(bundle, asked)}, data, 16, "val").total(MODEL).report()
    return float(found[data.kind.main_score])


if __name__ == "__main__":
    main()
