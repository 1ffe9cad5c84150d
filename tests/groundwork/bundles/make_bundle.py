"""Make the bundle that is kept of the format that is written now: ``python tests/groundwork/bundles/make_bundle.py``.

Later versions must read it, and get the same scores of it. Bundles of earlier formats stay as they were written.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from groundwork.batch import Images
from groundwork.bundle import Bundle, save_bundle
from groundwork.bundle_formats import FORMAT_VERSION
from groundwork.config.data import ChipsConfig, DataConfig, SplitConfig
from groundwork.config.model import ModelConfig
from groundwork.models.engine import Engine, ModelScorer
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.training.initial import build_initial

FOLDER = Path(__file__).parent
SCORES = "scores.json"


def image() -> NDArray[np.int16]:
    """Return raw values (1, 2, 24, 24), by a formula, so that they need no file."""
    rows, columns = np.mgrid[:24, :24]
    return np.stack([100 + 37 * rows + 11 * columns, 2000 - 23 * rows + 5 * columns])[None].astype(np.int16)


def scores_of(bundle: Bundle) -> NDArray[np.float32]:
    """Return the raw scores of the image, of every fourth pixel."""
    engine = Engine(ModelScorer(bundle.build_model()), torch.device("cpu"))
    given = Images({bundle.reference: torch.from_numpy(image())})
    return np.asarray(engine.scores(given, "the image").numpy()[0, :, ::4, ::4])


def main() -> None:
    """Write it."""
    data = DataConfig(
        sources={"optical": RasterSpec(bands=("RED", "NIR"), dtype="int16", nodata=-9999)},
        target=TargetSpec(
            classes=[
                {"value": 1, "name": "water", "color": "#2f6fb5"},
                {"value": 4, "name": "land", "color": "#d8cfb8"},
            ]
        ),
        chips=ChipsConfig(size=24),
        split=SplitConfig(method="scenes"),
    )
    model = ModelConfig(encoder={"name": "unet", "channels": [4, 6, 8]}, decoder={"name": "unet", "channels": [6, 4]})
    bundle = build_initial(data, model, 7)
    trained = replace(bundle, config=bundle.config.model_copy(update={"trained": True}))
    place = FOLDER / f"format_{FORMAT_VERSION}"
    save_bundle(trained, place)
    found = scores_of(trained)
    (place.with_suffix(".json")).write_text(f"{json.dumps(found.round(6).tolist())}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
