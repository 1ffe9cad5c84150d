"""Compare an exported program with its bundle, on tiles of real scenes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.data.pairing import FOR_PREDICTING, require_sources
from groundwork.data.picking import evenly
from groundwork.data.scene_stack import SceneStack, folders_by_source
from groundwork.errors import ExportError
from groundwork.export.description import ProgramSizes
from groundwork.models.engine import Engine, ModelScorer
from groundwork.models.interface import Model
from groundwork.prediction.inputs import open_dated_or_not, pixels_of
from groundwork.prediction.source import scene_specs
from groundwork.prediction.tile_predictor import TilePredictor
from groundwork.rasters.folder import RasterFolder
from groundwork.targets.classes import Classes
from groundwork.targets.image_class_sets import ImageClassSets
from groundwork.targets.kind import RasterKind
from groundwork.targets.kinds import kind_of

#: How far probabilities may lie apart, and numbers, as a share of the largest of them.
TOLERANCE = 1e-4
#: Share of the answers that must be of the same class.
EQUAL_CLASSES = 0.9999
#: How many scenes are looked at, and how many tiles of each.
SCENES, TILES = 3, 2


@dataclass(frozen=True, slots=True)
class Case:
    """What a program gave for tiles of one size, in batches of one size, beside what the bundle gave."""

    scene: str
    height: int
    width: int
    batch: int
    tiles: int
    #: Of probabilities, or of numbers as a share of the largest of them.
    largest_difference: float
    #: Share of answers of the same class. None: of numbers.
    equal_classes: float | None

    @property
    def holds(self) -> bool:
        """Whether the program gives what the bundle gives."""
        same = self.equal_classes is None or self.equal_classes >= EQUAL_CLASSES
        return same and self.largest_difference <= TOLERANCE


@dataclass(frozen=True, slots=True)
class Comparison:
    """All cases."""

    cases: tuple[Case, ...]

    def require_equal(self) -> None:
        """Refuse a program that gives something else.

        Raises:
            ExportError: With the worst case.
        """
        wrong = [case for case in self.cases if not case.holds]
        if wrong:
            worst = max(wrong, key=lambda case: case.largest_difference)
            equal = "" if worst.equal_classes is None else f", {worst.equal_classes:.4%} of the classes the same"
            raise ExportError(
                f"The exported program does not give what the bundle gives, in {len(wrong)} of {len(self.cases)} "
                f"comparisons: found a difference of {worst.largest_difference:.3g}{equal}, in tiles of "
                f"{worst.height} x {worst.width} pixels of '{worst.scene}'; expected at most {TOLERANCE:g}, and "
                f"{EQUAL_CLASSES:.2%}. Nothing was written. Try another 'export.format', or 'export.sizes: fixed'."
            )

    def report(self) -> dict[str, Any]:
        """Return it as plain values."""
        equal = [case.equal_classes for case in self.cases if case.equal_classes is not None]
        return {
            "tolerance": TOLERANCE,
            "largest_difference": max(case.largest_difference for case in self.cases),
            "equal_classes": min(equal) if equal else None,
            "cases": [asdict(case) for case in self.cases],
        }


def compare(
    bundle: Bundle,
    models: tuple[Model, Model],
    scenes: RasterFolder | Mapping[str, RasterFolder],
    sizes: ProgramSizes,
    inference: InferenceConfig,
) -> Comparison:
    """Ask both models about the same tiles, as prediction does: of two sizes and in two batches where these are open.

    Args:
        bundle: Says what is read.
        models: That of the bundle, and the exported one.
        scenes: Rasters of the only source, or of each by name.
        sizes: Which images the program takes.
        inference: How large tiles are, and what the scenes hold.

    Raises:
        PairingError: Where a scene lacks a source that the bundle needs.
        RasterError: Where a scene is not what the bundle expects.
    """
    specs = scene_specs(bundle.config.inputs, inference)
    folders = folders_by_source(scenes, specs, may_lack=True)
    keys = require_sources(folders, specs, FOR_PREDICTING)
    chosen = [keys[index] for index in evenly(len(keys), SCENES)]
    cases: list[Case] = []
    for key in chosen:
        # As for a prediction: scenes without the tag of their date will do for models that ask for none.
        with open_dated_or_not(folders, key, specs, pixels_of(inference))[0] as stack:
            has_dates = any(stack.dates(source) is not None for source in specs)
            models[0].require_coordinates(time=has_dates, location=stack.grid.crs is not None)
            cases += _compare_scene(bundle, models, stack, sizes, inference, key)
    return Comparison(tuple(cases))


def _compare_scene(
    bundle: Bundle,
    models: tuple[Model, Model],
    stack: SceneStack,
    sizes: ProgramSizes,
    inference: InferenceConfig,
    key: str,
) -> Iterator[Case]:
    kind = kind_of_rasters(bundle)
    processor = torch.device("cpu")
    ours, theirs = (TilePredictor(Engine(ModelScorer(each), processor), kind, stack, bundle) for each in models)
    for height, width in _tile_sizes(stack, sizes, inference.tile_size):
        windows = list(_windows(stack, height, width))
        tiles = [(window, stack.read(window)) for window in windows]
        for batch in (1, len(tiles)) if sizes.batch is None else (len(tiles),):
            given = [ours.predict(part) for part in _split(tiles, batch)]
            found = [theirs.predict(part) for part in _split(tiles, batch)]
            expected, exported = (np.stack([tile for part in parts for tile in part]) for parts in (given, found))
            difference, equal = _differences(kind, expected, exported)
            yield Case(key, height, width, batch, len(tiles), difference, equal)


def _tile_sizes(stack: SceneStack, sizes: ProgramSizes, side: int) -> list[tuple[int, int]]:
    """Return the size of the program, or that of tiles and an odd one."""
    if sizes.height is not None and sizes.width is not None:
        return [(sizes.height, sizes.width)]
    height, width = (max(min(side, length), sizes.least) for length in (stack.grid.height, stack.grid.width))
    odd = max(height * 3 // 4, sizes.least) | 1, max(width // 2, sizes.least) | 1
    return [(height, width), odd]


def _windows(stack: SceneStack, height: int, width: int) -> Iterator[Window]:
    """Yield places spread over a scene; of a smaller scene, windows reach beyond it, where there is no data."""
    down, across = max(stack.grid.height - height, 0), max(stack.grid.width - width, 0)
    for number in range(TILES):
        share = (number + 1) / (TILES + 1)
        yield Window(int(across * share), int(down * (1 - share)), width, height)


def _split(tiles: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(tiles), size):
        yield tiles[start : start + size]


def _differences(
    kind: RasterKind, expected: NDArray[np.float32], exported: NDArray[np.float32]
) -> tuple[float, float | None]:
    """Return the largest difference of activated scores (tiles, outputs, ...), and the share of equal classes."""
    difference = float(np.abs(expected.astype(np.float64) - exported).max())
    if not isinstance(kind, Classes | ImageClassSets):
        return difference / max(float(np.abs(expected).max()), 1e-30), None
    ours, theirs = (kind.decide(kind.deactivate(torch.from_numpy(scores))) for scores in (expected, exported))
    return difference, float((ours == theirs).double().mean())


def kind_of_rasters(bundle: Bundle) -> RasterKind:
    """Return what a bundle's answers are, of those that can be exported.

    Raises:
        ExportError: For models that give anything else, with what to do instead.
    """
    kind = kind_of(bundle.config.target)
    if bundle.produces != "answers":
        raise ExportError(
            f"The factory '{bundle.config.model.factory.name}' gives {bundle.produces}, and models of answers are "
            "exported alone. Write it by 'inference', with the bundle itself."
        )
    if not isinstance(kind, RasterKind) or kind.per not in {"pixel", "image"}:
        raise ExportError(
            f"The factory '{bundle.config.model.factory.name}' finds as many objects as there are, and drops doubles "
            "in between (the module 'torchvision.ops.nms'), which a program of fixed outputs cannot say. Predict with "
            "the bundle itself, or export a model of pixels."
        )
    return kind
