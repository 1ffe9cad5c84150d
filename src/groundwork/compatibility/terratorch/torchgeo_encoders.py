"""DOFA, and TorchGeo's networks by their weights, which TerraTorch wraps so that they give some of their levels."""

from __future__ import annotations

from itertools import pairwise

from groundwork.compatibility.terratorch.encoder_names import ARCHITECTURES, DOFA, DOFA_SIZES, ENTRIES, TORCHGEO
from groundwork.compatibility.terratorch.flow import Flow
from groundwork.compatibility.terratorch.stated import Stated, Words
from groundwork.compatibility.terratorch.transformers import Seen, place_of_part, read_weights, whole_numbers
from groundwork.strict import did_you_mean

#: Stages of a ResNet, and of a Swin transformer, whose strides double.
_STAGES = {"resnet": 5, "swin": 4}
#: Blocks, stride and channels of TorchGeo's vision transformers.
_BLOCKS = (12, 16, 384)


def read_dofa(name: str, arguments: Stated, seen: Seen) -> tuple[Words, Flow]:
    """Translate DOFA."""
    depth, channels = DOFA_SIZES[DOFA[name]]
    indices = _settled(arguments, whole_numbers(arguments, "out_indices"), depth)
    for key in ("img_size", "input_size"):
        arguments.pass_over(key, "codes of places are interpolated to the size of each image")
    arguments.pass_over("pos_interpolation_mode", "codes of places are interpolated bicubically")
    words: Words = {"name": "dofa", "variant": DOFA[name], **read_weights(arguments, seen), "out_indices": indices}
    return words, Flow(levels=len(indices), stride=16, channels=channels)


def read_torchgeo(name: str, beginning: str, arguments: Stated, seen: Seen) -> tuple[Words, Flow]:
    """Translate one of TorchGeo's networks.

    Args:
        name: As the file has it.
        beginning: That of its family.
        arguments: Its arguments, without prefix.
        seen: The sources.
    """
    from groundwork.models.encoders.torchgeo.encoder import list_entries  # noqa: PLC0415 - it takes seconds

    rest = name.removeprefix(beginning)
    architecture = next((word for word in ARCHITECTURES if rest.startswith(f"{word}_")), "")
    weights = rest.removeprefix(f"{architecture}_").removeprefix("patch16_224_").upper().removesuffix("_SATLAS")
    entry = ENTRIES.get(name) or f"{ARCHITECTURES.get(architecture, '')}.{weights}{TORCHGEO[beginning]}"
    if entry not in list_entries():
        hint = did_you_mean(entry, list_entries())
        arguments.findings.refuse(
            place_of_part(arguments), f"'{name}' is no entry of TorchGeo that is known here.{hint}"
        )
        return {}, Flow()
    found: Words = {"name": "torchgeo", "model": entry, **read_weights(arguments, seen)}
    if architecture.startswith("vit"):
        depth, stride, channels = _BLOCKS
        arguments.pass_over("out_indices", "TerraTorch takes it, and passes on all blocks of this network")
        return found, Flow(levels=depth, stride=stride, channels=channels, is_transformer=True)
    count = _STAGES["swin" if architecture.startswith("swin") else "resnet"]
    indices = whole_numbers(arguments, "out_indices")
    if architecture.startswith("swin"):
        indices = _stages(arguments, indices)
    indices = _settled(arguments, indices, count)
    is_dense = all(after - before == 1 for before, after in pairwise(indices))
    return found | {"out_indices": indices}, Flow(levels=len(indices), ratio=2 if is_dense else None)


def _settled(arguments: Stated, asked: list[int], count: int) -> list[int]:
    """Return the levels that TerraTorch passes on: the last one unless others are named, from first to last."""
    found = sorted({index + count if index == -1 else index for index in asked or [-1]})
    if found[0] < 0 or found[-1] >= count:
        arguments.refuse("out_indices", f"levels are counted from 0 to {count - 1}, and -1 is the last; found {asked}")
    return found


def _stages(arguments: Stated, layers: list[int]) -> list[int]:
    """Return numbers of stages for those of the layers of a Swin transformer: a stage stands at each odd place."""
    if any(layer != -1 and layer % 2 == 0 for layer in layers):
        arguments.refuse(
            "out_indices", f"stages stand at 1, 3, 5 and 7, what is between them is no level; found {layers}"
        )
    return [layer if layer == -1 else layer // 2 for layer in layers]
