"""Every encoder of segmentation_models_pytorch, as one component."""

from __future__ import annotations

from collections.abc import Mapping

from segmentation_models_pytorch.encoders import encoders
from torch import Tensor

from groundwork.batch import Image
from groundwork.errors import ComponentError
from groundwork.models.encoders.one_source import OneSourceEncoder
from groundwork.models.encoders.parts.dates import drop_time, require_one_date
from groundwork.models.encoders.parts.unused_parameters import freeze_unused
from groundwork.models.encoders.smp.stages import build_stages, read_stages
from groundwork.models.weights.file import Weights
from groundwork.models.weights.hub import WeightsSource, local_source
from groundwork.models.weights.info import EncoderInfo
from groundwork.models.weights.of_bundle import of_trained
from groundwork.models.weights.published import FirstLayer, changed_names, set_published
from groundwork.models.weights.reading import fetch, read_weights, require_pretrained
from groundwork.models.without_memory import without_memory
from groundwork.specs import FeatureSpec, RasterSpec
from groundwork.strict import did_you_mean

_RGB = ("RED", "GREEN", "BLUE")


class SMPEncoder(OneSourceEncoder):
    """An encoder of segmentation_models_pytorch (https://github.com/qubvel-org/segmentation_models.pytorch).

    Its first level, which is the image itself, is left out.

    Args:
        inputs: What the rasters hold, one date.
        model: Name of the encoder, for example ``resnet34`` or ``mit_b0``; one of timm with ``tu-`` before it.
        depth: Number of times the resolution is halved, at most 5; the last level has the stride 2 ** depth.
        pretrained: Start from published weights. In the first layer, the bands RED, GREEN and BLUE keep theirs.
        published: Which of the encoder's weights, where there are several.
        weights: A file of them, instead of a download; as a mapping of ``file`` and ``bands``, unless it says its
            bands itself.

    Raises:
        ComponentError: For a name, a depth or published weights that do not exist.
        SpecError: For several dates.
        WeightsError: For weights that cannot be had, or are of another network.
    """

    def __init__(
        self,
        inputs: Mapping[str, RasterSpec],
        *,
        model: str,
        depth: int = 5,
        pretrained: bool = False,
        published: str = "imagenet",
        weights: Weights | None = None,
    ) -> None:
        super().__init__(inputs)
        raster = self.raster
        require_one_date("smp", raster)
        require_pretrained(pretrained, weights)
        self.network = build_stages(model, raster.num_channels, depth)
        # Another number of channels tells the first layer from the others.
        num_probed = raster.num_channels + 1
        with without_memory():
            probe = build_stages(model, num_probed, depth)
        self.out = FeatureSpec(read_stages(self.network))
        self.size_multiple = int(self.out.levels[-1].stride)
        freeze_unused(self.network, probe, num_probed, 4 * self.size_multiple)
        settings = _find_settings(model, published, pretrained)
        if settings is None:
            return
        hub = f"hf_hub:{settings['repo_id']}"
        loaded = None
        if pretrained:
            source = local_source(weights, None) if weights else _fetch(settings, hub)
            held = of_trained(read_weights(source.path), source.name)
            content = {f"encoder.{name}": value for name, value in held.items()}
            wanted = tuple(band.name for band in raster.used)
            layers = [FirstLayer(name, _RGB, wanted, must_tell=True) for name in changed_names(self.network, probe)]
            first = [layer.told_by(content, source) for layer in layers]
            loaded = set_published(self.network, content, source.name, first=first)
        self.publish(EncoderInfo(bands=_RGB, weights=hub), loaded)

    def encode(self, image: Image) -> list[Tensor]:
        """Give one map per level. See :class:`Encoder`."""
        maps: list[Tensor] = self.network(drop_time(image.values))
        return maps


def _fetch(settings: dict[str, str], name: str) -> WeightsSource:
    return WeightsSource(fetch(settings["repo_id"], "model.safetensors", settings["revision"]), name, is_hub=True)


def _find_settings(model: str, published: str, pretrained: bool) -> dict[str, str] | None:
    if model not in encoders:
        if pretrained:
            raise ComponentError(
                f"'{model}' is timm's. For its weights, take {{name: timm, model: {model.partition('-')[2]}}}"
            )
        return None
    known: dict[str, dict[str, str]] = encoders[model]["pretrained_settings"]
    if published not in known and pretrained:
        raise ComponentError(
            f"'{model}' has no weights '{published}'.{did_you_mean(published, list(known))} It has {sorted(known)}"
        )
    return known.get(published)
