"""What can be said of embeddings without any label: in how many directions they differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch.nn import functional
from torch.utils.data import DataLoader

from groundwork.batch import Batch, collate
from groundwork.config.evaluation import EvaluationConfig
from groundwork.data import sample_table as table
from groundwork.data.chips import LabelledData
from groundwork.errors import DataError
from groundwork.evaluation.cells import EMBEDDING, ChipEmbedder
from groundwork.evaluation.scores import BASELINES, MODEL
from groundwork.progress import track

MAIN = "effective_rank"
HEADLINE = (MAIN, "dimensions")
#: The baseline: the means of each band over the pixels of a cell.
BANDS = "band_means"


def evaluate_spread(
    embedder: ChipEmbedder, data: LabelledData, config: EvaluationConfig
) -> tuple[dict[str, Any], pd.DataFrame, Figure]:
    """Say in how many directions the embeddings of the chips of a split differ, and the means of their bands.

    The effective rank (Roy and Vetterli 2007) is 1 where all lie on a line, and the number of dimensions where they
    differ in each of them alike. It says whether an encoder has collapsed, not whether what it tells is of use.

    Returns:
        All scores, the scores of each scene, and a figure of the variance by direction.

    Raises:
        DataError: Where the test chips have too few cells that hold data.
    """
    scenes = data.of_split(config.split)[table.SCENE].tolist()
    loader: DataLoader[Any] = DataLoader(data.chips(config.split), batch_size=config.batch_size, collate_fn=collate)
    found: dict[str, list[NDArray[np.float64]]] = {MODEL: [], BANDS: []}
    for batch in track(loader, "Embedding", len(loader)):
        for name, cells in _cells_of(batch, embedder).items():
            found[name] += cells
    everything = {name: np.concatenate(parts) for name, parts in found.items()}
    if len(everything[MODEL]) < 2:
        raise DataError(
            f"The {config.split} chips have fewer than two cells that hold data: there is nothing to compare."
        )
    reports = {name: report_of(cells) for name, cells in everything.items()}
    scores = {config.split: reports[MODEL], BASELINES: {BANDS: reports[BANDS]}}
    by_scene = []
    for scene in sorted(set(scenes)):
        places = [number for number, other in enumerate(scenes) if other == scene]
        own = {name: np.concatenate([parts[place] for place in places]) for name, parts in found.items()}
        ranks = {name: report_of(part)[MAIN] for name, part in own.items()}
        row = {table.SCENE: scene, "cells": len(own[MODEL]), MAIN: ranks[MODEL], f"{MAIN}_{BANDS}": ranks[BANDS]}
        by_scene.append(row)
    return scores, pd.DataFrame(by_scene), _draw(everything)


def report_of(cells: NDArray[np.float64]) -> dict[str, float | int | None]:
    """Return effective rank and number of dimensions of embeddings (cells, dimensions); None where all are alike."""
    shares = variances(cells)
    shares = shares[shares > 0]
    rank = float(f"{np.exp(-(shares * np.log(shares)).sum()):.6g}") if len(shares) else None
    return {MAIN: rank, "dimensions": cells.shape[1]}


def variances(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of the variance in each direction, the largest first; zeros where all are alike."""
    if len(cells) < 2:
        return np.zeros(cells.shape[1])
    found = np.linalg.eigvalsh(np.atleast_2d(np.cov(cells, rowvar=False)))[::-1].clip(min=0)
    total = found.sum()
    return np.asarray(found / total if total > 0 else np.zeros_like(found))


def _cells_of(batch: Batch, embedder: ChipEmbedder) -> dict[str, list[NDArray[np.float64]]]:
    """Return for each chip its embeddings and the means of its bands, (cells, dimensions)."""
    embedded = embedder.embed(batch)
    features, valid = embedded["images"][EMBEDDING], embedded["valid"][EMBEDDING]
    size = (features.shape[-2], features.shape[-1])
    means = [_means(image, batch["valid"][name], size) for name, image in batch["images"].items()]
    found = {MODEL: features, BANDS: torch.cat(means, dim=1)}
    return {
        name: [part[:, held].T.double().numpy() for part, held in zip(parts, valid, strict=True)]
        for name, parts in found.items()
    }


def _means(image: torch.Tensor, valid: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return the means of valid values by cell (batch, channels * steps, rows, columns); 0 where none is valid."""
    values = image.double().flatten(1, -3)
    steps = image.shape[2] if image.dim() == 5 else 1
    by_step = valid.unsqueeze(1) if valid.dim() == 3 else valid
    weights = by_step.expand(-1, steps, -1, -1).repeat(1, image.shape[1], 1, 1).double()
    total = functional.adaptive_avg_pool2d(torch.where(weights > 0, values, 0.0), size)
    return total / functional.adaptive_avg_pool2d(weights, size).clamp(min=1e-12)


def _draw(cells: Mapping[str, NDArray[np.float64]]) -> Figure:
    figure = Figure(figsize=(5.5, 3.5), layout="constrained")
    axes = figure.subplots()
    for name, part in cells.items():
        shares = variances(part)
        axes.plot(np.arange(1, len(shares) + 1), shares.cumsum(), label=name, marker=".")
    axes.set(xscale="log", xlabel="directions", ylabel="share of the variance", ylim=(0, 1.02))
    axes.legend()
    return figure
