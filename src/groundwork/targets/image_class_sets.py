"""Several classes for each image: each class is a question of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from groundwork.batch import Answers
from groundwork.errors import SpecError
from groundwork.rasters.grid import Grid
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import TargetSpec
from groundwork.targets.classes import (
    CLASSES,
    ENTROPY,
    PROBABILITIES,
    RIGHT,
    UNKNOWN,
    WRONG,
    by_temperature,
    entropy,
    fraction_column,
)
from groundwork.targets.image_answers import ImageAnswers, probability_column, rounded
from groundwork.targets.kind import Direction, Products, RasterKind
from groundwork.targets.label import Label, LabelSource
from groundwork.targets.labels import IGNORE
from groundwork.targets.legends import NO, yes_or_no
from groundwork.targets.set_scores import SetScores
from groundwork.targets.statistics import TargetStatistics
from groundwork.targets.tabled_sets import TabledClassSet
from groundwork.targets.tabled_windows import open_tabled

#: What decides where nobody chose a threshold.
EVEN = 0.5
#: Width in pixels of the stripes that show several classes in one picture.
STRIPE = 8
#: What rasters hold where the scene has no data, and the colour of images that are of no class.
NODATA, NONE = 255, NO


@final
class ImageClassSets(RasterKind, ImageAnswers):
    """The classes of each image whose probability reaches their threshold; tiles are blended in probabilities.

    Answers are (classes, ...): 1 where an image is of a class, 0 where it is not, IGNORE where nobody knows. A scene is
    predicted as a map of what its tiles are, with a band for each class.
    """

    per = "image"
    main_score = "map"
    headline = ("map", "f1_micro", "f1_macro", "ap", "auroc")
    constant_name = "class_share"
    term_type = np.int64

    @classmethod
    def check(cls, target: TargetSpec) -> None:
        """See :class:`TargetKind`."""
        if not target.multi_label:
            raise SpecError(
                "This task learns several classes for each image: set 'multi_label: true' and 'per: image' in "
                "data.target, and give its 'classes'. One class for each image is learnt by the task 'classification'"
            )

    @classmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:
        """See :class:`TargetKind`."""
        by_class = [f"{part}_{name}" for part in ("ap", "auroc") for name in target.names]
        return dict.fromkeys(["map", "f1_micro", "f1_macro", *by_class], "max")

    def __init__(self, target: TargetSpec) -> None:
        super().__init__(target)
        # Whether anything is known, and for each class whether it is known, and whether a pixel is of it.
        self.num_terms = 1 + 2 * target.num_outputs
        self.thresholds = tuple(EVEN if entry.threshold is None else entry.threshold for entry in target.classes)

    def open_label(self, source: LabelSource, grid: Grid) -> Label:
        """Take the classes that a table says of a scene, or of each of its windows."""
        return open_tabled(source, grid, partial(TabledClassSet, target=self.target), IGNORE)

    def known(self, answers: Answers) -> NDArray[np.bool_]:
        """Return where the answer to any class is known."""
        return np.asarray((np.asarray(answers) != IGNORE).any(axis=0))

    def hide(self, answers: Answers, known: NDArray[np.bool_]) -> None:
        """See :class:`TargetKind`."""
        answers[..., ~known] = IGNORE

    def nothing_known(self, answers: Tensor) -> Tensor:
        """Return IGNORE."""
        return answers.new_tensor(IGNORE)

    def table(self, activated: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
        """Return the names of the classes, joined as labels join them, and the probability of each."""
        names, separator = self.target.names, self.target.separator or ";"
        said = activated >= np.array(self.thresholds, np.float32)
        joined = np.empty(len(said), object)
        joined[:] = [separator.join(name for name, is_so in zip(names, row, strict=True) if is_so) for row in said]
        return {
            "classes": joined,
            **{probability_column(name): rounded(activated[:, i]) for i, name in enumerate(names)},
        }

    def asked(self, target: Tensor) -> Tensor:
        """Return the answers of each image (batch, classes): of those of its pixels that are known."""
        return target.flatten(2).amax(dim=2)

    def terms(self, answers: Answers) -> Iterator[NDArray[np.int64]]:
        """Yield where anything is known, and for each class where it is known, and where the answer is yes."""
        yield self.known(answers).astype(np.int64)
        for plane in np.asarray(answers):
            yield (plane != IGNORE).astype(np.int64)
            yield (plane == 1).astype(np.int64)

    def num_known(self, sums: NDArray[np.generic]) -> int:
        """Return the number of pixels of which anything is known."""
        return int(np.asarray(sums, np.int64)[0])

    def columns(self, sums: NDArray[np.generic]) -> dict[str, float]:
        """Return the share of each class among the pixels where it is known; NaN where it is known nowhere."""
        pairs = zip(self.target.names, self._counts(sums), strict=True)
        return {
            fraction_column(name): round(float(yes) / float(known), 6) if known else float("nan")
            for name, (known, yes) in pairs
        }

    def summarise(self, sums: NDArray[np.generic]) -> TargetStatistics:
        """Return for each class on how many pixels it is known, and how many are of it.

        Raises:
            SpecError: Where a class is known nowhere in the training split.
        """
        names, counts = self.target.names, self._counts(sums).tolist()
        unknown = [name for name, (known, _) in zip(names, counts, strict=True) if not known]
        if unknown:
            raise SpecError(
                f"Nobody knows of any image of the training split whether it is of {unknown}: nothing can be learnt. "
                "Split the samples anew, or leave the class out"
            )
        return TargetStatistics(
            class_pixels={name: yes for name, (_, yes) in zip(names, counts, strict=True)},
            known_pixels={name: known for name, (known, _) in zip(names, counts, strict=True)},
        )

    def _counts(self, sums: NDArray[np.generic]) -> NDArray[np.int64]:
        """Return known and positive pixels of each class, (classes, 2)."""
        return np.asarray(sums, np.int64)[1:].reshape(-1, 2)

    def constant(self, statistics: TargetStatistics) -> Tensor:
        """Return the share of each class in the training split, as a raw score."""
        yes = torch.tensor([statistics.class_pixels[name] for name in self.target.names], dtype=torch.float64)
        known = torch.tensor([statistics.known_pixels[name] for name in self.target.names], dtype=torch.float64)
        return raw_scores(yes / known.clamp(min=1))

    def picture(self, answers: Answers) -> NDArray[np.uint8]:
        """Return the colours of the classes in stripes, light grey where there is none."""
        yes = np.asarray(answers) == 1
        count = yes.sum(axis=0)
        stripe = np.arange(yes.shape[-1]) // STRIPE % np.maximum(count, 1)
        # The class that is the so-many-th of a pixel has as many before it.
        shown = (yes & (yes.cumsum(axis=0) - 1 == stripe)).argmax(axis=0)
        colors = np.array([entry.rgb for entry in self.target.classes], np.uint8)
        painted: NDArray[np.uint8] = np.where((count > 0)[..., None], colors[shown], np.array(NONE, np.uint8))
        painted[~self.known(answers)] = UNKNOWN
        return painted

    def picture_of_errors(self, truth: Answers, answers: Answers) -> NDArray[np.uint8]:
        """Return from grey, where all known classes are right, to red, where all of them are wrong."""
        known = np.asarray(truth) != IGNORE
        wrong = known & (np.asarray(truth) != np.asarray(answers))
        share = (wrong.sum(axis=0) / np.maximum(known.sum(axis=0), 1))[..., None]
        painted: NDArray[np.uint8] = (np.array(RIGHT) * (1 - share) + np.array(WRONG) * share).round().astype(np.uint8)
        painted[~known.any(axis=0)] = UNKNOWN
        return painted

    def legend(self) -> list[tuple[str, str]]:
        """Return names and colours of the classes, and that of none of them."""
        colors = [(entry.name, entry.color) for entry in self.target.classes]
        return [*colors, ("none of them", "#{:02x}{:02x}{:02x}".format(*NONE))]

    def accumulator(self) -> SetScores:
        """Return what keeps the scores of images, without any."""
        return SetScores(self.target, self.thresholds)

    def combine(self, scores: Sequence[Tensor]) -> Tensor:
        """Return the raw score of the mean probability of each class, by the temperature of the target."""
        together = by_temperature(torch.stack(list(scores)), self.target)
        # The number of answers is the same for yes and for no, and so falls out.
        odds = functional.logsigmoid(together).logsumexp(dim=0) - functional.logsigmoid(-together).logsumexp(dim=0)
        return odds * (self.target.temperature or 1.0)

    def activate(self, scores: Tensor) -> Tensor:
        """Return the probability of each class."""
        return by_temperature(scores, self.target).sigmoid()

    def deactivate(self, activated: Tensor) -> Tensor:
        """Return the log-odds of probabilities; those of 0 and 1 come near."""
        return raw_scores(activated, 1e-7) * (self.target.temperature or 1.0)

    def decide(self, scores: Tensor) -> Tensor:
        """Return for each class 1 where its probability reaches its threshold, 0 elsewhere (batch, classes, ...)."""
        limits = scores.new_tensor(self.thresholds).reshape(-1, *(1,) * (scores.dim() - 2))
        return (self.activate(scores) >= limits).to(torch.int8)

    def profiles(self, grid: Grid, tags: Mapping[str, str], *, details: Collection[str]) -> dict[str, RasterProfile]:
        """Return a raster with a band of 0 and 1 for each class; as details the probability of each, and entropy."""
        names = self.target.names
        said = {f"THRESHOLD_{name}": f"{limit:g}" for name, limit in zip(names, self.thresholds, strict=True)}
        legends = yes_or_no(self.target, "not of this class")
        profiles = {
            CLASSES: RasterProfile(grid, "uint8", names, NODATA, "mode", tags={**tags, **said}, legends=legends)
        }
        for product in (PROBABILITIES, ENTROPY):
            if product in details:
                profiles[product] = RasterProfile(grid, "float32", names, float("nan"), "average", tags=tags)
        return profiles

    def from_product(self, values: NDArray[np.generic], known: NDArray[np.bool_]) -> NDArray[np.int8]:
        """Return the answers of all classes, (classes, height, width)."""
        return np.where(known, values, IGNORE).astype(np.int8)

    def products(
        self, blended: NDArray[np.float32], valid: NDArray[np.bool_], profiles: Mapping[str, RasterProfile]
    ) -> Products:
        """See :class:`TargetKind`."""
        limits = np.array(self.thresholds, np.float32)[:, None, None]
        products: dict[str, NDArray[np.generic]] = {}
        products[CLASSES] = np.where(valid, blended >= limits, NODATA).astype(np.uint8)
        if PROBABILITIES in profiles:
            products[PROBABILITIES] = np.where(valid, blended, np.float32(np.nan))
        if ENTROPY in profiles:
            doubt = (entropy(blended) + entropy(1 - blended)) / np.log(2)
            products[ENTROPY] = np.where(valid, doubt, np.float32(np.nan)).astype(np.float32)
        return products


def raw_scores(probabilities: Tensor, nearest: float = 1e-6) -> Tensor:
    """Return the raw scores that activate to these probabilities; those of 0 and 1 come as near as ``nearest``."""
    return torch.logit(probabilities, eps=nearest)
