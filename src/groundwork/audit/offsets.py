"""Whether labels lie where their images do."""

from __future__ import annotations

import math
from collections.abc import Iterator

from groundwork.audit.findings import Finding, judge, make_finding
from groundwork.data.label_offset import REACH, LabelOffset

#: From how many pixels on an offset deserves a look.
MOST_OFFSET = 0.5
#: Such quantile of the normal distribution that a sign test is beyond it by chance once in twenty times.
ONE_IN_TWENTY = 1.645
#: With a weaker correlation the edges of labels are not those of the image; with fewer scenes or windows none agree.
LEAST_STRENGTH, FEWEST = 0.05, 5

ABOUT = "offset of labels"


def audit_offset(offset: LabelOffset | None) -> Iterator[Finding]:
    """Yield what is to be said of edges of labels and images; nothing where it was not measured.

    Args:
        offset: As measured on the training split.
    """
    if offset is None:
        return
    if offset.strength < LEAST_STRENGTH or offset.dx is None or offset.dy is None:
        found = (
            f"not known: edges of labels and images do not agree at any shift up to {REACH} pixels "
            f"(correlation {offset.strength:.2f} at most)"
        )
        yield make_finding("ok", ABOUT, found, "")
        return
    is_off = math.hypot(offset.dx, offset.dy) >= MOST_OFFSET
    # Were there no offset, half of them would agree better at the shift.
    agrees = offset.asked >= FEWEST and 2 * (offset.agreeing - 0.5) * offset.asked**0.5 >= ONE_IN_TWENTY
    what = "scenes" if offset.asked == offset.scenes else "windows"
    found = (
        f"edges of labels lie {_in_words(offset.dx, offset.dy)} (correlation {offset.strength:.2f}; "
        f"{offset.unshifted:.2f} without a shift; better in {offset.agreeing:.0%} of {offset.asked} {what})"
    )
    yield make_finding(
        judge(wrong=False, look=is_off and agrees),
        ABOUT,
        found,
        "Look at labels over their image in a GIS: they may have been drawn on another image, resampled by a nearest "
        "pixel, or have the corner of a pixel where its centre is meant. Correct their georeference.",
    )


def _in_words(dx: float, dy: float) -> str:
    across = f"{abs(dx):.2f} pixel(s) to the {'right' if dx > 0 else 'left'}"
    down = f"{abs(dy):.2f} {'below' if dy > 0 else 'above'} those of images"
    return f"{across} and {down}"
