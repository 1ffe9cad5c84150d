"""What answers of one class have in common, for pixels and for whole images."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groundwork.batch import Answers, Truth
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import TargetSpec
from groundwork.targets.confusion import ConfusionMatrix
from groundwork.targets.kind import Accumulator, Direction, Gather, Products, RasterKind
from groundwork.targets.labels import IGNORE
from groundwork.targets.legends import NO_SET, class_nodata, legend_of, profile_of_sets
from groundwork.targets.likeliest import likeliest
from groundwork.targets.metrics import Scores, compute_scores
from groundwork.targets.statistics import TargetStatistics

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CLASSES, PROBABILITIES, ENTROPY, SETS = "classes", "probabilities", "entropy", "sets"
#: Colours of pictures: of what is not known, and of right and wrong answers.
UNKNOWN, RIGHT, WRONG = (255, 255, 255), (217, 217, 217), (197, 27, 27)


class Classes(RasterKind, ABC):
    """The class with the highest score; tiles are blended in probabilities; scores come from one confusion matrix."""

    #: The score of each class by which a training is watched.
    watched: ClassVar[Literal["iou", "f1"]]
    #: How many of the likeliest classes are looked at by the score that is right where the true one is among them; it
    #: says something of more classes only. None: there is no such score.
    top: ClassVar[int | None] = None
    constant_name = "majority_class"
    term_type = np.int64

    @classmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:
        """See :class:`TargetKind`."""
        by_class = [f"{cls.watched}_{name}" for name in target.names]
        top = [] if cls.top is None or target.num_outputs <= cls.top else [top_score(cls.top)]
        return dict.fromkeys([cls.main_score, "overall_accuracy", *top, *by_class], "max")

    def __init__(self, target: TargetSpec) -> None:
        super().__init__(target)
        self.num_terms = target.num_outputs

    def known(self, answers: Answers) -> NDArray[np.bool_]:
        """Return where a class is known."""
        return np.asarray(answers != IGNORE)

    def hide(self, answers: Answers, known: NDArray[np.bool_]) -> None:
        """See :class:`TargetKind`."""
        if not known.all():
            np.putmask(answers, ~known, IGNORE)

    def nothing_known(self, answers: Tensor) -> Tensor:
        """Return IGNORE."""
        return answers.new_tensor(IGNORE)

    def terms(self, answers: Answers) -> Iterator[NDArray[np.int64]]:
        """Yield for each class 1 where a pixel is of it."""
        for index in range(self.num_terms):
            yield (answers == index).astype(np.int64)

    def num_known(self, sums: NDArray[np.generic]) -> int:
        """Return the number of pixels of all classes."""
        return int(np.asarray(sums, np.int64).sum())

    def columns(self, sums: NDArray[np.generic]) -> dict[str, float]:
        """Return the fraction of each class among the known pixels."""
        counts = np.asarray(sums, np.int64)
        total = max(int(counts.sum()), 1)
        pairs = zip(self.target.names, counts, strict=True)
        return {fraction_column(name): round(float(count) / total, 6) for name, count in pairs}

    def summarise(self, sums: NDArray[np.generic]) -> TargetStatistics:
        """Return the number of pixels of each class."""
        counts = np.asarray(sums, np.int64).tolist()
        return TargetStatistics(class_pixels=dict(zip(self.target.names, counts, strict=True)))

    def constant(self, statistics: TargetStatistics) -> Tensor:
        """Return the share of each class in the training split."""
        pixels = torch.tensor([statistics.class_pixels[name] for name in self.target.names], dtype=torch.float64)
        return pixels / pixels.sum().clamp(min=1)

    def picture(self, answers: Answers) -> NDArray[np.uint8]:
        """Return the colour of each class."""
        return self._paint(answers, [entry.rgb for entry in self.target.classes])

    def picture_of_errors(self, truth: Answers, answers: Answers) -> NDArray[np.uint8]:
        """Return grey where the class is right, red where it is wrong."""
        return self._paint(np.where(truth == IGNORE, IGNORE, (truth != answers).astype(int)), [RIGHT, WRONG])

    def legend(self) -> list[tuple[str, str]]:
        """Return names and colours of the classes."""
        return [(entry.name, entry.color) for entry in self.target.classes]

    def _paint(self, indexes: Answers, colors: Sequence[tuple[int, int, int]]) -> NDArray[np.uint8]:
        # IGNORE is -1, and so the last.
        painted: NDArray[np.uint8] = np.array([*colors, UNKNOWN], np.uint8)[indexes.astype(int)]
        return painted

    def accumulator(self) -> ClassCounts:
        """Return an empty confusion matrix."""
        return ClassCounts(self)

    def combine(self, scores: Sequence[Tensor]) -> Tensor:
        """Return the raw score of the mean probability of each class, by the temperature of the target."""
        each = [by_temperature(answer, self.target).log_softmax(dim=1) for answer in scores]
        return (torch.stack(each).logsumexp(dim=0) - math.log(len(scores))) * (self.target.temperature or 1.0)

    def activate(self, scores: Tensor) -> Tensor:
        """Return probabilities."""
        return by_temperature(scores, self.target).softmax(dim=1)

    def deactivate(self, activated: Tensor) -> Tensor:
        """Return the logarithms of probabilities; of 0 that of the smallest number."""
        return activated.clamp(min=torch.finfo(activated.dtype).tiny).log() * (self.target.temperature or 1.0)

    def decide(self, scores: Tensor) -> Tensor:
        """Return the index of the highest score (batch, height, width)."""
        return likeliest(scores, dim=1)

    def profiles(self, grid: Grid, tags: Mapping[str, str], *, details: Collection[str]) -> dict[str, RasterProfile]:
        """Return a class raster with names and colours; as details the probability of each class, and entropy."""
        dtype, nodata = class_nodata(self.target)
        colors = {entry.value: entry.rgb for entry in self.target.classes} if dtype == "uint8" else {}
        said = {**tags, **{f"CLASS_{entry.value}": entry.name for entry in self.target.classes}}
        legend = legend_of(self.target)
        profiles = {CLASSES: RasterProfile(grid, dtype, ("class",), nodata, "mode", colors, said, legend=legend)}
        for product, bands in ((PROBABILITIES, self.target.names), (ENTROPY, (ENTROPY,))):
            if product in details:
                profiles[product] = RasterProfile(grid, "float32", bands, float("nan"), "average", tags=tags)
        if SETS in details and self.target.sets is not None:
            profiles[SETS] = profile_of_sets(grid, self.target, self.target.sets, tags)
        return profiles

    def from_product(self, values: NDArray[np.generic], known: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return class indexes for the class values of the only band."""
        values = values[0]
        order = np.argsort(self.target.values)
        ordered = np.array(self.target.values)[order]
        found = np.searchsorted(ordered, values).clip(max=len(order) - 1)
        return np.where(known & (ordered[found] == values), order[found], IGNORE)

    def products(
        self, blended: NDArray[np.float32], valid: NDArray[np.bool_], profiles: Mapping[str, RasterProfile]
    ) -> Products:
        """See :class:`TargetKind`."""
        profile = profiles[CLASSES]
        values, nodata = np.array(self.target.values, profile.dtype), np.array(profile.nodata, profile.dtype)
        indexes = likeliest(torch.from_numpy(np.ascontiguousarray(blended)), dim=0).numpy()
        products: dict[str, NDArray[np.generic]] = {CLASSES: np.where(valid, values[indexes], nodata)[None]}
        if PROBABILITIES in profiles:
            products[PROBABILITIES] = np.where(valid, blended, np.float32(np.nan))
        if SETS in profiles and self.target.sets is not None:
            products[SETS] = np.where(valid, blended >= self.target.sets.threshold, NO_SET).astype(np.uint8)
        if ENTROPY in profiles:
            doubt = entropy(blended).sum(axis=0, keepdims=True) / np.log(max(len(blended), 2))
            products[ENTROPY] = np.where(valid, doubt, np.float32(np.nan)).astype(np.float32)
        return products


