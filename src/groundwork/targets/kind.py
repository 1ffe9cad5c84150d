"""What every kind of answer is, from the label that is read to the picture that is drawn."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from groundwork.batch import Answers, Patch, Truth
from groundwork.rasters.grid import Grid
from groundwork.rasters.opening import open_dataset
from groundwork.rasters.quicklook import read_small
from groundwork.rasters.stream import RasterProfile
from groundwork.specs import TargetSpec
from groundwork.targets.label import Label, LabelSource
from groundwork.targets.statistics import TargetStatistics

if TYPE_CHECKING:
    # It loads slowly, and training has no use for it.
    from matplotlib.figure import Figure

#: Whether more of a score is better, or less.
Direction: TypeAlias = Literal["max", "min"]
#: Product of a prediction, such as "classes" -> its pixels (bands, height, width).
Products: TypeAlias = Mapping[str, NDArray[np.generic]]
#: Returns a tensor of each process, in the order of the processes; their first axes may be of other lengths.
Gather: TypeAlias = Callable[[Tensor], Sequence[Tensor]]


class Accumulator(nn.Module, ABC):
    """Adds up what scores are computed from, batch by batch, and over processes."""

    #: Whether scores are computed from its buffers alone, and these are sums.
    only_sums: ClassVar[bool]

    @abstractmethod
    def update(self, truth: Truth, scores: Tensor) -> None:
        """Add a batch: the answers as they are known, and raw scores (batch, outputs, ...)."""

    @abstractmethod
    def add(self, other: Accumulator) -> None:
        """Add what another one of this kind holds."""

    @abstractmethod
    def gather(self, gather: Gather) -> None:
        """Add what the same accumulators of other processes hold; of one process, nothing changes."""

    @abstractmethod
    def num_known(self) -> int:
        """Return how many answers were judged."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Return the scores that a training is watched by; those that are not defined are left out."""

    @abstractmethod
    def report(self) -> dict[str, Any]:
        """Return all scores: numbers, and mappings of them by class or output; None where one is not defined."""

    def headline(self) -> dict[str, Any]:
        """Return at least those scores of a report that a table of runs shows, quickly enough to be asked for often."""
        return self.report()

    @abstractmethod
    def draw(self) -> Figure:
        """Draw where answers are right and where they are not."""

    @abstractmethod
    def reset(self) -> None:
        """Begin anew."""


