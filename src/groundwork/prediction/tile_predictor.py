"""Ask a model about tiles of a scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from rasterio.windows import Window
from torch import Tensor

from groundwork.batch import Images, by_name
from groundwork.batch import stack as stacked
from groundwork.bundle import Bundle
from groundwork.config.data import read_by_model
from groundwork.data.sample_table import to_days
from groundwork.data.scene_stack import SceneStack
from groundwork.models.engine import Engine
from groundwork.prediction.blending import Tile
from groundwork.prediction.embeddings import Features
from groundwork.prediction.painted import PaintedScene
from groundwork.prediction.source import unit_change
from groundwork.targets.kind import TargetKind


class TilePredictor:
    """Gives activated scores for tiles of one scene."""

    def __init__(
        self, engine: Engine, kind: TargetKind | PaintedScene | Features, stack: SceneStack, bundle: Bundle
    ) -> None:
        """Take what asks the model.

        Args:
            engine: With the model.
            kind: What its scores mean, or what else it gives.
            stack: The scene whose tiles will come.
            bundle: Says what the model reads; raw values in other units are converted to its own.
        """
        self._engine, self._kind, self._stack = engine, kind, stack
        changes = {name: unit_change(scene.spec, bundle.config.inputs[name]) for name, scene in stack.scenes().items()}
        self._conversions = {source: change for source, change in changes.items() if change is not None}
        dates = {source: stack.dates(source) for source in by_name(read_by_model(bundle.config.inputs))}
        self._dates = {source: torch.from_numpy(to_days(days)) for source, days in dates.items() if days is not None}

    @torch.inference_mode()
    def predict(self, tiles: Sequence[Tile]) -> Sequence[NDArray[np.float32]]:
        """Return activated scores (outputs, height, width) for each tile, or of objects rows (most, 6).

        Raises:
            ScoreError: Where the model gives no numbers.
        """
        windows, patches = [window for window, _ in tiles], [patch for _, patch in tiles]
        images = stacked(patches)
        # Most tiles hold data everywhere; the model then has nothing to fill in.
        valid = {source: mask for source, mask in images.valid.items() if not bool(mask.all())}
        dates = {source: days.expand(len(tiles), -1, -1) for source, days in self._dates.items()}
        given = Images(images.values, valid, dates, self._locations(windows))
        first, last, path = windows[0], windows[-1], self._stack.reference.path
        where = f"{path}, from row {first.row_off}, columns {first.col_off} to {last.col_off + last.width}"
        scores = self._engine.scores(given, where, self._conversions)
        activated: NDArray[np.float32] = self._kind.activate(scores).float().cpu().numpy()
        if self._kind.per == "image":
            size = patches[0].size
            return list(np.broadcast_to(activated[..., None, None], (*activated.shape, *size)).copy())
        return list(activated)

    def _locations(self, windows: Sequence[Window]) -> Tensor | None:
        if "location" not in self._engine.coordinates:
            return None
        centers = [self._stack.grid.part(window).center_coordinates() for window in windows]
        if None in centers:
            return None
        return torch.tensor(centers, dtype=torch.float32)
