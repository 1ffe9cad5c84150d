"""What a server answers in place of a prediction."""

from __future__ import annotations


class RefusedError(Exception):
    """A request that is not answered as it was asked for.

    Args:
        status: Of HTTP.
        message: For the person who asked: what was found, what was expected, what to change.
        retry_after_s: When it is worth asking again. None: it is not.
    """

    def __init__(self, status: int, message: str, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.retry_after_s = status, message, retry_after_s


def too_large(found: str, most: str) -> RefusedError:
    """Return the refusal of what is more than the server takes."""
    return RefusedError(413, f"{found}; at most {most} are taken. Send a part of it, or name an area by 'bounds'.")