class TargetKind(ABC):
    """A kind of answer: how labels are read and summed up, what scores mean and become, how they are judged and drawn.

    Constructors take ``(target: TargetSpec)``, so that a bundle is enough to make one.
    """

    #: What has an answer of its own. Answers of images are read as those of all their pixels; see :meth:`asked`.
    per: ClassVar[Literal["pixel", "image", "object", "nothing"]]
    #: The score by which predictors are compared, and all that a table of runs shows, as named in a report.
    main_score: ClassVar[str]
    headline: tuple[str, ...]
    #: What the baseline is called that says the same of each image; see :meth:`constant`.
    constant_name: ClassVar[str]
    #: Number of sums that the answers of a window have; see :meth:`terms`.
    num_terms: int
    #: What these are added up in: whole numbers are the same in any order.
    term_type: ClassVar[type[np.generic]]

    def __init__(self, target: TargetSpec) -> None:
        self.check(target)
        self.target = target

    @property
    def num_outputs(self) -> int:
        """Number of scores that a model gives per pixel or image."""
        return self.target.num_scores

    @classmethod
    @abstractmethod
    def check(cls, target: TargetSpec) -> None:
        """Refuse a target of another kind.

        Raises:
            SpecError: With what this kind needs.
        """

    @classmethod
    @abstractmethod
    def score_directions(cls, target: TargetSpec) -> dict[str, Direction]:
        """Return all scores that an accumulator may give, by name, and whether more or less of each is better."""

    @abstractmethod
    def open_label(self, source: LabelSource, grid: Grid) -> Label:
        """Open the label of a scene.

        Args:
            source: Its files, or its row of a table.
            grid: Of the scene, for labels that have none of their own.

        Raises:
            RasterError: Where it cannot be read as answers of this kind.
        """

    @abstractmethod
    def known(self, answers: Answers) -> NDArray[np.bool_]:
        """Return where anything is known, (height, width)."""

    @abstractmethod
    def hide(self, answers: Answers, known: NDArray[np.bool_]) -> None:
        """Mark answers as not known, in place, where ``known`` is false."""

    @abstractmethod
    def nothing_known(self, answers: Tensor) -> Tensor:
        """Return what stands for answers that are not known, as one number in their type."""

    @abstractmethod
    def asked(self, target: Tensor) -> Tensor:
        """Return what is asked of a batch: answers of its pixels as they are, or one for each image (batch, ...).

        Args:
            target: As it was read, (batch, ..., height, width).
        """

    @abstractmethod
    def terms(self, answers: Answers) -> Iterator[NDArray[np.generic]]:
        """Yield what answers are summed up by, one number for each pixel, in an order of this kind's own.

        The sums over pixels of a window, a scene or a split are all that :meth:`num_known`, :meth:`columns` and
        :meth:`summarise` are given.
        """

    @abstractmethod
    def num_known(self, sums: NDArray[np.generic]) -> int:
        """Return how many answers are known."""

    @abstractmethod
    def columns(self, sums: NDArray[np.generic]) -> dict[str, float]:
        """Return what tables of scenes and samples say of the answers of each, by column."""

    @abstractmethod
    def summarise(self, sums: NDArray[np.generic]) -> TargetStatistics:
        """Return what is kept of the answers of the training split."""

    @abstractmethod
    def constant_of(self, statistics: TargetStatistics, size: tuple[int, int]) -> Tensor:
        """Return the raw scores (outputs, ...) that are best given where nothing is known of an image.

        Args:
            statistics: Of the training split.
            size: Height and width of the image.
        """

    @abstractmethod
    def panel(self, patch: Patch, scores: Tensor, image: NDArray[np.uint8]) -> Sequence[NDArray[np.uint8]]:
        """Return truth, prediction and errors as pictures (height, width, 3), or larger ones of the same shape.

        Args:
            patch: What was read, with answers.
            scores: Raw scores (1, outputs, ...) for it.
            image: What it looks like (height, width, 3).
        """

    @abstractmethod
    def picture_of_file(self, path: Path, grid: Grid, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the first product of a prediction as a small picture.

        Args:
            path: Its file.
            grid: Of the scene.
            image: What the scene looks like (height, width, 3), thinned out.
        """

    @abstractmethod
    def legend(self) -> list[tuple[str, str]]:
        """Return what colours of pictures mean: names, and colours such as ``#1f78b4``."""

    def legend_of_panel(self) -> list[tuple[str, str]]:
        """Return the same of pictures in which answers are compared with the truth."""
        return self.legend()

    @abstractmethod
    def accumulator(self) -> Accumulator:
        """Return what judges scores, without any batch."""

    @abstractmethod
    def combine(self, scores: Sequence[Tensor]) -> Tensor:
        """Return the raw scores that several answers to one question make together, each counting alike.

        Args:
            scores: Of each view or model, (batch, outputs, ...).
        """

    @abstractmethod
    def activate(self, scores: Tensor) -> Tensor:
        """Turn raw scores (batch, outputs, ...) into what overlapping tiles are blended in, in the same shape."""

    @abstractmethod
    def deactivate(self, activated: Tensor) -> Tensor:
        """Return raw scores that :meth:`activate` turns into these, in the same shape."""


class RasterKind(TargetKind, ABC):
    """A kind of answer that is written as rasters: tiles are blended pixel by pixel."""

    @abstractmethod
    def constant(self, statistics: TargetStatistics) -> Tensor:
        """Return the raw scores (outputs,) that are best given where nothing is known of an image."""

    def constant_of(self, statistics: TargetStatistics, size: tuple[int, int]) -> Tensor:
        """Return the same for each pixel, or for the image as a whole. See :class:`TargetKind`."""
        scores = self.constant(statistics)
        return scores if self.per == "image" else scores[:, None, None].expand(-1, *size)

    @abstractmethod
    def picture(self, answers: Answers) -> NDArray[np.uint8]:
        """Return answers (height, width) as a picture (height, width, 3); white where not known."""

    @abstractmethod
    def picture_of_errors(self, truth: Answers, answers: Answers) -> NDArray[np.uint8]:
        """Return where answers are wrong as a picture (height, width, 3); white where the truth is not known."""

    def panel(self, patch: Patch, scores: Tensor, image: NDArray[np.uint8]) -> Sequence[NDArray[np.uint8]]:  # noqa: ARG002
        """Paint answers over the whole image. See :class:`TargetKind`."""
        truth, decided = np.asarray(patch.target), self.decide(scores)[0].numpy()
        # What is said of an image is said of all its pixels.
        predicted = decided if self.per == "pixel" else np.broadcast_to(decided[..., None, None], truth.shape)
        shown = predicted.copy()
        self.hide(shown, patch.known)
        return self.picture(truth), self.picture(shown), self.picture_of_errors(truth, predicted)

    def picture_of_file(self, path: Path, grid: Grid, image: NDArray[np.uint8]) -> NDArray[np.uint8]:  # noqa: ARG002
        """Read it from its overviews. See :class:`TargetKind`."""
        with open_dataset(path) as raster:
            bands = raster.indexes
        return self.picture(self.from_product(*read_small(path, bands, max(image.shape[:2]))))

    @abstractmethod
    def decide(self, scores: Tensor) -> Tensor:
        """Turn raw scores (batch, outputs, ...) into answers (batch, ...)."""

    @abstractmethod
    def profiles(self, grid: Grid, tags: Mapping[str, str], *, details: Collection[str]) -> dict[str, RasterProfile]:
        """Return the rasters that a prediction is written as.

        Args:
            grid: Of the scene.
            tags: What each of them says of its origin.
            details: What else is wanted, such as "probabilities"; what a kind does not have is left out.
        """

    @abstractmethod
    def from_product(self, values: NDArray[np.generic], known: NDArray[np.bool_]) -> Answers:
        """Return the answers (..., height, width) that the first product of a prediction holds.

        Args:
            values: Of its bands (bands, height, width).
            known: Where they are not nodata (height, width).
        """

    @abstractmethod
    def products(
        self, blended: NDArray[np.float32], valid: NDArray[np.bool_], profiles: Mapping[str, RasterProfile]
    ) -> Products:
        """Return the pixels of the rasters of ``profiles`` for a window.

        Args:
            blended: Activated scores (outputs, height, width).
            valid: Where the scene holds data (height, width).
            profiles: As of :meth:`profiles`.
        """
