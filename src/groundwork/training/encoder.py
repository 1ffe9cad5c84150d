"""Keep the encoder of a model that learnt from images alone as a file, from which other models start."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from groundwork.atomic import partial_folder, replace_folder
from groundwork.bundle import Bundle
from groundwork.models.painting import require_painter
from groundwork.models.weights.own_statistics import KEY, OwnStatistics

#: The weights, and what is said of them; the latter alone where there are none.
WEIGHTS, DESCRIPTION = "encoder.safetensors", "encoder.json"


@dataclass(frozen=True, slots=True)
class EncoderWeights:
    """What other models start from."""

    #: By the names that the option ``weights`` of the encoder understands. Empty: there are none of use.
    weights: Mapping[str, Tensor] = field(default_factory=dict)
    #: Names of the bands that they were trained on, in order.
    bands: tuple[str, ...] = ()
    #: What rasters were standardised by. None: there are no weights.
    statistics: OwnStatistics | None = None
    #: What they belong to, and how to use them, or why there are none.
    words: str = ""


def encoder_of(bundle: Bundle) -> EncoderWeights:
    """Return the encoder of a trained model, where it learnt from images alone.

    Raises:
        BundleError: Where the bundle was never trained.
    """
    bundle.require_trained()
    if bundle.produces != "reconstruction":
        return EncoderWeights(
            words="Only models that learn from images alone leave an encoder for others to start from."
        )
    model = require_painter(bundle.build_model())
    raster = bundle.config.inputs[model.source]
    mean, std = (bundle.weights[f"standardise.{model.source}.{part}"] for part in ("mean", "std"))
    words = (
        f"The encoder of {_told(bundle)}. Start from it by 'pretrained: true' and 'weights', the path of "
        f"{WEIGHTS}, in the options of an encoder of the same variant; its bands, and the statistics that "
        "'standardise: from_encoder' takes, are told by the file."
    )
    bands = tuple(band.name for band in raster.used)
    return EncoderWeights(model.encoder_weights(), bands, OwnStatistics.of(raster, mean, std), words)


def _told(bundle: Bundle) -> str:
    """Say which model it is, by its last component, such as the whole model that a factory builds."""
    component = list(bundle.config.model.components())[-1]
    return json.dumps({"name": component.name, **component.options})


def save_encoder(encoder: EncoderWeights, path: Path) -> None:
    """Write an encoder as a folder, whole or not at all; the same encoder gives the same bytes."""
    with partial_folder(path.parent, path.name) as partial:
        made = partial / "made"
        made.mkdir()
        described = {"weights": WEIGHTS if encoder.weights else None, "bands": encoder.bands, "use": encoder.words}
        (made / DESCRIPTION).write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
        if encoder.weights:
            tensors = {name: encoder.weights[name].detach().cpu().contiguous() for name in sorted(encoder.weights)}
            # One entry, which tells the bands as well: several are written in an order that differs between runs.
            told = {} if encoder.statistics is None else {KEY: encoder.statistics.model_dump_json()}
            save_file(tensors, made / WEIGHTS, metadata=told)
            (made / WEIGHTS).chmod((made / DESCRIPTION).stat().st_mode)  # safetensors asks no umask
        replace_folder(made, path)
