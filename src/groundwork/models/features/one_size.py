"""Networks that take images of one size only."""

from __future__ import annotations

#: What helps with every encoder.
_REMEDY = "Set the encoder's 'image_size' to the size of the chips, cut chips of at most {} pixels, or take a network "


def require_size(only: int | None, size: tuple[int, int], remedy: str = _REMEDY + "for any size") -> None:
    """Refuse images that are larger than the only size that a network takes; smaller ones can be padded.

    Args:
        only: Height and width that it takes. None: it takes others too.
        size: Height and width of the image, as it was before it was padded where that is known.
        remedy: What to change, with ``{}`` for ``only``.

    Raises:
        ValueError: With what to change.
    """
    if only is not None and max(size) > only:
        raise ValueError(
            f"The network takes images of {only} x {only} pixels only, and was given {size[0]} x {size[1]}. "
            f"{remedy.format(only)}"
        )
