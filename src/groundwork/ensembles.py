"""Make one bundle of several, which says what all of them say together."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from statistics import mean

from groundwork import fingerprint
from groundwork.bundle import PRESENTATION, Bundle, BundleConfig, build_factory
from groundwork.config.component import ComponentConfig
from groundwork.config.model import ENSEMBLE, ModelConfig
from groundwork.errors import BundleError
from groundwork.specs import TargetSpec

logger = logging.getLogger(__name__)


def ensemble_of(bundles: Mapping[str, Bundle]) -> Bundle:
    """Return a bundle of all of them: it is judged, predicted with and exported as any other.

    Thresholds from which an image is of a class are the means of the members'. Temperatures are applied to each.

    Args:
        bundles: Trained ones of the same inputs and target, by the names that messages call them.

    Raises:
        BundleError: For less than two, one that was not trained or gives no answers, and where they do not answer the
            same question of the same rasters.
    """
    if len(bundles) < 2:
        raise BundleError(f"An ensemble is made of two bundles or more, found {list(bundles)}.")
    for name, bundle in bundles.items():
        if not bundle.config.trained:
            raise BundleError(f"{name}: this bundle was never trained. Train it first, or leave it out.")
        if bundle.produces != "answers":
            raise BundleError(f"{name}: its model gives {bundle.produces}, and an ensemble is made of answers.")
    (first_name, first), *others = bundles.items()
    _require_outlines_alike(bundles)
    for name, other in others:
        _require_alike(first_name, first, name, other)
    merged = {name: bundle.merged() for name, bundle in bundles.items()}
    members = [
        {"model": bundle.config.model.model_dump(mode="json"), "temperature": bundle.config.target.temperature or 1.0}
        for bundle in merged.values()
    ]
    config = BundleConfig(
        model=ModelConfig(factory=ComponentConfig(name=ENSEMBLE, members=members)),
        inputs=first.config.inputs,
        target=_target_of([bundle.config.target for bundle in bundles.values()]),
        trained=True,
        provenance=_provenance_of(bundles),
    )
    weights = {
        f"members.{index}.{name}": value
        for index, bundle in enumerate(merged.values())
        for name, value in bundle.weights.items()
    }
    return Bundle(config, weights)


def _require_outlines_alike(bundles: Mapping[str, Bundle]) -> None:
    """Refuse detectors of boxes beside those of outlines: an outline is the mean of what all say of its box."""
    cells = {name: build_factory(bundle.config.model).outline_cells for name, bundle in bundles.items()}
    if len(set(cells.values())) > 1:
        told = "; ".join(
            f"{name} gives outlines of {count} x {count} cells" if count else f"{name} gives boxes alone"
            for name, count in cells.items()
        )
        raise BundleError(
            f"{told}. An ensemble says of an object the mean of what its members say, its outline included: take "
            "members that all give boxes, or outlines of as many cells ('framework' and 'heads' of their factory)."
        )


def _require_alike(first_name: str, first: Bundle, name: str, other: Bundle) -> None:
    for part, ours, theirs in (
        ("inputs", _inputs_of(first), _inputs_of(other)),
        ("target", _asked_of(first), _asked_of(other)),
    ):
        if ours != theirs:
            differing = sorted(key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key))
            raise BundleError(
                f"{name} and {first_name} differ in their {part}: {differing}. Members of an ensemble answer one "
                "question of the same bands; take bundles that were trained with the same 'data'."
            )


def _inputs_of(bundle: Bundle) -> dict[str, object]:
    return dict(bundle.config.model_dump(mode="json", include={"inputs"}, exclude=PRESENTATION)["inputs"])


def _asked_of(bundle: Bundle) -> dict[str, object]:
    plain = bundle.config.model_copy(update={"target": bundle.config.target.as_stated()})
    return dict(plain.model_dump(mode="json", include={"target"}, exclude=PRESENTATION)["target"])


def _target_of(targets: list[TargetSpec]) -> TargetSpec:
    plain = targets[0].as_stated()
    if not plain.multi_label:
        return plain
    chosen = [[entry.threshold for entry in target.classes] for target in targets]
    means = {
        name: mean(float(f"{value:.9g}") for value in given if value is not None)
        for name, given in zip(plain.names, zip(*chosen, strict=True), strict=True)
        if any(value is not None for value in given)
    }
    return plain.with_thresholds(means)


def _provenance_of(bundles: Mapping[str, Bundle]) -> dict[str, str]:
    """Return what all members say alike, and what tells which they are."""
    said = [bundle.config.provenance for bundle in bundles.values()]
    alike = {name: value for name, value in said[0].items() if all(other.get(name) == value for other in said)}
    weights = [fingerprint.of_weights(bundle.weights) for bundle in bundles.values()]
    seeds = ",".join(dict.fromkeys(one["seed"] for one in said if "seed" in one))
    if "samples" not in alike:
        logger.warning(
            "The members were trained beside other samples each, as where each has splits of its own ('split.seed'): "
            "judge the ensemble on samples that none of them has seen"
        )
        alike["samples"] = fingerprint.fingerprint(*(one.get("samples", "") for one in said))
    return {**alike, "seed": seeds, "weights": fingerprint.fingerprint(*weights), "members": ",".join(weights)}
