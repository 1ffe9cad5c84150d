"""Small pictures of scenes beside what a model made of them, whatever that is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from groundwork.bundle import Bundle
from groundwork.config.inference import InferenceConfig
from groundwork.data.picking import evenly
from groundwork.evaluation.figures import draw_quicklooks as draw_answers
from groundwork.evaluation.figures import rgb_positions
from groundwork.rasters.bad_blocks import BadBlocks
from groundwork.rasters.folder import RasterFolder
from groundwork.rasters.opening import open_dataset
from groundwork.rasters.quicklook import part_shown, read_small, stretch, stretched_as
from groundwork.rasters.scene import Scene
from groundwork.specs import RasterSpec

logger = logging.getLogger(__name__)

#: Longest side of a picture, in pixels.
SIDE = 700


def draw_quicklooks(
    bundle: Bundle, spec: RasterSpec, scenes: RasterFolder, predictions: RasterFolder, asked: InferenceConfig
) -> dict[str, Callable[[], Figure] | None]:
    """Return, for each scene, what draws its quick-look: made one after the other, when they are written.

    None: it is not among those that are drawn, and what an earlier run drew of it is out of date.

    Args:
        bundle: What was asked.
        spec: What the scenes' rasters hold, and which bands are shown.
        scenes: By key.
        predictions: What came of them, by key.
        asked: How it was asked, and how many are drawn.

    Raises:
        SpecError: Where a band is to be shown that is not read.
    """
    drawn = _of_each(bundle, spec, scenes, predictions, spec.shown)
    # Other parts may be predicted or not: a part is one of all scenes, as in predicting them.
    part = sorted(scenes.files) if asked.shard is None else asked.shard.part_of(sorted(scenes.files))
    keys = [key for key in part if key in drawn]
    picked = {keys[place] for place in evenly(len(keys), len(keys) if asked.quicklooks == "all" else asked.quicklooks)}
    if len(picked) < len(keys):
        counts = len(picked), len(keys)
        logger.info("%d of %d scene(s) are drawn, evenly picked, as 'inference.quicklooks' says", *counts)
    return {key: drawn[key] if key in picked else None for key in keys}


def _of_each(
    bundle: Bundle, spec: RasterSpec, scenes: RasterFolder, predictions: RasterFolder, rgb: Sequence[str]
) -> dict[str, Callable[[], Figure]]:
    if bundle.produces == "answers":
        return draw_answers(spec, bundle.config.target, scenes, predictions, rgb)
    bands = rgb_positions(spec, rgb)
    draw = draw_reconstruction if bundle.produces == "reconstruction" else draw_embeddings

    def drawn(key: str) -> Figure:
        # What cannot be decoded was refused when the scene was predicted, or taken as without data.
        with Scene(scenes.paths(key), spec, bad=BadBlocks(), told=scenes.dates.get(key)) as scene:
            return draw(scene, predictions.paths(key)[0], bands)

    return {key: partial(drawn, key) for key in scenes.files if key in predictions.files}


def draw_reconstruction(scene: Scene, path: Path, bands: Sequence[int]) -> Figure:
    """Draw a scene beside its reconstruction, in one scale of colours; of several dates the first."""
    image, valid = scene.thumbnail(SIDE, part_shown(scene.grid, path))
    shown, steps = image[list(bands)], scene.spec.steps
    painted, known = read_small(path, tuple(1 + band * steps for band in bands), SIDE)
    return _side_by_side(stretch(shown, valid), _as_scene(painted, known, shown, valid), "reconstruction")


def draw_embeddings(scene: Scene, path: Path, bands: Sequence[int]) -> Figure:
    """Draw a scene beside the three directions in which its embeddings differ most, as red, green and blue."""
    image, valid = scene.thumbnail(SIDE, part_shown(scene.grid, path))
    with open_dataset(path) as raster:
        indexes = tuple(range(1, raster.count + 1))
    values, known = read_small(path, indexes, SIDE)
    return _side_by_side(stretch(image[list(bands)], valid), picture_of(values, known), "embeddings")


def picture_of(embeddings: NDArray[np.generic], known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the first three principal components of embeddings (channels, height, width) as a picture."""
    from sklearn.decomposition import PCA  # noqa: PLC0415 - it loads slowly, and most pictures are of answers

    cells = embeddings[:, known].T.astype(np.float64)
    components = np.zeros((3, *known.shape))
    count = min(3, len(cells) - 1, cells.shape[1])
    if count > 0:
        components[:count, known] = PCA(count, svd_solver="full").fit_transform(cells).T
    return stretch(components, known)


def _as_scene(
    painted: NDArray[np.generic], known: NDArray[np.bool_], shown: NDArray[np.generic], valid: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    both = valid & known if valid.shape == known.shape else known
    like = shown if both.shape == shown.shape[-2:] else painted
    return stretched_as(painted, like, both)


def _side_by_side(image: NDArray[np.uint8], made: NDArray[np.uint8], title: str) -> Figure:
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    for axes, picture, text in zip(figure.subplots(1, 2), (image, made), ("image", title), strict=True):
        axes.imshow(picture, interpolation="nearest")
        axes.set_title(text)
        axes.set_xticks([])
        axes.set_yticks([])
    return figure
