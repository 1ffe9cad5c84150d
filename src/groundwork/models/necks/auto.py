"""Find the necks that make an encoder's features fit a decoder."""

from __future__ import annotations

from groundwork.config.component import ComponentConfig
from groundwork.models.features.needs import Needs, check_fit, plan_necks
from groundwork.models.necks import NECKS
from groundwork.models.necks.base import Neck
from groundwork.models.without_memory import without_memory
from groundwork.registry import build
from groundwork.specs import FeatureSpec


def choose_necks(features: FeatureSpec, needs: Needs) -> tuple[ComponentConfig, ...]:
    """Return the necks that make ``features`` fit what a decoder needs, in order; none where they fit.

    Of a vision transformer's blocks, four at even distances are kept, the last among them, and made a pyramid.

    Args:
        features: What the encoder gives.
        needs: What the decoder takes.

    Raises:
        SpecError: Where no necks make them fit.
    """
    plan = plan_necks(features, needs)
    if plan is None:
        check_fit("necks: auto", needs, features)
    mended = features
    # On the meta device nothing is allocated: only what each neck passes on is of interest.
    with without_memory():
        for config in plan or ():
            mended = build(Neck, NECKS, config, mended).out
    check_fit("necks: auto", needs, mended)
    return plan or ()
