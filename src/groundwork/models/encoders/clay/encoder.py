"""Clay 1.5, whose first layer is made from the wavelengths of the bands."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi, tau

import torch
from torch import Tensor, nn

from groundwork.batch import Image
from groundwork.errors import SpecError
from groundwork.models.encoders.clay.network import (
    Attention,
    DynamicEmbedding,
    FeedForward,
    Layer,
    Transformer,
    place_codes,
)
from groundwork.models.encoders.clay.variants import (
    PATCH_SIZE,
    RADAR_NM,
    VARIANTS,
    ClayVariant,
    SensorName,
    VariantName,
    describe,
)
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.calendar import week_of
from groundwork.models.encoders.parts.coordinates import require_dates, require_location
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.full_precision import in_full_precision
from groundwork.models.encoders.parts.tokens import block_indices, dropped_blocks, to_map
from groundwork.models.encoders.parts.wavelengths import require_wavelengths
from groundwork.models.weights.hub import find_weights
from groundwork.models.weights.info import Coordinate
from groundwork.models.weights.of_bundle import unbundled
from groundwork.models.weights.published import set_published
from groundwork.models.weights.reading import read_weights
from groundwork.specs import FeatureLevel, FeatureSpec, RasterSpec

#: How names begin of what the published file holds beside the encoder.
_OTHERS = ("decoder.", "teacher.", "proj.", "mrl.")


class ClayEncoder(OneSourceEncoder):
    """Clay 1.5 (https://github.com/Clay-foundation/model): any bands, each known by its wavelength, at any pixel size.

    Args:
        inputs: What the rasters hold: one date; ``pixel_size_m``; each band with its wavelength, but for VV and VH.
        variant: The network. Weights are published for the large one.
        sensor: Whose statistics ``standardise: from_encoder`` takes. None: nobody's.
        coordinates: What the network is told of each image. It never learns the time of day, and what it is not told
            is 0, as for a fifth of its pre-training data.
        vector: Give the class token as a global vector, which is Clay's embedding of an image.
        out_indices: Layers whose maps are passed on, in order; -1 is the last, which is normalised. None: all.
        pretrained: Start from the published weights.
        weights: A file in the published layout, instead of the hub's.

    Raises:
        SpecError: For several dates, a band without a wavelength, or rasters without a pixel size.
        ComponentError: For layers that do not exist, or weights that are not published.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    single_precision = True

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        variant: VariantName = "clay_v1_5_large",
        sensor: SensorName | None = None,
        coordinates: tuple[Coordinate, ...] = (),
        vector: bool = False,
        out_indices: tuple[int, ...] | None = None,
        pretrained: bool = False,
        weights: str | None = None,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_one_date("clay", raster)
        self._wavelengths = tuple(nm / 1000 for nm in require_wavelengths("clay", raster, RADAR_NM))
        self._pixel_size = _require_pixel_size(raster)
        sizes = VARIANTS[variant]
        dim = sizes.embed_dim
        self.coordinates = frozenset(coordinates)
        self.size_multiple = PATCH_SIZE
        self.out_indices = block_indices(out_indices, sizes.depth)
        self.out = FeatureSpec((FeatureLevel(dim, PATCH_SIZE),) * len(self.out_indices), dim if vector else None)

        self._build(sizes)
        source = find_weights(variant, pretrained, weights, sizes.weights)
        loaded = None
        if source is not None:
            held = unbundled(read_weights(source.path), source.name)
            content = {_rename(name): value for name, value in held.items()}
            unused = (
                *dropped_blocks(self.out_indices, sizes.depth, "transformer.layers"),
                "transformer.norm.",
                *_OTHERS,
            )
            loaded = set_published(self, content, source.name, unused)
        self.publish(describe(variant, sensor), loaded)

    def _build(self, sizes: ClayVariant) -> None:
        dim = sizes.embed_dim
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        nn.init.normal_(self.cls_token, std=0.02)
        self.patch_embedding = DynamicEmbedding(PATCH_SIZE, dim)
        # Layers behind the last that is passed on would compute for nobody.
        num_layers = self.out_indices[-1] + 1
        layers = [
            Layer([Attention(dim, sizes.num_heads, sizes.head_dim), FeedForward(dim, dim * sizes.mlp_ratio)])
            for _ in range(num_layers)
        ]
        self.transformer = Transformer(layers, dim if num_layers == sizes.depth else None)

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per layer, and the class token if asked for. See :class:`Encoder`.

        Raises:
            ValueError: Where the coordinates that the encoder was built for are missing.
        """
        values = drop_time(image.values)
        batch, device = values.shape[0], values.device
        grid = (values.shape[-2] // PATCH_SIZE, values.shape[-1] // PATCH_SIZE)
        with in_full_precision(device):
            wavelengths = torch.tensor(self._wavelengths, device=device)
            tokens = self.patch_embedding(values.float(), wavelengths)
            places = place_codes(grid, tokens.shape[-1] - 8, self._pixel_size, device).expand(batch, -1, -1)
            when = self._code_coordinates(image).unsqueeze(1).expand(-1, places.shape[1], -1)
        tokens = tokens + torch.cat([places, when], dim=-1)
        tokens = torch.cat([self.cls_token.expand(batch, -1, -1), tokens], dim=1)
        states = self.transformer(tokens)
        maps = [to_map(states[index], grid) for index in self.out_indices]
        return maps if self.out.vector is None else [*maps, states[-1][:, 0]]

    def _code_coordinates(self, image: Image) -> Tensor:
        """Return (batch, 8): sine and cosine of week, time of day, latitude and longitude; 0 for what is not told."""
        unknown = torch.zeros(image.values.shape[0], 2, device=image.values.device)
        week = latitude = longitude = unknown
        if "time" in self.coordinates:
            week = _circle(week_of(require_dates("clay", image, 1)[:, 0]) * (tau / 52))
        if "location" in self.coordinates:
            degrees = require_location("clay", image).float()
            latitude, longitude = _circle(degrees[:, 0] * (pi / 180)), _circle(degrees[:, 1] * (pi / 180))
        return torch.cat([week, unknown, latitude, longitude], dim=1)


def _circle(angle: Tensor) -> Tensor:
    return torch.stack([angle.sin(), angle.cos()], dim=1)


def _require_pixel_size(inputs: RasterSpec) -> float:
    if inputs.pixel_size_m is None:
        raise SpecError("'clay' knows distances by the size of a pixel. Write 'pixel_size_m' in data.sources")
    return inputs.pixel_size_m


def _rename(name: str) -> str:
    return name.removeprefix("model.").removeprefix("encoder.")
