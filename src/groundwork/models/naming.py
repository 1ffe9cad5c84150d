"""Names that people choose for parts of a model."""

from __future__ import annotations

from torch import nn

from groundwork.errors import SpecError


def check_part_name(name: str, what: str) -> str:
    """Return a name of a source or of an auxiliary branch as it is.

    torch keeps the parts of a model as attributes, by these names, so that not every word can be one.

    Args:
        name: As stated in the configuration.
        what: That is named, with its article.

    Raises:
        SpecError: For an empty name, one with a dot, or one that torch uses itself.
    """
    if not name or "." in name:
        raise SpecError(f"{what} cannot be named '{name}': names hold at least one letter, and no dot")
    if name in dir(nn.ModuleDict):
        raise SpecError(f"{what} cannot be named '{name}', which torch uses itself. Choose another name")
    return name
