"""A bundle: weights with all that prediction needs to know about them, as a folder of JSON and safetensors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from groundwork.atomic import partial_folder, replace_folder
from groundwork.bundle_formats import FORMAT_VERSION, KNOWN_VERSIONS, describe_anew, name_anew
from groundwork.bundle_places import DESCRIPTION, WEIGHTS, bundle_files
from groundwork.bundle_text import describe_bundle
from groundwork.config.data import read_by_model, reference_of
from groundwork.config.model import ModelConfig
from groundwork.data.chips import LabelledData, labelled
from groundwork.data.label_sources import Labels
from groundwork.data.packed import ChipStore
from groundwork.errors import BundleError
from groundwork.fingerprint import of_text
from groundwork.models.adapters import merge_adapters
from groundwork.models.factories import FACTORIES
from groundwork.models.freezing import mark_fresh
from groundwork.models.interface import Model, ModelFactory, Produces
from groundwork.rasters.folder import RasterFolder
from groundwork.registry import build
from groundwork.specs import RasterSpec, TargetSpec
from groundwork.strict import Config

if TYPE_CHECKING:
    import pandas as pd

#: What a bundle's description says of looks alone, by field: no part of what weights are made from.
PRESENTATION: dict[str, Any] = {"target": {"classes": {"__all__": {"color"}}}, "inputs": {"__all__": {"rgb"}}}
#: The same, as the description of data has it.
PRESENTATION_OF_DATA = {"sources": PRESENTATION["inputs"], "target": PRESENTATION["target"]}

#: In the metadata of the weights: the fingerprint of the description that they were written with.
_DESCRIBED = "groundwork_description"


class PretrainedWeights(Config):
    """What became of published weights when the model was first built."""

    #: File or address they came from.
    source: str
    #: SHA-256 of the file, so that colleagues can tell whether theirs is the same. None: no file was at hand.
    sha256: str | None = None
    #: How many of the encoder's tensors were set from them.
    loaded: int
    #: Names in the file that the encoder has no use for.
    skipped: tuple[str, ...] = ()
    #: Names in the encoder that started afresh.
    fresh: tuple[str, ...] = ()
    #: Bands whose part of the first layer was set; the other bands' part started afresh. Empty: not by band.
    bands: tuple[str, ...] = ()
    #: Names in the encoder that were set for these bands, and started afresh for others.
    partly: tuple[str, ...] = ()


class BundleConfig(Config):
    """What ``bundle.json`` holds."""

    format_version: int = FORMAT_VERSION
    model: ModelConfig
    #: Source name -> bands, units and nodata of the rasters the model reads.
    inputs: dict[str, RasterSpec]
    target: TargetSpec
    #: Whether the weights were trained, and band statistics set. Untrained bundles are not used for prediction.
    trained: bool
    #: What became of published weights, for each network that started from some.
    pretrained: tuple[PretrainedWeights, ...] = ()
    #: Weights of the model that these had no value for, or not for all bands. They are trained also where the encoder
    #: stays as it is, like the parts that no published weights have.
    fresh: tuple[str, ...] = ()
    #: What the weights came from: versions, seed, fingerprints of samples, statistics and weights.
    provenance: dict[str, str]


@dataclass(frozen=True, slots=True)
class Bundle:
    """Weights with all they expect."""

    config: BundleConfig
    weights: dict[str, Tensor]
    #: What was exported of it and answers in the place of the model; there are no weights beside it. None: nothing.
    exported: Model | None = None

    def __repr__(self) -> str:
        """Say what it reads and gives: weights would fill pages."""
        return describe_bundle(self.config, self.produces)

    def build_model(self) -> Model:
        """Build the model, and load the weights into it, in evaluation mode.

        Raises:
            BundleError: Where weights and architecture do not agree.
        """
        if self.exported is not None:
            return self.exported
        config = self.config.model.without_pretraining()
        model = self.factory().build_model(config, read_by_model(self.config.inputs), self.config.target)
        try:
            model.load_state_dict(self.weights, strict=True)
        except RuntimeError as error:
            raise BundleError(f"The bundle's weights do not fit its architecture: {error}") from None
        return model.eval()

    def factory(self) -> ModelFactory:
        """Return what builds the model: it knows of weights that were fresh when the model was first built."""
        return _BundleFactory(self.config)

    @property
    def produces(self) -> Produces:
        """What the output of its model is."""
        return self.factory().produces

    def merged(self) -> Bundle:
        """Return the bundle with adapters written into the ordinary weights; itself where it has none."""
        if self.config.model.adapters is None or self.exported is not None:
            return self
        weights = merge_adapters(self.build_model()).state_dict()
        model = self.config.model.model_copy(update={"adapters": None})
        fresh = tuple(name.replace(".base_layer.", ".") for name in self.config.fresh)
        return Bundle(self.config.model_copy(update={"model": model, "fresh": fresh}), weights)

    @property
    def reference(self) -> str:
        """The source on whose grid samples lie, and predictions."""
        return reference_of(self.config.inputs)

    def labelled(
        self,
        samples: pd.DataFrame,
        scenes: RasterFolder | Mapping[str, RasterFolder],
        labels: Labels,
        store: ChipStore | None = None,
    ) -> LabelledData:
        """Return labelled data, read as this bundle expects it.

        Args:
            samples: The table.
            scenes: Rasters of the only source, or of each by name.
            labels: Of the samples.
            store: Where their chips were packed. None: they are read from the rasters.

        Raises:
            PairingError: For rasters of other sources than the bundle reads.
        """
        return labelled(samples, scenes, labels, (self.config.inputs, self.config.target), store)

    def require_trained(self) -> None:
        """Refuse a bundle whose weights were never trained.

        Raises:
            BundleError: With what to run.
        """
        if not self.config.trained:
            raise BundleError("This bundle was never trained: train it first, or take another.")


class _BundleFactory(ModelFactory):
    """Builds the model of a bundle, without the file that first told which of its weights are fresh."""

    def __init__(self, config: BundleConfig) -> None:
        self._plain = build_factory(config.model)
        self._fresh = config.fresh

    @property
    def produces(self) -> Produces:
        """What the output of its model is. See :class:`ModelFactory`."""
        return self._plain.produces

    @property
    def gives_deviations(self) -> bool:
        """What the plain one says. See :class:`ModelFactory`."""
        return self._plain.gives_deviations

    def build_model(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> Model:
        """Build the model, and let its fresh weights be trained. See :class:`ModelFactory`.

        Raises:
            BundleError: Where fresh weights are named that the model does not have.
        """
        model = self._plain.build_model(config, inputs, target)
        parameters = dict(model.named_parameters())
        unknown = [name for name in self._fresh if name not in parameters]
        if unknown:
            raise BundleError(f"The bundle's 'fresh' names weights that its model does not have: {unknown[:5]}")
        mark_fresh(model, self._fresh, by_design=False)
        for name in self._fresh:
            parameters[name].requires_grad_(True)
        return model

    def resolve(self, config: ModelConfig, inputs: Mapping[str, RasterSpec], target: TargetSpec) -> ModelConfig:
        """Write out what the configuration leaves open. See :class:`ModelFactory`."""
        return self._plain.resolve(config, inputs, target)


def build_factory(config: ModelConfig) -> ModelFactory:
    """Return the factory that a model's configuration names."""
    return build(ModelFactory, FACTORIES, config.factory)


