"""Find the file of published weights that a network starts from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from groundwork.models.encoders.loading import fetch, require_pretrained
from groundwork.registry import ComponentError


@dataclass(frozen=True, slots=True)
class WeightsSource:
    """Where weights are read from."""

    path: Path
    #: What messages and reports call it.
    name: str


def find_weights(name: str, pretrained: bool, weights: str | None, published: str | None) -> WeightsSource | None:
    """Return the file that a network starts from, downloaded where needed. None: it starts from fresh weights.

    Args:
        name: Of the network, for messages.
        pretrained: Whether published weights are wanted.
        weights: A local file in the published layout, in place of the hub's.
        published: Where the hub has them, ``owner/repository/file``. None: nowhere.

    Raises:
        ComponentError: For a file that would be ignored, or where there are no published weights.
        WeightsError: Where the hub cannot be reached.
    """
    require_pretrained(pretrained, weights)
    if not pretrained:
        return None
    if weights is not None:
        return WeightsSource(Path(weights), weights)
    if published is None:
        raise ComponentError(
            f"No weights of '{name}' are published on the hub. Name a file of your own in 'weights', or leave "
            "'pretrained' out"
        )
    owner, repository, file = published.split("/", 2)
    path = fetch(f"{owner}/{repository}", file)
    return WeightsSource(path, f"{published}{_commit(path)}")


def _commit(path: Path) -> str:
    """Return ``@`` and the commit of a file in the hub's cache, which says exactly which weights these are."""
    parts = path.parts
    place = parts.index("snapshots") if "snapshots" in parts else len(parts)
    return f"@{parts[place + 1]}" if place + 1 < len(parts) else ""
