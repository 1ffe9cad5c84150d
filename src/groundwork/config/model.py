"""``parameters_model.yml``: which components make up the network."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from groundwork.config.component import ComponentConfig
from groundwork.specs import Config


class BranchConfig(Config):
    """An auxiliary decoder with its head, trained beside the main one."""

    decoder: ComponentConfig
    head: ComponentConfig = ComponentConfig(name="segmentation")


class ModelConfig(Config):
    """The network: encoder -> necks -> decoder -> head, and auxiliary branches by name."""

    factory: str = "encoder_decoder"
    encoder: ComponentConfig
    necks: tuple[ComponentConfig, ...] = ()
    decoder: ComponentConfig
    head: ComponentConfig = ComponentConfig(name="segmentation")
    auxiliary: dict[str, BranchConfig] = Field(default_factory=dict)
    #: How images are grown to the size the encoder needs: mirrored at the edge, evenly on both sides.
    padding: Literal["symmetric"] = "symmetric"

    @field_validator("auxiliary")
    @classmethod
    def _check_names(cls, auxiliary: dict[str, BranchConfig]) -> dict[str, BranchConfig]:
        wrong = [name for name in auxiliary if not name.isidentifier()]
        if wrong:
            raise ValueError(f"names of auxiliary branches are words of letters, digits and _; found {wrong}")
        return auxiliary
