"""Every feature extractor of timm, as one component."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from groundwork.batch import Image
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.unused_parameters import freeze_named
from groundwork.models.encoders.timm.networks import (
    NetworkOptions,
    create_network,
    is_channels_last,
    probe_network,
    read_levels,
    settle_levels,
)
from groundwork.models.encoders.timm.weights import describe_weights, load_timm, trained_bands
from groundwork.models.features.sizes import Sizes
from groundwork.models.limits import Rate
from groundwork.models.weights.file import Weights
from groundwork.models.weights.published import FirstLayer, NewBands
from groundwork.models.weights.reading import require_pretrained
from groundwork.specs import FeatureSpec, RasterSpec


class TimmEncoder(OneSourceEncoder):
    """A network of timm (https://github.com/huggingface/pytorch-image-models) that gives feature maps.

    Plain vision transformers (ViT, DINOv2, DINOv3, EVA and others) pass on blocks, all of one stride. Most networks
    take images of any size; those that take one only (BEiT, MLP-Mixer, Hiera and others) say so at the first image
    that is larger, and smaller ones are padded.

    Args:
        inputs: What the rasters hold, one date.
        model: Name of the network, as in ``timm.list_models()``, for example ``convnext_tiny``, and of its weights
            where there are several, for example ``resnet50.a1_in1k``.
        pretrained: Start from published weights. In the first layer, the bands RED, GREEN and BLUE keep theirs.
        weights: Where these come from, instead of timm's: a file, an address (``https://...``), or a repository
            (``hf_hub:owner/name``). A file comes as a mapping of ``file`` and ``bands``, unless it says its bands
            itself.
        new_bands: What all other bands get in the first layer: ``fresh`` weights, or the ``mean`` of the three.
        out_indices: Which of the network's levels or blocks to pass on, from first to last; -1 is the last. None: all
            levels, but of a plain vision transformer four blocks at even distances, the last among them.
        drop_path: Rate of stochastic depth while training, 0 to 1 (https://arxiv.org/abs/1603.09382).
        image_size: Side of the images in pixels, for networks that are built for one size. None: as published.

    Raises:
        ComponentError: For a name that timm does not know, levels that do not exist, or an option that this network
            does not take.
        SpecError: For several dates.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        model: str,
        pretrained: bool = False,
        weights: Weights | None = None,
        new_bands: NewBands = "fresh",
        out_indices: tuple[int, ...] | None = None,
        drop_path: Rate = 0.0,
        image_size: int | None = None,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_one_date("timm", raster)
        require_pretrained(pretrained, weights)
        # Another number of channels tells the first layer from the others.
        asked = NetworkOptions(model, raster.num_channels + 1, out_indices, drop_path, image_size)
        probed = probe_network(asked)
        options, sizes = replace(probed.options, num_channels=raster.num_channels), probed.sizes
        self.network = create_network(options)
        freeze_named(self.network, probed.unused)
        self.out = FeatureSpec(read_levels(self.network))
        self.size_multiple = sizes.multiple
        self.only_size = sizes.multiple if sizes.is_fixed else None
        self._is_channels_last = is_channels_last(self.network)
        info = describe_weights(self.network, [int(level.stride) for level in self.out.levels])
        loaded = None
        if pretrained:
            wanted = tuple(band.name for band in raster.used)
            layer = FirstLayer("", trained_bands(self.network), wanted, new_bands=new_bands)
            loaded = load_timm(self.network, settle_levels(asked)[1], options, weights, layer)
        self.publish(info, loaded)

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per level. See :class:`Encoder`.

        Raises:
            ValueError: For an image of another size, where the network takes one size only.
        """
        Sizes(only=self.only_size).require((image.values.shape[-2], image.values.shape[-1]))
        maps: list[Tensor] = self.network(drop_time(image.values))
        return [features.permute(0, 3, 1, 2) for features in maps] if self._is_channels_last else maps
