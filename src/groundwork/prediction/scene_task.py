"""A scene that is predicted by whichever process: what it is told, and what it keeps from one scene to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from groundwork.bundle import Bundle, load_bundle
from groundwork.config.inference import InferenceConfig
from groundwork.models.asking import ready_to_ask
from groundwork.models.interface import Model
from groundwork.prediction.inputs import SceneInputs
from groundwork.prediction.names import Names
from groundwork.prediction.record import InputFile, Origin, Run, run_of
from groundwork.prediction.scene import predict_each
from groundwork.prediction.scene_writing import SceneDone, write_scene
from groundwork.rasters.features import FeatureStream
from groundwork.rasters.stream import RasterStream


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a process keeps from one task to the next."""

    bundle: Bundle
    network: Model
    run: Run


#: Folder of the bundle of a run -> what is made of it; of the last run alone.
_PREPARED: dict[Path, Prepared] = {}


@dataclass(frozen=True, slots=True)
class SceneTask:
    """A scene, with all that it takes to predict it."""

    #: A folder that all processes see.
    bundle: Path
    #: Modules of the user's own that the bundle may name.
    modules: tuple[str, ...]
    #: Of this scene alone.
    inputs: SceneInputs
    config: InferenceConfig
    names: Names
    key: str
    files: Sequence[InputFile] | None
    model: Path | None

    def prepared(self) -> Prepared:
        """Return bundle and model, which are loaded once by each process."""
        known = _PREPARED.get(self.bundle)
        if known is None:
            _PREPARED.clear()
            bundle = load_bundle(self.bundle, self.modules)
            run = run_of(bundle, self.config, self.inputs.area)
            known = _PREPARED[self.bundle] = Prepared(bundle, ready_to_ask(bundle.build_model(), self.config), run)
        return known

    def run(self) -> SceneDone:
        """Predict the scene, write its files, and return what else is known of it."""
        known = self.prepared()
        [(_, stream)] = predict_each(known.network, known.bundle, self.inputs, self.config, [self.key])
        return self.write(stream)

    def write(self, stream: RasterStream | FeatureStream) -> SceneDone:
        """Write the files of the scene. See :meth:`run`."""
        origin = Origin(self.key, self.inputs, self.prepared().run)
        return write_scene(self.names, origin, stream, self.files, self.model)
