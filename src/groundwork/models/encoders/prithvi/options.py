"""Options of Prithvi that belong together. Imports no torch."""

from __future__ import annotations

from pydantic import Field

from groundwork.strict import Config


class PromptTuning(Config):
    """Visual prompts (https://arxiv.org/abs/2203.12119): learned tokens that join the others within each block."""

    #: Prompts of each block.
    tokens: int = Field(default=10, ge=1)
    #: Share of their values that is set to 0 while training.
    dropout: float = Field(default=0.0, ge=0, lt=1)
    #: Whether all other weights of the encoder stay as they are.
    freeze: bool = True


class AdapterOptions(Config):
    """The parts of a ViT-Adapter (https://arxiv.org/abs/2205.08534) beside the vision transformer."""

    #: Channels of the finest convolutions.
    prior_channels: int = Field(default=64, ge=1)
    #: Places that each head of an attention looks at, per level.
    points: int = Field(default=4, ge=1)
    #: Length of the values of an attention, as a share of the tokens'.
    value_ratio: float = Field(default=0.5, gt=0, le=1)
    #: Additional steps that collect from the transformer, after its last block.
    extra_extractors: int = Field(default=2, ge=0)
    #: Whether the transformer's own weights stay as they are, and only the adapter is trained.
    freeze_vit: bool = False
