"""Views of a scene in tiles give what they give by hand: scaled, turned, weighed, calibrated and without nodata."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from groundwork.batch import Images
from groundwork.bundle import Bundle
from groundwork.config import InferenceConfig
from groundwork.data.scene_stack import SceneStack
from groundwork.models.interface import Model, ModelOutput
from groundwork.prediction.scene import predict_scene

KERNEL = np.random.default_rng(0).normal(0, 0.5, (3, 3, 3, 3)).astype(np.float32)
TILE, OVERLAP, TEMPERATURE = 32, 8, 2.5
FLIPS = ((0, False), (0, True), (2, True), (2, False))
#: Asked for -> turns and flips, and scales.
VIEWS: dict[str, tuple[Any, tuple[tuple[int, bool], ...], tuple[float, ...]]] = {
    "d4": ("d4", tuple(product(range(4), (False, True))), (1.0,)),
    "scales": ("scales", ((0, False),), (0.75, 1.0, 1.25)),
    "both": ({"symmetries": "flips", "scales": [0.6, 1.7]}, FLIPS, (0.6, 1.7)),
}


class Convolution(Model):
    """Gives the neighbourhood of each pixel, of zeros beyond the edges and where no data is."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.from_numpy(KERNEL))

    def set_statistics(self, mean: Any, std: Any, source: str | None = None) -> None:
        raise NotImplementedError

    def parts(self) -> dict[str, dict[str, nn.Parameter]]:
        return {}

    def forward(self, images: Images) -> ModelOutput:
        image = images.of("optical")
        values = image.values if image.valid is None else torch.where(image.valid[:, None], image.values, 0.0)
        return ModelOutput(conv2d(values / 500, self.kernel, padding=1))


def _scaled(planes: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float32]:
    given = torch.from_numpy(planes.astype(np.float32))[None]
    return interpolate(given, size, mode="bilinear", align_corners=False, antialias=True)[0].numpy()


def _by_hand(
    values: NDArray[Any], valid: NDArray[np.bool_], views: tuple[tuple[int, bool], ...], scales: tuple[float, ...]
) -> NDArray[np.float64]:
    """Return the mean of the calibrated probabilities of all views of one tile."""
    height, width = valid.shape
    given = []
    for scale, (turns, flipped) in product(scales, views):
        image, known = np.where(valid, values, 0).astype(np.float32), valid
        if scale != 1.0:
            size = (round(height * scale), round(width * scale))
            share = _scaled(valid[None], size)
            image, known = _scaled(image, size) / np.maximum(share, 1e-6), share[0] >= 0.5
        seen = np.rot90(np.where(known, image, 0), turns, (1, 2))[:, :, :: -1 if flipped else 1]
        scores = conv2d(torch.from_numpy(seen.copy())[None] / 500, torch.from_numpy(KERNEL), padding=1)[0].numpy()
        back: Tensor = torch.from_numpy(np.rot90(scores[:, :, :: -1 if flipped else 1], -turns, (1, 2)).copy())[None]
        if scale != 1.0:
            back = interpolate(back, (height, width), mode="bilinear", align_corners=False)
        given.append((back[0].double() / TEMPERATURE).softmax(dim=0).numpy())
    return np.asarray(np.mean(given, axis=0))


def _starts(length: int) -> list[int]:
    return [0] if length <= TILE else [*range(0, length - TILE, TILE - OVERLAP), length - TILE]


@pytest.mark.parametrize("size", [(45, 70), (20, 13)], ids=["tiles", "smaller than a tile"])
@pytest.mark.parametrize("name", list(VIEWS))
def test_probabilities_are_those_by_hand(
    tmp_path: Path, tiny_bundle: Bundle, write_raster: Callable[..., Path], name: str, size: tuple[int, int]
) -> None:
    values = np.random.default_rng(1).normal(500, 400, (3, *size)).astype(np.int16)
    values[:, :4, :9] = values[:, 12:17, 5:12] = -9999
    valid = (values != -9999).all(axis=0)
    path = write_raster(tmp_path / "a.tif", values, nodata=-9999, tags={"DATE": "2024-06-30"})
    target = tiny_bundle.config.target.model_copy(update={"temperature": TEMPERATURE})
    bundle = Bundle(tiny_bundle.config.model_copy(update={"target": target}), tiny_bundle.weights)
    asked, views, scales = VIEWS[name]
    config = InferenceConfig(tile_size=TILE, overlap=OVERLAP, batch_size=3, augment=asked, probabilities=True)
    found = np.zeros((3, *size), np.float32)
    with SceneStack({"optical": (path,)}, bundle.config.inputs) as stack:
        for window, products in predict_scene(Convolution().eval(), stack, bundle, config).blocks:
            found[(slice(None), *window.toslices())] = products["probabilities"]

    sums, weights = np.zeros((3, *size)), np.zeros(size)
    for top, left in product(*map(_starts, size)):
        part = slice(top, top + TILE), slice(left, left + TILE)
        near = [np.minimum(np.arange(1, n + 1), np.arange(n, 0, -1)).clip(max=OVERLAP + 1) for n in valid[part].shape]
        weight = np.outer(*near)
        sums[(slice(None), *part)] += weight * _by_hand(values[(slice(None), *part)], valid[part], views, scales)
        weights[part] += weight
    assert np.abs(found - sums / weights)[:, valid].max() < 1e-5
    assert np.isnan(found[:, ~valid]).all()
