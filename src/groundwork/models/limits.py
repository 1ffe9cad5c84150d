"""What options of components may be: refused with the option's name where a component is built from YAML."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

#: Number of channels, of layers or of cells.
Count: TypeAlias = Annotated[int, Field(ge=1)]
#: Probability that a value is set to zero.
Chance: TypeAlias = Annotated[float, Field(ge=0, le=1)]
#: Rate of stochastic depth: the chance that a sample takes only the shortcut around a block.
Rate: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
