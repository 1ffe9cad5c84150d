"""Say where the values of scenes are unlike those that a model was trained on, before hours are spent on them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from groundwork.bundle import Bundle
from groundwork.config.data import read_by_model
from groundwork.data.picking import evenly
from groundwork.data.scene_stack import SceneStack
from groundwork.errors import RasterError
from groundwork.prediction.inputs import SceneInputs
from groundwork.prediction.source import unit_change
from groundwork.rasters.folder import preview

logger = logging.getLogger(__name__)

#: A mean that is so many deviations of the training away from its mean is unlike it; of all scenes of a season few are.
MOST_DEVIATIONS = 4.0
#: Values of another unit are smaller than this share of the training's, in all bands. That they vary as little says
#: nothing: a plain does, on a model of many mountains.
LEAST_SIZE = 0.01
#: How many scenes are looked into, and the side of the windows that are, in pixels: it takes milliseconds.
MOST_SCENES, SIDE = 50, 128
#: Where in a scene windows lie, as shares of its rows and columns.
PLACES = ((0.5, 0.5), (0.25, 0.25), (0.25, 0.75), (0.75, 0.25), (0.75, 0.75))

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Unlike:
    """A band of a scene that holds other values than the training's."""

    key: str
    source: str
    band: str
    mean: float
    #: Mean and deviation of the training.
    trained: tuple[float, float]


def warn_of_unlike(bundle: Bundle, inputs: SceneInputs) -> None:
    """Look into some scenes, and say which hold values that the training has hardly seen.

    Args:
        bundle: Whose statistics are compared; one without any, as an exported file, is not.
        inputs: Scenes that were checked.
    """
    trained = dict(_statistics(bundle))
    keys = list(inputs.dates)
    chosen = [keys[index] for index in evenly(len(keys), MOST_SCENES)]
    if not trained or not chosen:
        return
    found: list[Unlike] = []
    for key in chosen:
        try:
            with inputs.open(key) as stack:
                found += _unlike(key, stack, bundle, trained)
        except RasterError as error:
            # Blocks that cannot be decoded are refused, or filled, where they are predicted.
            logger.debug("%s was not looked into: %s", key, error)
    if not found:
        return
    first = max(found, key=lambda one: abs(one.mean - one.trained[0]) / one.trained[1])
    logger.warning(
        "%d of %d scene(s) that were looked into hold values unlike those of the training: %s. In '%s', band '%s' of "
        "'%s' is %.5g on average, and was %.5g with a deviation of %.5g. Compare unit, scale, offset, nodata and the "
        "order of bands, and state in 'inference.source' what is different. Snow or clouds all over look so too",
        len({one.key for one in found}),
        len(chosen),
        preview(sorted({one.key for one in found})),
        first.key,
        first.band,
        first.source,
        first.mean,
        *first.trained,
    )


def _statistics(bundle: Bundle) -> Iterator[tuple[str, tuple[Numbers, Numbers]]]:
    """Yield source -> mean and deviation of its bands in training, as far as they were set."""
    for source in read_by_model(bundle.config.inputs):
        pair = [
            next(
                (value for name, value in bundle.weights.items() if name.endswith(f"standardise.{source}.{part}")), None
            )
            for part in ("mean", "std")
        ]
        if pair[0] is None or pair[1] is None:
            continue
        mean, std = (value.double().numpy() for value in pair if value is not None)
        if not (np.all(mean == 0) and np.all(std == 1)):
            yield source, (mean, std)


def _unlike(
    key: str, stack: SceneStack, bundle: Bundle, trained: Mapping[str, tuple[Numbers, Numbers]]
) -> Iterator[Unlike]:
    values: dict[str, list[Numbers]] = {}
    for window in _windows(stack.grid.height, stack.grid.width):
        patch = stack.read(window)
        for source in trained.keys() & patch.values.keys():
            numbers, valid = np.asarray(patch.values[source]), np.asarray(patch.valid[source])
            mask = np.broadcast_to(valid, numbers.shape[1:])
            values.setdefault(source, []).append(numbers[:, mask].astype(np.float64))
    for source, parts in values.items():
        pixels = np.concatenate(parts, axis=1)
        if not pixels.shape[1]:
            continue
        change = unit_change(stack.inputs[source], bundle.config.inputs[source])
        if change is not None:
            pixels = pixels * change.gain.double().reshape(-1, 1).numpy() + change.shift.double().reshape(-1, 1).numpy()
        (mean, std), bands = trained[source], bundle.config.inputs[source].used
        means, away = pixels.mean(axis=1), np.abs(pixels.mean(axis=1) - mean) / std
        worst = int(away.argmax())
        if away[worst] > MOST_DEVIATIONS or _is_small(pixels, mean, std) or _is_dead(pixels):
            yield Unlike(key, source, bands[worst].name, float(means[worst]), (float(mean[worst]), float(std[worst])))


def _is_small(pixels: Numbers, mean: Numbers, std: Numbers) -> bool:
    return bool((np.sqrt(np.square(pixels).mean(axis=1)) < LEAST_SIZE * np.hypot(mean, std)).all())


def _is_dead(pixels: Numbers) -> bool:
    return bool((pixels.max(axis=1) == pixels.min(axis=1)).all())


def _windows(height: int, width: int) -> Iterator[Window]:
    down, across = min(SIDE, height), min(SIDE, width)
    for row, column in PLACES:
        yield Window(int(column * (width - across)), int(row * (height - down)), across, down)
