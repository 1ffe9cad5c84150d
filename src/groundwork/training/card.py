"""The model card: what a recipe builds, stage by stage."""

from __future__ import annotations

from groundwork.bundle import Bundle
from groundwork.models.encoder_decoder import count_macs, describe_flow
from groundwork.models.pixelwise import PixelWiseModel


def write_card(bundle: Bundle, size: int) -> str:
    """Return the card as Markdown.

    Args:
        bundle: The model.
        size: Side of the image for which multiply-adds are counted, in pixels.
    """
    model, config = bundle.build_model(), bundle.config
    name, spec = next(iter(config.inputs.items()))
    rows = describe_flow(model) if isinstance(model, PixelWiseModel) else []
    total = sum(parameter.numel() for parameter in model.parameters())
    macs = count_macs(model, spec, size)
    lines = [
        "# Model card",
        "",
        f"Input: source `{name}`, bands {', '.join(band.name for band in spec.used)}, {spec.steps} time step(s), "
        f"raw values as {spec.dtype}.",
        f"Output: {config.target.num_outputs} classes: {', '.join(config.target.names)}.",
        "",
        "| stage | component | gives | parameters |",
        "|---|---|---|--:|",
        *(f"| {row.stage} | {row.component} | {row.output} | {row.num_parameters:,} |" for row in rows),
        "",
        f"{total:,} parameters; {macs / 1e9:.2f} billion multiply-adds for an image of {size} x {size} pixels.",
        f"Padding: {config.model.padding}. Trained: {'yes' if config.trained else 'no'}.",
        "",
    ]
    return "\n".join(lines)
