"""Build a model from its configuration: the first bundle, and a card that describes it. Reads no pixel."""

from __future__ import annotations

from pathlib import Path

import torch

from groundwork import fingerprint
from groundwork.bundle import Bundle, BundleConfig, PretrainedWeights, build_factory
from groundwork.config.data import DataConfig
from groundwork.config.model import ModelConfig
from groundwork.models.encoders.loading import LoadReport


def build_initial(data: DataConfig, model: ModelConfig, seed: int) -> Bundle:
    """Build the model with fresh (or pre-trained) weights that depend on the seed alone.

    Raises:
        SpecError: Where two components do not fit together.
        ComponentError: For an unknown name or option.
    """
    factory = build_factory(model)
    resolved = factory.resolve(model, data.sources, data.target)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = factory.build_model(resolved, data.sources, data.target)
    provenance = {**fingerprint.library_versions(), "seed": str(seed)}
    config = BundleConfig(
        model=resolved,
        inputs=data.sources,
        target=data.target,
        trained=False,
        pretrained=tuple(_summarise(report) for report in network.pretraining()),
        provenance=provenance,
    )
    return Bundle(config, {name: value.detach() for name, value in network.state_dict().items()})


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
    )
