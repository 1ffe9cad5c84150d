"""How a component is named in YAML."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ConfigDict

from groundwork.strict import Config


class ComponentConfig(Config):
    """A component picked by name; every other key is an option of its constructor."""

    model_config = ConfigDict(extra="allow", frozen=True)

    example: ClassVar[str] = "{name: ...} with its options, or a name alone"

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """The options beside the name."""
        return dict(self.model_extra or {})


def named(part: object) -> object:
    """Return what a bare name in YAML stands for: a component without options.

    Only for fields that are components: a name inside the options of another one could be any text.
    """
    return {"name": part} if isinstance(part, str) else part
