"""Fit the estimator of a model's head on the features of the training chips."""

from __future__ import annotations

from typing import TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from groundwork.batch import Batch, collate, images_of
from groundwork.data.chips import LabelledData
from groundwork.data.drawn_pixels import draw_pixels
from groundwork.errors import DataError
from groundwork.models.assembly.encoder_decoder import EncoderDecoderModel
from groundwork.models.assembly.raster_model import Prepared
from groundwork.models.heads.base import Decoded
from groundwork.models.heads.scalar_sklearn import ScalarSklearnHead
from groundwork.models.heads.sklearn import SklearnHead
from groundwork.progress import track

#: Features (rows, channels), and the answers they belong to (rows,) or (rows, outputs).
Rows: TypeAlias = tuple[NDArray[np.float32], NDArray[np.generic]]


def fit_estimator(model: EncoderDecoderModel, data: LabelledData, max_rows: int, seed: int) -> None:
    """Fit the head of a model in place.

    Each pixel is known by the features of the cell that it lies in; pixels whose answer is not known are left out.

    Args:
        model: With statistics set, and a head that can be fitted.
        data: Whose training chips are read, as they are.
        max_rows: Most pixels to fit on, drawn from all chips alike.
        seed: Of the draw.

    Raises:
        DataError: Where nothing is known of any training chip.
    """
    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    model.eval().to(device)
    chips, found = data.chips("train"), []
    # Of answers of whole images all are taken: there is one for each chip.
    draw = draw_pixels(len(chips), max_rows if data.kind.per == "pixel" else len(chips), seed)
    for index in track(draw.chips, "Computing features", len(draw.chips)):
        rows, given = _of_image(model, collate([chips[index]]), data, device)
        chosen = np.sort(draw.choose(index, np.arange(len(given))))
        found.append((rows[chosen], given[chosen]))
    features, answers = (np.concatenate(parts) for parts in zip(*found, strict=True))
    if not len(answers):
        raise DataError("Nothing is known of any training chip, so that there is nothing to fit an estimator on.")
    model.to("cpu")
    cast("SklearnHead | ScalarSklearnHead", model.head).fit(features, answers)


@torch.inference_mode()
def _of_image(model: EncoderDecoderModel, batch: Batch, data: LabelledData, device: torch.device) -> Rows:
    """Return the features of all pixels of an image whose answer is known, or of the image as a whole."""
    images = images_of(batch).to(device)
    prepared = model.prepare(images.with_values({name: part.float() for name, part in images.values.items()}))
    extracted = model.extract(prepared)
    decoded = model.decoder(extracted.maps)
    target = data.kind.asked(batch["target"])[0].numpy()
    if isinstance(model.head, ScalarSklearnHead):
        share = prepared.share_valid(model.decoder.out.stride)
        rows = model.head.rows(Decoded(decoded, extracted.vector, share)).cpu().numpy()
        answers = target[None]
    else:
        cells = _cell_of_pixel(prepared, (decoded.shape[-2], decoded.shape[-1]))
        rows = decoded[0].flatten(1).T.cpu().numpy()[cells.flatten().numpy()]
        answers = target.reshape(*target.shape[:-2], -1).T
    known = answers >= 0 if data.target.classes else ~np.isnan(answers).any(axis=-1)
    return rows[known], answers[known]


def _cell_of_pixel(prepared: Prepared, cells: tuple[int, int]) -> Tensor:
    """Return for each pixel of the images the number of the cell that it lies in, (height, width)."""
    numbers = torch.arange(cells[0] * cells[1], dtype=torch.float64).reshape(1, 1, *cells)
    spread = functional.interpolate(numbers, size=prepared.padded, mode="nearest-exact")
    return prepared.cut(spread)[0, 0].long()
