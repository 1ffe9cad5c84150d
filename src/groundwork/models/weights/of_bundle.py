"""The encoder out of the weights of a bundle, from which another model starts."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from groundwork.errors import WeightsError
from groundwork.models.weights.fine_tuned import of_encoder

#: How names begin of an encoder, and of the statistics that every bundle keeps with its weights.
_ENCODER, _STATISTICS = "encoder.", "standardise."
#: Where encoders keep the network that they hold, such as one of each date or of a zoo.
_WHOLE = "network."
_HOLDERS = (_ENCODER, _WHOLE)
#: How names begin where each source has its encoder.
_BY_SOURCE = "encoders."
#: What adapters put into the name of what they adapt.
_ADAPTED = ".base_layer."


def is_of_bundle(weights: Mapping[str, Tensor]) -> bool:
    """Return whether weights are those of a bundle with an encoder."""
    return all(any(name.startswith(part) for name in weights) for part in (_ENCODER, _STATISTICS))


def unbundled(weights: Mapping[str, Tensor], source: str) -> Mapping[str, Tensor]:
    """Return the weights of the encoder of a bundle by its own names, and those of any other file as they are.

    Of a bundle of a whole model, such as one that learnt from images alone, all are returned by the model's names.

    Args:
        weights: As in the file.
        source: The file, for the message.

    Raises:
        WeightsError: As of :func:`of_trained`.
    """
    if is_of_bundle(weights):
        return _of_bundle(weights, source)
    inner = {name: value for name, value in weights.items() if not name.startswith(_STATISTICS)}
    is_whole = len(inner) < len(weights) and all(name.startswith(_WHOLE) for name in inner)
    return {name.removeprefix(_WHOLE): value for name, value in inner.items()} if is_whole else weights


def of_trained(weights: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Return the weights of the encoder by its own names, whether they are a bundle's or another program's.

    Args:
        weights: As in the file.
        source: The file, for the message.

    Raises:
        WeightsError: For an encoder with adapters, which are part of what it has learnt; for encoders of several
            sources.
    """
    return _of_bundle(weights, source) if is_of_bundle(weights) else of_encoder(weights, source)


def refuse_bundle(weights: Mapping[str, Tensor], source: str, variant: str) -> None:
    """Refuse a bundle where an encoder takes bands in the order of the published file alone.

    Args:
        weights: As in the file.
        source: The file, for the message.
        variant: The encoder, for the message.

    Raises:
        WeightsError: With what to do.
    """
    if is_of_bundle(weights):
        raise WeightsError(
            f"{source} is of a bundle, whose bands lie in the order of its own rasters, and '{variant}' starts from "
            "files whose bands lie as in the published one. Name such a file, or take an encoder that finds bands by "
            "name, such as 'prithvi_vit', 'timm', 'smp' or 'torchgeo'"
        )


def _of_bundle(weights: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    inner = {name.removeprefix(_ENCODER): value for name, value in weights.items() if name.startswith(_ENCODER)}
    adapted = [name for name in inner if _ADAPTED in name]
    if adapted:
        raise WeightsError(
            f"{source} is of a bundle whose encoder has adapters ({len(adapted)} adapted weights, such as "
            f"{adapted[0]}), without which it is not what was trained. Write them into the ordinary weights first, by "
            "groundwork.bundle.save_bundle(groundwork.load_bundle(BUNDLE).merged(), FOLDER), and name FOLDER's file"
        )
    sources = sorted({name.split(".")[1] for name in inner if name.startswith(_BY_SOURCE)})
    if sources:
        raise WeightsError(
            f"{source} is of a bundle with an encoder for each of the sources {sources}, and nothing says which "
            "of them is meant. Name the bundle of a model of one source"
        )
    while prefix := next((held for held in _HOLDERS if all(name.startswith(held) for name in inner)), None):
        inner = {name.removeprefix(prefix): value for name, value in inner.items()}
    return inner
