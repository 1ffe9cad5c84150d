"""Build a model from its configuration: the first bundle, and a card that describes it. Reads no pixel."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

import torch

from groundwork import fingerprint
from groundwork.bundle import PRESENTATION_OF_DATA, Bundle, BundleConfig, PretrainedWeights, build_factory
from groundwork.config.data import DataConfig, read_by_model
from groundwork.config.model import ModelConfig
from groundwork.errors import BundleError
from groundwork.models.freezing import fresh_parameters
from groundwork.models.weights.reading import LoadReport
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.training.standardising import require_statistics, set_given_statistics

logger = logging.getLogger(__name__)

#: Where an initial bundle's provenance names the parameters that it was built from.
BUILT_FROM = "built_from"


def build_initial(data: DataConfig, model: ModelConfig, seed: int) -> Bundle:
    """Build the model with fresh (or pre-trained) weights that depend on the seed alone.

    Raises:
        SpecError: Where two components do not fit together, and for given statistics of other bands than are read.
        ComponentError: For an unknown name or option.
    """
    return first_bundle(data.sources, data.target, model, seed, {BUILT_FROM: _built_from(data, model, seed)})


def first_bundle(
    inputs: Mapping[str, RasterSpec], target: TargetSpec, model: ModelConfig, seed: int, provenance: Mapping[str, str]
) -> Bundle:
    """Build the model for rasters and a target, whatever configuration they come from. See :func:`build_initial`."""
    factory = build_factory(model)
    seen = read_by_model(inputs)
    require_statistics(model, seen)
    factory.require_deviations(model, target)
    resolved = factory.resolve(model, seen, target)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = factory.build_model(resolved, seen, target)
    set_given_statistics(network, resolved, seen)
    reports = network.pretraining()
    if resolved.adapters is not None and not reports:
        logger.warning(
            "The encoder starts from random weights, and 'model.adapters' keeps them so: set its 'pretrained: true', "
            "or leave 'adapters' out"
        )
    config = BundleConfig(
        model=resolved,
        inputs=dict(inputs),
        target=target,
        trained=False,
        pretrained=tuple(_summarise(report) for report in reports),
        fresh=tuple(sorted(fresh_parameters(network, by_design=False))),
        provenance={**fingerprint.library_versions(), "seed": str(seed), **provenance},
    )
    return Bundle(config, {name: value.detach() for name, value in network.state_dict().items()})


def require_built_from(bundle: Bundle, data: DataConfig, model: ModelConfig, seed: int) -> None:
    """Refuse an initial bundle that was built from other parameters: another model would be trained than is stated.

    Raises:
        BundleError: With what to do.
    """
    found, expected = bundle.config.provenance.get(BUILT_FROM), _built_from(data, model, seed)
    if not bundle.config.trained and found not in (None, expected):
        bands = {name: list(spec.band_names) for name, spec in bundle.config.inputs.items()}
        held = {"sources": bundle.config.inputs, "target": bundle.config.target}
        others = {f"data.{key}": _built_from(data.model_copy(update={key: held[key]}), model, seed) for key in held}
        differing = [key for key, built in others.items() if built != expected]
        differing += ["seed"] if bundle.config.provenance.get("seed") != str(seed) else []
        named = "' and '".join(differing or ["model"])
        raise BundleError(
            f"The initial bundle holds {bundle.config.model.title()} for the bands {bands}, and was built from other "
            f"parameters than '{named}' state now ({model.title()}). Build the model with these first."
        )


def _built_from(data: DataConfig, model: ModelConfig, seed: int) -> str:
    stated = data.model_dump(mode="json", include={"sources", "target"}, exclude=PRESENTATION_OF_DATA)
    return fingerprint.fingerprint(json.dumps([stated, model.model_dump(mode="json"), seed], sort_keys=True))


def _summarise(report: LoadReport) -> PretrainedWeights:
    # The folder differs from machine to machine, and would make equal runs differ.
    file = Path(report.source)
    return PretrainedWeights(
        source=file.name if file.is_file() else report.source,
        sha256=fingerprint.of_file(file) if file.is_file() else None,
        loaded=len(report.loaded),
        skipped=report.skipped,
        fresh=report.fresh,
        bands=report.bands,
        partly=report.partly,
    )
