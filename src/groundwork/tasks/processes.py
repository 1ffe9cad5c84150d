"""What several processes know together, each of which computes with its own chips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from lightning import LightningModule
from torch import Tensor, distributed

from groundwork.batch import Batch
from groundwork.models.interface import ModelOutput
from groundwork.targets.kind import Accumulator

#: What a loss is taken over: the chips of all processes, or of each by itself.
LossOver: TypeAlias = Literal["batch", "process"]


def process_count() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def gather(rows: Tensor) -> list[Tensor]:
    """Return the rows of each process, in the order of the processes; they may be of other numbers."""
    if process_count() == 1:
        return [rows]
    # Networks between processes may know no bool, and those between GPUs no memory of the processor.
    sent = (rows.to(torch.uint8) if rows.dtype == torch.bool else rows).detach().to(_device())
    counts = [torch.zeros(1, dtype=torch.int64, device=sent.device) for _ in range(process_count())]
    distributed.all_gather(counts, torch.tensor([len(sent)], device=sent.device))
    lengths = [int(count) for count in counts]
    padded = sent.new_zeros(max(lengths), *sent.shape[1:])
    padded[: len(sent)] = sent
    parts = [torch.empty_like(padded) for _ in lengths]
    if padded.numel():
        distributed.all_gather(parts, padded)
    return [part[:length].to(rows.device, rows.dtype) for part, length in zip(parts, lengths, strict=True)]


def total_of(number: Tensor) -> Tensor:
    """Return the sum of a number over the processes."""
    total = number.detach().to(_device(), copy=True)
    distributed.all_reduce(total)
    return total.to(number.device)


def agreed(numbers: Tensor) -> Tensor:
    """Return numbers as the first process has them: decisions that follow from them are the same in all."""
    if process_count() == 1:
        return numbers
    told = numbers.detach().to(_device(), copy=True)
    distributed.broadcast(told, 0)
    return told.to(numbers.device)


def _device() -> torch.device:
    """Return where tensors must lie to be sent."""
    return torch.device("cuda") if distributed.get_backend() == "nccl" else torch.device("cpu")


def _join(rows: Tensor, own: Tensor | None) -> Tensor:
    """Return the rows of all processes. Each computes the same from them, so slopes of its own are all it needs."""
    rows = rows if own is None else rows[own]
    parts = gather(rows)
    parts[distributed.get_rank()] = rows
    return torch.cat(parts)


@dataclass(frozen=True, slots=True)
class Together:
    """What a loss is taken over, and how it is counted."""

    output: ModelOutput
    #: Of the chips of all processes, the answers alone.
    batch: Batch
    #: Number of chips of all processes.
    size: int
    #: What the loss is multiplied by before its slopes are averaged over the processes.
    factor: float = 1.0
    #: Whether the loss is that of this process alone.
    in_parts: bool = False

    def scaled(self, loss: Tensor) -> Tensor:
        """Return what to learn from: its slopes, averaged over the processes, are those of the loss of all."""
        return loss * self.factor if process_count() > 1 else loss

    def shown(self, loss: Tensor) -> Tensor:
        """Return the loss of all processes, the same in each."""
        if process_count() == 1:
            return loss
        return total_of(loss.detach() * self.factor) / process_count() if self.in_parts else agreed(loss)

    def log(self, task: LightningModule, name: str, loss: Tensor) -> None:
        """Add a loss to what is shown of the epoch; ``train/loss`` stands beside the progress bar."""
        bar = name == "train/loss"
        task.log(name, self.shown(loss), on_step=False, on_epoch=True, batch_size=self.size, prog_bar=bar)


def bring_together(output: ModelOutput, batch: Batch, over: LossOver) -> Together:
    """Return what a loss is taken over.

    Args:
        output: Of this process.
        batch: With the answers that are asked for.
        over: See ``training.loss_over``. A model that knows its own criterion has taken its loss over the chips of the
            process already; such losses are averaged by the number of chips.
    """
    own = batch.get("own")
    size = len(batch["sample_id"]) if own is None else int(own.sum())
    if process_count() == 1:
        return Together(output, batch, size)
    total = int(total_of(torch.tensor(size)))
    if over == "process" or output.losses:
        return Together(output, batch, total, size * process_count() / total, in_parts=True)
    auxiliary = {name: _join(scores, own) for name, scores in output.auxiliary.items()}
    answers = Batch(images={}, valid={}, target=_join(batch["target"], own), sample_id=[])
    return Together(ModelOutput(_join(output.output, own), auxiliary), answers, total, process_count())


def gather_scores(metrics: Accumulator) -> None:
    """Add what the other processes hold."""
    if process_count() > 1:
        metrics.gather(gather)


def without_filling(scores: Tensor, batch: Batch) -> tuple[Tensor, Batch]:
    """Return scores and answers without those of chips that only fill up the batch of this process."""
    own = batch.get("own")
    if own is None:
        return scores, batch
    cut = batch.copy()
    cut["target"] = batch["target"][own]
    cut["sample_id"] = _chosen(batch["sample_id"], own)
    if "objects" in batch:
        cut["objects"] = _chosen(batch["objects"], own)
    return scores[own], cut


def with_own(batch: Batch) -> Batch:
    """Return what a model is given of a batch without chips that only fill it up; all of it where it has no others."""
    own = batch.get("own")
    if own is None or not own.any():
        return batch
    cut = batch.copy()
    cut["images"] = {source: values[own] for source, values in batch["images"].items()}
    cut["valid"] = {source: mask[own] for source, mask in batch["valid"].items()}
    if "dates" in batch:
        cut["dates"] = {source: days[own] for source, days in batch["dates"].items()}
    if "location" in batch:
        cut["location"] = batch["location"][own]
    if "seeds" in batch:
        cut["seeds"] = batch["seeds"][own]
    return without_filling(own, cut)[1]


def _chosen(values: Sequence[Any], own: Tensor) -> list[Any]:
    return [value for value, chosen in zip(values, own.tolist(), strict=True) if chosen]
