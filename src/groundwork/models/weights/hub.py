"""Find the file of published weights that a network starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from groundwork.errors import ComponentError
from groundwork.models.weights.file import Weights, WeightsFile
from groundwork.models.weights.reading import fetch, require_pretrained


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Where weights are read from."""

    path: Path
    #: What messages and reports call it.
    name: str
    #: The bands that its first layer takes, as the recipe states them. Empty: it does not.
    bands: tuple[str, ...] = ()
    #: Where the published file is: ``owner/repository/file`` of the hub, or an address. None: nowhere.
    published: str | None = None
    #: Whether it came from there.
    is_hub: bool = False

    @property
    def has_published_name(self) -> bool:
        """Whether the file is called as the published one is."""
        return self.published is not None and self.path.name == self.published.rpartition("/")[2]


def local_source(weights: Weights, published: str | None) -> WeightsSource:
    """Return the file that a recipe names.

    Args:
        weights: The option.
        published: Where the published file is, in the hub or at an address. None: nowhere.
    """
    if isinstance(weights, WeightsFile):
        return WeightsSource(Path(weights.file), weights.file, weights.bands, published)
    return WeightsSource(Path(weights), weights, published=published)


def find_weights(name: str, pretrained: bool, weights: Weights | None, published: str | None) -> WeightsSource | None:
    """Return the file that a network starts from, downloaded where needed. None: it starts from fresh weights.

    Args:
        name: Of the network, for messages.
        pretrained: Whether published weights are wanted.
        weights: A local file in the published layout, in place of the hub's; and which bands it was trained on.
        published: Where the hub has them, ``owner/repository/file``. None: nowhere.

    Raises:
        ComponentError: For a file that would be ignored, or where there are no published weights.
        WeightsError: Where the hub cannot be reached.
    """
    require_pretrained(pretrained, weights)
    if not pretrained:
        return None
    if weights is not None:
        return local_source(weights, published)
    if published is None:
        raise ComponentError(
            f"No weights of '{name}' are published on the hub. Name a file of your own in 'weights', or leave "
            "'pretrained' out"
        )
    owner, repository, file = published.split("/", 2)
    path = fetch(f"{owner}/{repository}", file)
    return WeightsSource(path, f"{published}{_commit(path)}", published=published, is_hub=True)


def _commit(path: Path) -> str:
    """Return ``@`` and the commit of a file in the hub's cache, which says exactly which weights these are."""
    parts = path.parts
    place = parts.index("snapshots") if "snapshots" in parts else len(parts)
    return f"@{parts[place + 1]}" if place + 1 < len(parts) else ""
