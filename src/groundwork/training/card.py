"""The model card: what a recipe builds, stage by stage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from groundwork.bundle import Bundle, PretrainedWeights
from groundwork.bundle_text import describe_target
from groundwork.config.data import read_by_model
from groundwork.models.flow import count_macs, describe_flow
from groundwork.models.freezing import fresh_parameters, sum_up
from groundwork.models.interface import Model


def write_card(bundle: Bundle, size: int) -> str:
    """Return the card as Markdown.

    Args:
        bundle: The model.
        size: Side of the image for which multiply-adds are counted, in pixels.
    """
    model, config = bundle.build_model(), bundle.config
    total = sum(parameter.numel() for parameter in model.parameters())
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    macs = count_macs(model, read_by_model(config.inputs), size)
    inputs = [
        f"Input: source `{name}`, bands {', '.join(band.name for band in spec.used)}, {spec.steps} time step(s), "
        f"raw values as {spec.dtype}."
        for name, spec in read_by_model(config.inputs).items()
    ]
    lines = [
        "# Model card",
        "",
        f"Model: {config.model.title()}.",
        *inputs,
        f"Output: {describe_target(config.target)}.",
        "",
        "| stage | component | gives | parameters |",
        "|---|---|---|--:|",
        *(f"| {row.stage} | {row.component} | {row.output} | {row.num_parameters:,} |" for row in describe_flow(model)),
        "",
        f"{total:,} parameters, {trained:,} of them trained; {macs / 1e9:.2f} billion multiply-adds for an image of "
        f"{size} x {size} pixels.",
        *_necks(bundle),
        f"Padding: {config.model.padding}. Standardised by statistics {config.model.standardise.replace('_', ' ')}. "
        f"Trained: {'yes' if config.trained else 'no'}.",
        "",
    ]
    for weights in config.pretrained:
        lines += _pretrained(weights)
    lines += _fresh(bundle, model)
    return "\n".join(lines)


def _necks(bundle: Bundle) -> Iterator[str]:
    necks = bundle.config.model.necks
    for index, neck in enumerate(necks if isinstance(necks, tuple) else ()):
        yield f"Neck {index}: `{json.dumps({'name': neck.name, **neck.options})}`."


def _pretrained(weights: PretrainedWeights) -> list[str]:
    digest = f" (SHA-256 {weights.sha256})" if weights.sha256 else ""
    lines = [f"Pre-trained weights: {weights.source}{digest}, {weights.loaded} tensors set."]
    told = {"Bands set": weights.bands, "Skipped": weights.skipped}
    told |= {"Afresh for other bands": weights.partly, "Afresh": weights.fresh}
    lines += [_list(title, names) for title, names in told.items() if names]
    return [*lines, ""]


def _fresh(bundle: Bundle, model: Model) -> list[str]:
    lines = []
    names = list(sum_up(model, fresh_parameters(model)))
    if names:
        lines.append(_list("Trained also where the encoder is frozen or has adapters", names))
    if bundle.config.model.adapters is not None and not bundle.config.pretrained and not bundle.config.trained:
        lines.append("The encoder's own weights are random and stay so: adapters are meant for pre-trained ones.")
    return [*lines, ""] if lines else []


def _list(title: str, names: Sequence[str]) -> str:
    return f"{title} ({len(names)}): {', '.join(f'`{name}`' for name in names)}."
