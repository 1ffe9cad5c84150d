"""What predictions say of their origin."""

from __future__ import annotations

import json
from pathlib import Path

from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.rasters.feature_writing import SUFFIX, tags_of
from groundwork.rasters.opening import open_dataset

_MODEL = "GROUNDWORK_MODEL"


def was_predicted(path: Path) -> bool:
    """Whether a file is a prediction, by its tags; False where there is none."""
    if not path.is_file():
        return False
    if path.suffix == SUFFIX:
        return _MODEL in tags_of(path)
    with open_dataset(path) as raster:
        return _MODEL in raster.tags()


def _asked(config: InferenceConfig) -> dict[str, str]:
    """Return how the model was asked, where that was not once and in single precision."""
    views, samples = config.augment, config.dropout_samples
    said = {
        "GROUNDWORK_VIEWS": "" if views.is_plain else views.model_dump_json(),
        "GROUNDWORK_DROPOUT_SAMPLES": str(samples or ""),
        "GROUNDWORK_PRECISION": "" if config.precision == "float32" else config.precision,
    }
    return {name: value for name, value in said.items() if value}


def provenance_tags(bundle: Bundle, name: str, config: InferenceConfig) -> dict[str, str]:
    """Return what a prediction says of its origin.

    Args:
        bundle: What it was predicted with.
        name: Of the scene.
        config: How it was predicted.
    """
    target = bundle.config.target
    classes = {entry.name: entry.value for entry in target.classes}
    outputs = {output.name: output.unit for output in target.outputs}
    what = {"GROUNDWORK_OUTPUTS": json.dumps(outputs)} if outputs else {"GROUNDWORK_CLASSES": json.dumps(classes)}
    return {
        **(what if bundle.produces == "answers" else {"GROUNDWORK_PRODUCT": bundle.produces}),
        "GROUNDWORK_INPUT": name,
        _MODEL: bundle.config.model.title(),
        "GROUNDWORK_TILES": f"size {config.tile_size}, overlap {config.overlap}",
        **_asked(config),
        **{f"GROUNDWORK_{name.upper()}": value for name, value in sorted(bundle.config.provenance.items())},
    }
