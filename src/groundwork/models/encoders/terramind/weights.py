"""Load the published files of TerraMind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from groundwork.errors import WeightsError
from groundwork.models.weights.fine_tuned import of_encoder
from groundwork.models.weights.hub import WeightsSource
from groundwork.models.weights.of_bundle import refuse_bundle
from groundwork.models.weights.published import FirstLayer
from groundwork.models.weights.reading import LoadReport, load_weights, read_weights

#: How names begin of what the file holds beside an encoder: first layers of other modalities, what stands for absent
#: ones, and the decoder.
_OTHERS = ("encoder_embeddings.", "decoder", "mask_token", "missing_mod_token", "tokenizer.")
#: What the norms add in the file: constants that are 0.
_ZEROS = ("norm1.bias", "norm2.bias", "encoder_norm.bias")


def load_terramind(
    network: nn.Module,
    source: WeightsSource,
    trained: Mapping[str, Sequence[str]],
    wanted: Mapping[str, Sequence[str]],
    unused: tuple[str, ...],
) -> LoadReport:
    """Set a network from a published file, or one of a fine-tuned model.

    First layers of other bands keep the weights of the bands they know.

    Args:
        network: What is set.
        source: The file.
        trained: First layer -> names of the bands of pre-training, in order.
        wanted: First layer -> names of the bands of the rasters, in order. One that is not in ``trained`` stays fresh.
        unused: How names begin in the file of blocks and norms that the network left out.

    Raises:
        WeightsError: For a file that cannot be read, or belongs to another network.
    """
    own = network.state_dict()
    content = read_weights(source.path)
    refuse_bundle(content, source.name, "terramind")
    content = of_encoder(content, source.name)
    skipped = [name for name in content if name not in own and name.startswith((*_OTHERS, *unused))]
    skipped += [name for name in content if name.endswith(_ZEROS) and name not in own and name not in skipped]
    weights = {name: value for name, value in content.items() if name not in skipped}
    _require_zeros({name: content[name] for name in skipped if name.endswith(_ZEROS)}, source.name)
    partly = []
    for key, bands in trained.items():
        name = f"encoder_embeddings.{key}.proj.weight"
        if name in own and name in weights:
            pixels = own[name].shape[1] // len(wanted[key])
            layer = FirstLayer(name, tuple(bands), tuple(wanted[key]), pixels, bands_last=True)
            weights[name] = layer.adapt(weights[name], own[name], source.name)
            partly += [name] if layer.is_partly_new else []
    fresh = tuple(f"encoder_embeddings.{key}." for key in wanted if key not in trained)
    return load_weights(
        network,
        weights,
        source.name,
        may_stay_fresh=lambda name: name.startswith(fresh) or name.endswith(".pos_emb"),
        skipped=skipped,
        bands=[band for key, bands in wanted.items() for band in bands if band in trained.get(key, ())],
        partly=partly,
    )


def _require_zeros(constants: Mapping[str, Tensor], source: str) -> None:
    trained = [name for name, value in constants.items() if bool(value.any())]
    if trained:
        raise WeightsError(
            f"{source} holds weights of another network. TerraMind's norms add nothing; here {trained[0]} does"
        )