def save_bundle(bundle: Bundle, path: Path) -> None:
    """Write a bundle as a folder, whole or not at all; the same bundle gives the same bytes.

    Raises:
        BundleError: For what was read from an exported file, which holds no weights by name.
    """
    if bundle.exported is not None:
        raise BundleError("What was read from an exported file is no bundle to be written: copy the file itself.")
    text = json.dumps(bundle.config.model_dump(mode="json"), indent=2, sort_keys=True)
    weights = {name: bundle.weights[name].detach().cpu().contiguous() for name in sorted(bundle.weights)}
    with partial_folder(path.parent, path.name) as partial:
        made = partial / "made"
        made.mkdir()
        (made / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
        save_file(weights, made / WEIGHTS, metadata={_DESCRIBED: _described(json.loads(text))})
        (made / WEIGHTS).chmod((made / DESCRIPTION).stat().st_mode)  # safetensors asks no umask
        replace_folder(made, path)


def load_bundle(path: Path | str, allow_modules: tuple[str, ...] = ()) -> Bundle:
    """Read a bundle. No code of the bundle's is run.

    Args:
        path: The folder.
        allow_modules: Modules of the user's own whose components the bundle may name.

    Raises:
        BundleError: Where there is none, or one of another format, or whose description was edited since; and where it
            names components of modules not allowed.
    """
    path = Path(path)
    description, file = bundle_files(path)
    config, raw = _read_config(description)
    for name in component_names(config.model):
        module = name.replace(":", ".").rpartition(".")[0]
        if module and module not in allow_modules:
            raise BundleError(
                f"{path}: the bundle names the component '{name}', whose code would be run. "
                f"If you trust it, allow the module '{module}' by name (allow_modules)."
            )
    try:
        with safe_open(file, framework="pt") as opened:
            said = (opened.metadata() or {}).get(_DESCRIBED)
        weights = load_file(file)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{file} cannot be read as safetensors: {error}") from None
    # Bundles of earlier versions say nothing.
    if said is not None and said != _described(raw):
        raise BundleError(
            f"{description} is not the description that was written with {file.name}: one of both was edited "
            "or exchanged, and classes, bands or units may be others than those of the training. Restore both, or make "
            "the bundle anew."
        )
    return Bundle(config, name_anew(weights, raw))


def _described(raw: Mapping[str, Any]) -> str:
    """Return a fingerprint of a description, without looks, and without what it came from."""
    said = {key: value for key, value in raw.items() if key != "provenance"}
    return of_text(json.dumps(_without_looks(said), sort_keys=True))


def _without_looks(value: Any) -> Any:  # noqa: ANN401 - plain values of JSON
    if isinstance(value, Mapping):
        return {key: _without_looks(part) for key, part in value.items() if key not in {"color", "rgb"}}
    return [_without_looks(part) for part in value] if isinstance(value, list) else value


def _read_config(file: Path) -> tuple[BundleConfig, dict[str, Any]]:
    """Return the description, and the same as the file has it."""
    try:
        raw: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(f"{file} cannot be read as a bundle's description: {error}") from None
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version not in KNOWN_VERSIONS:
        is_newer = isinstance(version, int) and version > max(KNOWN_VERSIONS)
        mend = " A newer one wrote the bundle: update this one." if is_newer else ""
        known = list(KNOWN_VERSIONS)
        raise BundleError(f"{file}: found format version {version!r}; this version of groundwork reads {known}.{mend}")
    try:
        return BundleConfig.model_validate(describe_anew(raw)), raw
    except (ValidationError, KeyError, TypeError, AttributeError) as error:
        raise BundleError(f"{file} is not a valid bundle description: {error}") from None


def component_names(config: ModelConfig) -> Iterator[str]:
    """Yield the name of every component of a model, its factory included."""
    for component in config.components():
        yield component.name
