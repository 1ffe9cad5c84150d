"""Read published weights from the hub or a file, and say exactly what became of them."""

from __future__ import annotations

import pickle
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlparse

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.hub import HASH_REGEX, download_url_to_file, get_dir

from groundwork.errors import ComponentError, WeightsError
from groundwork.models.freezing import mark_fresh
from groundwork.models.weights.file import Weights, WeightsFile

#: Keys under which training programs keep the weights beside other things.
_NESTS = ("state_dict", "model", "model_state_dict")


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of published weights."""

    #: File or address they came from.
    source: str
    #: Names in the network that were set from the file.
    loaded: tuple[str, ...]
    #: Names in the file that the network has no use for.
    skipped: tuple[str, ...] = ()
    #: Names in the network that kept their fresh values.
    fresh: tuple[str, ...] = ()
    #: Bands whose part of the first layer was set from the file; the other bands' part is fresh. Empty: not by band.
    bands: tuple[str, ...] = ()
    #: Names in the network that were set for some of the bands, and kept their fresh values for the others.
    partly: tuple[str, ...] = ()
    #: Bands that the first layer of the file takes, in order, where that was to be found out.
    trained: tuple[str, ...] = ()


def fetch(repository: str, file: str, revision: str | None = None) -> Path:
    """Return a file of a Hugging Face repository, downloaded where it is not yet in the cache.

    Args:
        repository: As ``owner/name``.
        file: Its path in the repository.
        revision: A commit, branch or tag. None: the newest.

    Raises:
        WeightsError: Where it cannot be had; it says how to use a local file.
    """
    try:
        return Path(hf_hub_download(repository, file, revision=revision))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise WeightsError(
            f"The weights {repository}/{file} cannot be downloaded from the Hugging Face hub. Download the file where "
            f"the hub can be reached, and name it in the encoder's option 'weights'. ({error})"
        ) from None


def fetch_address(address: str) -> Path:
    """Return the file behind an ``https`` address, downloaded into torch's cache where it is not yet there.

    A file whose name ends in a part of its SHA-256 sum, as ``resnet50-1a2b3c4d.pth``, is checked against it.

    Raises:
        WeightsError: Where it cannot be had; it says how to use a local file.
    """
    file = Path(get_dir()) / "checkpoints" / Path(urlparse(address).path).name
    if file.is_file():
        return file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        digest = HASH_REGEX.search(file.name)
        download_url_to_file(address, str(file), digest.group(1) if digest else None, progress=False)
    except (URLError, OSError, RuntimeError) as error:
        raise WeightsError(
            f"The weights {address} cannot be downloaded. Download the file where the address can be reached, and "
            f"name it in the encoder's option 'weights'. ({error})"
        ) from None
    return file


def require_pretrained(pretrained: bool, weights: Weights | None) -> None:
    """Refuse a file of weights that nobody asked to load.

    Raises:
        ComponentError: For ``weights`` without ``pretrained``.
    """
    if weights is not None and not pretrained:
        named = weights.file if isinstance(weights, WeightsFile) else weights
        raise ComponentError(f"'weights' names {named}, but 'pretrained' is false. Set 'pretrained: true' to load it")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file or of a file of ``torch.save``. No code of the file's is run.

    Raises:
        WeightsError: For a file that is missing, broken, holds no tensors, or holds anything else than plain data.
    """
    if not path.is_file():
        raise WeightsError(f"The weights {path} do not exist, or are no file")
    content: object
    try:
        content = load_file(path) if path.suffix == ".safetensors" else _read_torch(path)
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()[0][:200]
        raise WeightsError(
            f"{path} holds more than plain tensors and was not opened, as it could run code ({reason}). Take the "
            "publisher's safetensors file; or, if you trust it, convert it to safetensors in an environment of its own"
        ) from None
    except (SafetensorError, OSError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read as weights; it may be truncated: {error}") from None
    tensors = _find_tensors(content)
    if not tensors:
        raise WeightsError(f"{path} holds no weights by name")
    return tensors


def load_weights(
    network: nn.Module,
    weights: Mapping[str, Tensor],
    source: str,
    *,
    may_stay_fresh: Callable[[str], bool] = lambda _: False,
    skipped: Sequence[str] = (),
    bands: Sequence[str] = (),
    partly: Sequence[str] = (),
) -> LoadReport:
    """Set the weights of a network, all of them or none, and mark those that have no value of pre-training.

    Args:
        network: What is set.
        weights: By the network's own names.
        source: File or address, for messages and the report.
        may_stay_fresh: Whether a name of the network may be missing among ``weights``.
        skipped: Names in the file that were left aside before, for the report.
        bands: See :class:`LoadReport`.
        partly: Names among ``weights`` that hold fresh values for some bands.

    Raises:
        WeightsError: For names that are missing, unknown, or of another shape: a file for another network.
    """
    own = network.state_dict()
    missing = [name for name in own if name not in weights and not may_stay_fresh(name)]
    unknown = [name for name in weights if name not in own]
    misshapen = [
        f"{name}: file {tuple(value.shape)}, network {tuple(own[name].shape)}"
        for name, value in weights.items()
        if name in own and value.shape != own[name].shape
    ]
    if missing or unknown or misshapen:
        told = [
            _tell(misshapen, "of another shape"),
            _tell(missing, "missing in the file"),
            _tell(unknown, "unknown to the network"),
        ]
        raise WeightsError(f"{source} holds weights of another network. {' '.join(told).strip()}")
    network.load_state_dict(dict(weights), strict=False)
    fresh = tuple(name for name in own if name not in weights)
    parameters = {name for name, _ in network.named_parameters()}
    mark_fresh(network, [name for name in (*fresh, *partly) if name in parameters], by_design=False)
    loaded = tuple(name for name in own if name in weights)
    return LoadReport(source, loaded, tuple(skipped), fresh, tuple(bands), tuple(partly))


def select_bands(weight: Tensor, fresh: Tensor, trained: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Return the weights of a first layer for other bands: each known band's own, and ``fresh`` for the others.

    Args:
        weight: Of the file, (outputs, bands of pre-training, ...).
        fresh: Of the network, (outputs, bands of the rasters, ...).
        trained: Names of the bands of pre-training, in order.
        wanted: Names of the bands of the rasters, in order.
    """
    selected = fresh.clone()
    for index, band in enumerate(wanted):
        if band in trained:
            selected[:, index] = weight[:, list(trained).index(band)]
    return selected


def _read_torch(path: Path) -> object:
    # Many published files hold the options of the training program beside the weights: a bag of values, no code.
    with torch.serialization.safe_globals([Namespace]):
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    return content


def _find_tensors(content: object) -> dict[str, Tensor]:
    if not isinstance(content, dict):
        return {}
    for nest in _NESTS:
        if isinstance(content.get(nest), dict):
            return _find_tensors(content[nest])
    if content and all(isinstance(part, dict) for part in content.values()):
        # Some publishers keep one file of several networks: their names become the beginning of the weights' names.
        parts = {name: _find_tensors(part) for name, part in content.items()}
        return {f"{name}.{key}": value for name, part in parts.items() for key, value in part.items()}
    return {str(name): value for name, value in content.items() if isinstance(value, Tensor)}


def _tell(names: Sequence[str], what: str, most: int = 5) -> str:
    if not names:
        return ""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{len(names)} {what}: {', '.join(names[:most])}{more}."
