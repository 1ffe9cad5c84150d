"""``parameters_inference.yml``: how scenes are predicted."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt, field_validator, model_validator

from groundwork.config.workforce import check_scheduler
from groundwork.specs import WholeOrChanges
from groundwork.strict import Config, did_you_mean


class EmbeddingsConfig(Config):
    """How embeddings are written: as they are, or as small whole numbers with a scale that the file states."""

    #: float32: as they are. int8: a quarter of the space, with a scale.
    dtype: Literal["float32", "int8"] = "float32"
    #: Only for int8: the largest value, on both sides of 0, that is kept; what lies beyond is cut off, and said so.
    limit: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _check(self) -> EmbeddingsConfig:
        if (self.dtype == "int8") != (self.limit is not None):
            raise ValueError(
                "'dtype: int8' needs 'limit', the largest value that is kept, and no other type has one: write a scene "
                "as float32 first, and look at its values"
            )
        return self

    @property
    def scale(self) -> float:
        """What a step of int8 stands for; 1 for other types."""
        return 1.0 if self.limit is None else self.limit / 127


#: Bare names of views, and what they stand for.
VIEWS: dict[str, dict[str, object]] = {
    "none": {},
    "flips": {"symmetries": "flips"},
    "d4": {"symmetries": "d4"},
    "scales": {"scales": (0.75, 1.0, 1.25)},
}


class ViewsConfig(Config):
    """In how many views of an image the model is asked (test-time augmentation); one answer is made of all of them."""

    #: none: as the image is. flips: left and right, top and bottom change places, 4 views. d4: quarter turns too, 8.
    symmetries: Literal["none", "flips", "d4"] = "none"
    #: Factors on the size of the image; each with all symmetries.
    scales: tuple[Annotated[float, Field(ge=0.25, le=4)], ...] = Field(default=(1.0,), min_length=1)

    @property
    def is_plain(self) -> bool:
        """Whether the image is seen as it is, and nothing else."""
        return self == ViewsConfig()


class AreaConfig(Config):
    """A box on the ground."""

    #: West, south, east and north, in units of ``crs``.
    bounds: tuple[float, float, float, float]
    #: What ``bounds`` are numbers of: a code, or another text from which a CRS can be made.
    crs: str = "EPSG:4326"

    @model_validator(mode="after")
    def _check(self) -> AreaConfig:
        west, south, east, north = self.bounds
        if not all(isfinite(edge) for edge in self.bounds) or west >= east or south >= north:
            across = "; across the 180th meridian, go on beyond 180, as 179 and 181" if west > east else ""
            raise ValueError(
                f"bounds are west, south, east and north, in this order; found {list(self.bounds)}{across}"
            )
        return self


class PolygonsConfig(Config):
    """How the outlines of classes are drawn."""

    #: In units of the scenes' CRS: points of an outline are left out where the triangle that each makes with its
    #: neighbours is smaller than the square of this. Neighbours keep a common border. 0: the sides of the pixels.
    simplify: float = Field(default=0.0, ge=0, allow_inf_nan=False)


class GridConfig(Config):
    """The pixels onto which scenes are brought before a model sees them."""

    #: A projected CRS. None: that of each scene.
    crs: str | None = None
    #: Side of a pixel in metres of the CRS, which are those on the ground where it keeps lengths, as UTM does.
    pixel_size_m: float = Field(gt=0, allow_inf_nan=False)
    #: How scenes are resampled whose source does not say it.
    resampling: Literal["nearest", "bilinear", "cubic", "average"] = "bilinear"


class MosaicConfig(Config):
    """How the predictions of all scenes are put together as one raster."""

    #: Which answer counts where scenes overlap. newest: that of the last date. first: that of the first scene by key.
    #: mean: the class of the highest mean probability, or the mean number.
    overlaps: Literal["newest", "first", "mean"] = "newest"
    #: CRS of the mosaic. None: that of the first scene by key.
    crs: str | None = None
    #: Side of its pixels, in units of ``crs``. None: that of the first scene, whose pixels are kept as they lie.
    pixel_size: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    #: Side in pixels of the tiles that it is cut into: each is a file, and a VRT shows all of them as one raster. None:
    #: it is one file.
    tile_size: PositiveInt | None = None

    @model_validator(mode="after")
    def _check(self) -> MosaicConfig:
        if self.crs is not None and self.pixel_size is None:
            raise ValueError("'crs' needs 'pixel_size', in units of that CRS")
        return self


class ShardConfig(Config):
    """One of several parts of the scenes, as the jobs of an array have."""

    #: Which part, from 0.
    index: int = Field(ge=0)
    #: How many parts there are.
    count: PositiveInt

    @model_validator(mode="after")
    def _check(self) -> ShardConfig:
        if self.index >= self.count:
            raise ValueError(f"index is {self.index}, and of {self.count} parts the last is {self.count - 1}")
        return self

    def part_of(self, keys: Sequence[str]) -> Sequence[str]:
        """Return every so manieth of the scenes, so that parts take alike long."""
        return keys[self.index :: self.count]


#: How many tiles a model is asked about at once where nothing is said.
USUAL_BATCH = 8


class InferenceConfig(Config):
    """How scenes are predicted, window by window."""

    #: Side of a tile in pixels.
    tile_size: int = Field(default=256, gt=0)
    #: Pixels shared by neighbouring tiles, over which their scores are blended.
    overlap: int = Field(default=32, ge=0)
    #: Tiles that the model is asked about at once. auto: 32 on a GPU; on a processor two of 256 pixels for each of its
    #: threads, or as many pixels, and at most 8; and half of it wherever memory runs out.
    batch_size: PositiveInt | Literal["auto"] = USUAL_BATCH
    #: What the model computes on, in evaluation too. auto: the first GPU, or else the processor. cpu, cuda:0, mps.
    device: str = Field(default="auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    #: What scores are computed in, in evaluation too; they are blended and written in float32. bf16 and fp16: the mixed
    #: precision of torch.
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    #: Let ``torch.compile`` make the model faster, in evaluation too. It takes a compiler, and a minute or more before
    #: the first tile; all batches then have one size.
    compile: bool = False
    #: Views in which the model is asked, in evaluation too. flips, d4, scales (0.75, 1 and 1.25), or both by name.
    augment: ViewsConfig = ViewsConfig()
    #: How often the model is asked with its dropout as in training, in evaluation too; one answer is made of all
    #: (Monte Carlo dropout). 0: once, without.
    dropout_samples: int = Field(default=0, ge=0, le=1000)
    #: Also write the probability of each class.
    probabilities: bool = False
    #: Also write which classes are possible, with a band for each; for bundles trained with ``training.conformal``.
    sets: bool = False
    #: Also write how unsure the model is of the class: 0 where it is certain, 1 where all classes are as likely.
    entropy: bool = False
    #: Also write the outlines of classes; true, or how they are drawn.
    polygons: PolygonsConfig | None = None
    #: The pixels onto which scenes are brought that have another CRS or pixel size than those of the training;
    #: predictions lie on them. None: each scene is predicted as it lies.
    grid: GridConfig | None = None
    #: Also put the predictions of all scenes together as one raster; how.
    mosaic: MosaicConfig | None = None
    #: The ground that is predicted, as a box; a file of polygons is named as the input ``inference_area``. None: all.
    area: AreaConfig | None = None
    #: What becomes of a block of a GeoTIFF, one of its tiles or strips, that cannot be decoded. refuse: the run ends.
    #: nodata: its pixels hold no data; a warning, the tags of the prediction and its item say which. A file that is
    #: cut off is refused in either case.
    on_bad_block: Literal["refuse", "nodata"] = "refuse"
    #: Whether a scene is predicted anew whose prediction is there already. false: it is kept where it was made of the
    #: same scene by the same bundle, settings and versions, so that a run that broke off goes on.
    overwrite: bool = True
    #: Also write a STAC item for each scene, with checksums of what was read and written, and a collection of them.
    items: bool = True
    #: How many scenes are drawn beside what was predicted of them, evenly picked; of a ``shard``, so many of its part.
    #: 0: none. all: each of them.
    quicklooks: NonNegativeInt | Literal["all"] = 48
    #: How many predict at a time, each a process of its own, with one thread and a model. 1: this one.
    workers: PositiveInt = 1
    #: Rows of pixels of a scene that one of several workers predicts at a time, so that all of them work on it. Of each
    #: block a row of tiles is predicted twice. auto: large scenes are cut where there are fewer than ``workers``. None:
    #: a scene is predicted by one worker.
    block_rows: PositiveInt | Literal["auto"] | None = "auto"
    #: processes: of this machine. dask: workers of Dask, which may be many machines with the same files.
    engine: Literal["processes", "dask"] = "processes"
    #: Address of a running scheduler of Dask, such as ``tcp://10.0.0.7:8786``; ``workers`` is then its matter. None:
    #: Dask begins as many workers on this machine.
    scheduler: str | None = None
    #: The part of the scenes that is predicted. None: all.
    shard: ShardConfig | None = None
    #: How embeddings are written, of a model that gives such.
    embeddings: EmbeddingsConfig = EmbeddingsConfig()
    #: What the scenes' rasters hold, where that differs from the rasters the model was trained on (other layout, data
    #: type or nodata). With ``bands``, which must be the model's by name, it is all that they hold; without, the keys
    #: that are stated, and all others are as for training. None: the same as for training.
    source: WholeOrChanges | None = None
    #: The same for models of several sources: source -> what its rasters hold.
    sources: dict[str, WholeOrChanges] = Field(default_factory=dict)

    @property
    def details(self) -> frozenset[str]:
        """Which products are wanted beside the answers."""
        wanted = {"probabilities": self.probabilities, "entropy": self.entropy, "sets": self.sets}
        return frozenset(name for name, is_wanted in wanted.items() if is_wanted)

    @field_validator("augment", mode="before")
    @classmethod
    def _accept_bare_name(cls, views: object) -> object:
        if views is None:
            return {}
        if not isinstance(views, str):
            return views
        if views not in VIEWS:
            hint = did_you_mean(views, list(VIEWS))
            raise ValueError(f"must be one of {list(VIEWS)}, or symmetries and scales; found {views!r}.{hint}")
        return VIEWS[views]

    @field_validator("polygons", mode="before")
    @classmethod
    def _accept_whether(cls, polygons: object) -> object:
        return ({} if polygons else None) if isinstance(polygons, bool) else polygons

    @property
    def settled_batch(self) -> int:
        """Size of the batches of a file that takes no others, which must not follow from the machine that writes it."""
        return USUAL_BATCH if self.batch_size == "auto" else self.batch_size

    @model_validator(mode="after")
    def _check(self) -> InferenceConfig:
        if 2 * self.overlap > self.tile_size:
            raise ValueError(f"overlap {self.overlap} is more than half of tile_size {self.tile_size}")
        check_scheduler(self)
        if self.shard is not None and self.mosaic is not None:
            raise ValueError(
                "'mosaic' is made of all scenes, and 'shard' predicts a part of them: leave the mosaic to a last run "
                "without 'shard', which 'overwrite: false' keeps short"
            )
        if self.batch_size == "auto" and self.dropout_samples:
            raise ValueError(
                "'batch_size: auto' may become smaller while it runs, and what 'dropout_samples' draws follows from "
                "it: the same scene would get other bytes. Set a number."
            )
        if self.source is not None and self.sources:
            raise ValueError("give 'source', or 'sources' for models of several, not both")
        if not self.overwrite and not self.items:
            raise ValueError("'overwrite: false' knows by its item what is finished: set 'items: true'")
        return self
