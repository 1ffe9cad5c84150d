"""``parameters_model.yml``: which components make up the network."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from groundwork.config.component import ComponentConfig, named
from groundwork.strict import Config, in_yaml


def _is_nothing(value: object) -> bool:
    return value in (None, (), {})


class BranchConfig(Config):
    """An auxiliary decoder with its head, trained beside the main one."""

    example: ClassVar[str] = "{decoder: fcn}"

    decoder: ComponentConfig
    #: None: the one that fits the target.
    head: ComponentConfig | None = None

    @field_validator("decoder", "head", mode="before")
    @classmethod
    def _accept_bare_name(cls, part: object) -> object:
        return named(part)


class AdapterConfig(Config):
    """Parameter-efficient fine-tuning: small trained parts inside an encoder whose own weights stay as they are."""

    example: ClassVar[str] = "{method: lora, modules: [qkv]}"

    #: A method of the peft package, such as lora, loha, lokr, boft, oft or hra.
    method: str = "lora"
    #: Ends of the names of the encoder's modules that are adapted, such as qkv. Empty: every linear layer whose adapter
    #: would be felt.
    modules: tuple[str, ...] = ()
    #: Ends of the names of joint projections of queries, keys and values, such as qkv, that are taken apart into three
    #: layers before: query, key and value. ``modules`` may then name qkv.query and qkv.value.
    split: tuple[str, ...] = Field(default=(), exclude_if=_is_nothing)
    #: Names of the encoder's modules that are trained in full beside the adapters, such as patch_embed for new bands.
    train_also: tuple[str, ...] = ()
    #: Arguments of the method's configuration in peft, such as r and lora_alpha.
    options: dict[str, Any] = Field(default_factory=dict)


class GivenStatistics(Config):
    """What raw values of one band are standardised by."""

    #: Is subtracted.
    mean: float = Field(allow_inf_nan=False)
    #: What is left is divided by it.
    std: float = Field(gt=0, allow_inf_nan=False)


#: The factory whose option ``members`` holds models of their own.
ENSEMBLE = "ensemble"


class ModelConfig(Config):
    """The network: encoder -> necks -> decoder -> head, and auxiliary branches by name."""

    #: What assembles the network; a factory of whole models takes their options here, and no other component.
    factory: ComponentConfig = ComponentConfig(name="encoder_decoder")
    #: With several sources: one encoder that sees all of them, or else one whose weights all of them share.
    encoder: ComponentConfig | None = None
    #: Source -> its own encoder; instead of ``encoder``.
    encoders: dict[str, ComponentConfig] = Field(default_factory=dict)
    #: "auto": those that the decoder needs behind this encoder.
    necks: tuple[ComponentConfig, ...] | Literal["auto"] = ()
    #: None: the encoder's last level as it is.
    decoder: ComponentConfig | None = None
    #: None: the one that fits the target.
    head: ComponentConfig | None = None
    auxiliary: dict[str, BranchConfig] = Field(default_factory=dict)
    #: Statistics that raw values are standardised by: of the training split, of the encoder's pre-training, or those
    #: that ``statistics`` states.
    standardise: Literal["from_data", "from_encoder", "given"] = "from_data"
    #: With ``standardise: given``: source -> band -> its mean and deviation, in raw values of the rasters.
    statistics: dict[str, dict[str, GivenStatistics]] = Field(default_factory=dict, exclude_if=_is_nothing)
    #: Where the rasters may contradict what the encoder's pre-trained weights were made for.
    accept: tuple[Literal["bands", "unit", "pixel_size"], ...] = ()
    adapters: AdapterConfig | None = None
    #: How images are grown to a size the encoder takes, and scores are cut back. symmetric: mirrored at the edge, on
    #: both sides alike. reflect: mirrored at the last pixel, likewise on both sides; where a whole image has
    #: one answer, what is added counts as what it mirrors. none: they are not.
    padding: Literal["symmetric", "reflect", "none"] = "symmetric"
    #: With ``padding: reflect``: images are grown to a multiple of this many pixels. None: to what the encoder needs.
    padding_multiple: int | None = Field(default=None, ge=1, exclude_if=_is_nothing)

    @field_validator("factory", "encoder", "decoder", "head", mode="before")
    @classmethod
    def _accept_bare_name(cls, part: object) -> object:
        return named(part)

    @field_validator("necks", mode="before")
    @classmethod
    def _accept_bare_names(cls, necks: object) -> object:
        return [named(neck) for neck in necks] if isinstance(necks, list | tuple) else necks

    @field_validator("encoders", mode="before")
    @classmethod
    def _accept_bare_names_by_source(cls, encoders: object) -> object:
        return {source: named(part) for source, part in encoders.items()} if isinstance(encoders, dict) else encoders

    @field_validator("necks", mode="before")
    @classmethod
    def _require_necks(cls, necks: object) -> object:
        if necks == "auto" or isinstance(necks, list | tuple):
            return necks
        raise ValueError(f"must be auto, or a list such as [select, pyramid]; found {in_yaml(necks)}")

    @field_validator("auxiliary", mode="before")
    @classmethod
    def _require_names(cls, auxiliary: object) -> object:
        if isinstance(auxiliary, dict):
            return auxiliary
        raise ValueError(
            f"must be branches by name, such as {{side: {BranchConfig.example}}}; found {in_yaml(auxiliary)}"
        )

    @field_validator("auxiliary")
    @classmethod
    def _check_names(cls, auxiliary: dict[str, BranchConfig]) -> dict[str, BranchConfig]:
        wrong = [name for name in auxiliary if not name.isidentifier()]
        if wrong:
            raise ValueError(f"names of auxiliary branches are words of letters, digits and _; found {wrong}")
        return auxiliary

    @model_validator(mode="after")
    def _check_statistics(self) -> ModelConfig:
        if (self.standardise == "given") != bool(self.statistics):
            raise ValueError(
                "'standardise: given' and 'statistics' go together: source -> band -> {mean: ..., std: ...}, in raw "
                f"values; found standardise '{self.standardise}' with statistics of {sorted(self.statistics) or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _check_padding(self) -> ModelConfig:
        if self.padding_multiple is not None and self.padding != "reflect":
            raise ValueError(
                f"'padding_multiple' goes with 'padding: reflect'; found padding '{self.padding}'. Leave one of both "
                "out"
            )
        return self

    def components(self) -> Iterator[ComponentConfig]:
        """Yield every component that is named, those inside the options of others included."""
        branches = [part for branch in self.auxiliary.values() for part in (branch.decoder, branch.head)]
        necks = self.necks if isinstance(self.necks, tuple) else ()
        for component in (self.factory, self.encoder, *self.encoders.values(), *necks, self.decoder, self.head):
            yield from _with_nested(component)
        for member in self.members():
            yield from member.model.components()
        for component in branches:
            yield from _with_nested(component)

    def members(self) -> list[MemberConfig]:
        """Return what an ensemble is made of; nothing where it is a single model."""
        given = self.factory.options.get("members", ()) if self.factory.name == ENSEMBLE else ()
        return [MemberConfig.model_validate(member) for member in given]

    def title(self) -> str:
        """Return a short name, such as ``timm resnet18 + unet``."""
        members = self.members()
        if members:
            return f"{ENSEMBLE} of " + ", ".join(member.model.title() for member in members)
        parts = [self.factory] if self.factory.name != "encoder_decoder" else []
        parts += [part for part in (self.encoder, *self.encoders.values(), self.decoder) if part is not None]
        return " + ".join(" ".join([part.name, *_variant(part)]) for part in parts)

    def without_pretraining(self) -> ModelConfig:
        """Return the configuration with ``pretrained`` off everywhere: a bundle brings its own weights."""
        members = [member.without_pretraining() for member in self.members()]
        changed = {
            "factory": ComponentConfig(name=ENSEMBLE, members=members) if members else _plain(self.factory),
            "encoder": _plain(self.encoder) if self.encoder else None,
            "encoders": {source: _plain(encoder) for source, encoder in self.encoders.items()},
        }
        return self.model_copy(update=changed)


class MemberConfig(Config):
    """One of the models of an ensemble."""

    #: Its components.
    model: ModelConfig
    #: What its raw scores are divided by, so that its probabilities are right.
    temperature: float = Field(default=1.0, gt=0, allow_inf_nan=False)

    def without_pretraining(self) -> dict[str, Any]:
        """Return the same, as it is written, with ``pretrained`` off everywhere."""
        plain = self.model_copy(update={"model": self.model.without_pretraining()})
        return plain.model_dump(mode="json")


def _with_nested(component: ComponentConfig | None) -> Iterator[ComponentConfig]:
    if component is None:
        return
    yield component
    yield from _nested(list(component.options.values()))


def _nested(value: object) -> Iterator[ComponentConfig]:
    """Yield the components inside an option, however deep in lists and mappings they stand."""
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        yield from _with_nested(ComponentConfig.model_validate(value))
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _nested(part)


def _variant(component: ComponentConfig) -> list[str]:
    chosen = [component.options.get(key) for key in ("variant", "model")]
    return [value for value in chosen if isinstance(value, str)]


def _plain(component: ComponentConfig) -> ComponentConfig:
    return ComponentConfig(name=component.name, **_plain_options(component.options))


def _plain_options(options: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in options.items() if key != "weights" or "pretrained" not in options}
    return {
        key: _plain_options(value) if isinstance(value, dict) else (False if key == "pretrained" else value)
        for key, value in kept.items()
    }
