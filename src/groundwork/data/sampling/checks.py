"""What can be refused of a way to choose chips before any is read."""

from __future__ import annotations

from groundwork.config.component import ComponentConfig
from groundwork.data.sampling import SAMPLINGS
from groundwork.data.sampling.base import Sampling, Store
from groundwork.errors import ComponentError
from groundwork.registry import check_options, find, located
from groundwork.specs import TargetSpec


def check_sampling(sampling: ComponentConfig, store: Store, target: TargetSpec) -> None:
    """Refuse names and options that mean nothing, and a way that does not fit the store or the target.

    Raises:
        ComponentError: For an unknown name or option.
        SpecError: With what to change.
    """
    with located("training.sampling"):
        found = find(SAMPLINGS, sampling.name)
        if not issubclass(found, Sampling):
            raise ComponentError(f"'{sampling.name}' is {found}, which is no Sampling")
        check_options(found, sampling)
        found.check(store, target)
