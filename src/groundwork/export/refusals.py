"""What ends an attempt to export a model."""

from __future__ import annotations

#: What torch.export and networks raise where something cannot be traced, or was settled by a trace.
REFUSALS = (
    RuntimeError, AssertionError, ValueError, TypeError, IndexError, KeyError, AttributeError, NotImplementedError
)  # fmt: skip


class NotTracedError(Exception):
    """An attempt did not work out; the next one leaves less open."""


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, as a sentence."""
    text = str(error).strip() or type(error).__name__
    return f"{text.splitlines()[0].rstrip('.')}."
