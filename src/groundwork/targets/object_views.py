"""Put together what several views of one image, or several models, found in it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

#: Boxes of one class that overlap by more than this are one object, as where tiles are joined.
SAME = 0.5


def combine_objects(given: Sequence[Tensor]) -> Tensor:
    """Return each object once: its box is the mean of those found, by score, and its score the mean over all answers.

    An answer that lacks an object counts as a score of 0, so that what a single one found becomes doubtful: weighted
    box fusion (Solovyev et al. 2021), with each object's place taken from its surest box. The chances of the cells of
    its box are their mean by score, too. All objects are kept, as a limit would follow from the fullest image of the
    batch.

    Args:
        given: Rows of each answer (batch, most, 6 or more): box, score, class, and cells where there are some; a score
            of 0 where there is none.

    Returns:
        Rows (batch, most, 6 or more), the surest first.
    """
    images = [_combine([rows[index] for rows in given]) for index in range(len(given[0]))]
    return pad_sequence([rows[rows[:, 4].argsort(descending=True, stable=True)] for rows in images], batch_first=True)


def _combine(given: Sequence[Tensor]) -> Tensor:
    from torchvision.ops import batched_nms, box_iou  # noqa: PLC0415 - it loads torch's compiler, for seconds

    answers = [rows[rows[:, 4] > 0] for rows in given]
    together = torch.cat(answers)
    surest = together[batched_nms(together[:, :4], together[:, 4], together[:, 5].long(), SAME)]
    # Box and cells are averaged; score and class are not.
    averaged = [*range(4), *range(6, surest.shape[1])]
    sums, weights = torch.zeros_like(surest[:, averaged]), torch.zeros_like(surest[:, 4])
    for rows in answers:
        if not len(rows) or not len(surest):
            continue
        alike = box_iou(surest[:, :4], rows[:, :4]) * (surest[:, None, 5] == rows[None, :, 5])
        overlap, index = alike.max(dim=1)
        score = torch.where(overlap > SAME, rows[index, 4], 0.0)
        sums += score[:, None] * rows[index][:, averaged]
        weights += score
    means = sums / weights.clamp(min=torch.finfo(weights.dtype).tiny)[:, None]
    return torch.cat([means[:, :4], (weights / len(answers))[:, None], surest[:, 5:6], means[:, 4:]], dim=1)