def entropy(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what each probability adds to the entropy, in nats."""
    return np.asarray(-probabilities * np.log(probabilities.clip(min=np.finfo(np.float32).tiny)), np.float32)


def by_temperature(scores: Tensor, target: TargetSpec) -> Tensor:
    """Return raw scores divided by the temperature of the target, where it has one."""
    return scores if target.temperature is None else scores / target.temperature


def fraction_column(name: str) -> str:
    """Return the column in which tables of scenes and samples keep the fraction of a class."""
    return f"fraction_{name}"


def top_score(count: int) -> str:
    """Return what the share of answers is called whose true class is among the likeliest."""
    return f"top_{count}_accuracy"


def _rank(truth: Tensor, scores: Tensor) -> Tensor:
    """Return how many classes are likelier than the true one; of those as likely, the first comes first."""
    own = scores.gather(1, truth.unsqueeze(1))
    order = torch.arange(scores.shape[1], device=scores.device).reshape(-1, *(1,) * (truth.dim() - 1))
    likelier = (scores > own) | ((scores == own) & (order < truth.unsqueeze(1)))
    return likelier.sum(dim=1)


class ClassCounts(Accumulator):
    """Counts pixels by true and predicted class."""

    only_sums = True
    #: Known answers whose true class is among the likeliest; counted for whole images of many classes.
    among_top: Tensor

    def __init__(self, kind: Classes) -> None:
        super().__init__()
        self._kind = kind
        self._confusion = ConfusionMatrix(kind.target.num_outputs)

        top = kind.top
        self._top = top if top is not None and kind.target.num_outputs > top else None
        self.register_buffer("among_top", torch.zeros((), dtype=torch.int64), persistent=False)

    def update(self, truth: Truth, scores: Tensor) -> None:
        """Add class indexes (batch, height, width), IGNORE where not known, and scores."""
        target = truth.target
        self._confusion.update(target, self._kind.decide(scores))
        if self._top is not None:
            known = target != IGNORE
            self.among_top += (_rank(target.clamp(min=0), scores)[known] < self._top).sum().to(self.among_top.device)

    def add(self, other: Accumulator) -> None:
        """See :class:`Accumulator`."""
        if not isinstance(other, ClassCounts):
            raise TypeError(f"Counts of classes cannot be added to {type(other).__name__}")
        self._confusion.counts += other.counts
        self.among_top += other.among_top

    def gather(self, gather: Gather) -> None:
        """See :class:`Accumulator`."""
        self._confusion.counts.copy_(torch.stack(list(gather(self.counts))).sum(dim=0))
        self.among_top.copy_(torch.cat(list(gather(self.among_top[None]))).sum())

    @property
    def counts(self) -> Tensor:
        """Pixels (true class, predicted class), int64."""
        return self._confusion.counts

    def num_known(self) -> int:
        """See :class:`Accumulator`."""
        return int(self.counts.sum())

    def report(self) -> dict[str, Any]:
        """Return mean scores, and those of each class, rounded to six digits behind the point."""
        scores = self._scores()
        means = ("miou", "f1", "overall_accuracy", "balanced_accuracy")
        report: dict[str, Any] = {name: round(getattr(scores, name), 6) for name in means} | self._top_scores()
        for part in ("iou", "f1", "precision", "recall"):
            values = {name: getattr(entry, part) for name, entry in scores.classes.items()}
            rounded = {name: None if value is None else round(value, 6) for name, value in values.items()}
            report[part if part == "iou" else f"class_{part}"] = rounded
        return report

    def draw(self) -> Figure:
        """Draw the confusion matrix."""
        from groundwork.targets.confusion_figure import draw_confusion  # noqa: PLC0415 - matplotlib loads slowly

        return draw_confusion(self.counts.cpu().numpy(), self._kind.target.names)

    def _scores(self) -> Scores:
        return compute_scores(self.counts.cpu().numpy().copy(), self._kind.target.names)

    def compute(self) -> dict[str, float]:
        """Return the main score, ``overall_accuracy`` and the watched score of each class that occurs."""
        scores, kind = self._scores(), self._kind
        values = {name: getattr(entry, kind.watched) for name, entry in scores.classes.items()}
        by_class = {f"{kind.watched}_{name}": value for name, value in values.items() if value is not None}
        main = getattr(scores, kind.main_score)
        return {
            kind.main_score: main,
            "overall_accuracy": scores.overall_accuracy,
            **self._top_scores(),
            **by_class,
        }

    def _top_scores(self) -> dict[str, float]:
        """Return the share of answers whose true class is among the likeliest, where that is a score."""
        if self._top is None:
            return {}
        return {top_score(self._top): round(int(self.among_top) / max(self.num_known(), 1), 6)}

    def reset(self) -> None:
        """Begin anew."""
        self._confusion.reset()
        self.among_top.zero_()
