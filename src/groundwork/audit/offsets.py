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
    # Were there no offset, half of them would agree better at the shift.
    agrees = offset.asked >= FEWEST and 2 * (offset.agreeing - 0.5) * offset.asked**0.5 >= ONE_IN_TWENTY
    what = "scenes" if offset.asked == offset.scenes else "windows"
    length = math.hypot(offset.dx, offset.dy)
    against = ""
    if offset.strength > offset.unshifted:
        against = (
            f"; {offset.unshifted:.2f} without a shift, and lower in {offset.agreeing:.0%} of {offset.asked} {what}"
        )
    found = (
        f"edges of labels lie {length:.2f} pixel(s) off those of images: {offset.dx:+.2f} to the right, "
        f"{offset.dy:+.2f} below (correlation {offset.strength:.2f}{against})"
    )
    yield make_finding(
        judge(wrong=False, look=length >= MOST_OFFSET and agrees),
        ABOUT,
        found,
        "Look at labels over their image in a GIS: they may have been drawn on another image, resampled by a nearest "
        "pixel, or have the corner of a pixel where its centre is meant. Correct their georeference.",
    )
