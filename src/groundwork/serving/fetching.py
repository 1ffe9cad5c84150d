"""Fetch a raster from an address that the server's owner has allowed, and from no other place."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from groundwork.serving.refusals import RefusedError, too_large

_CHUNK = 2**20
_TIMEOUT_S = 30.0


def fetch(address: str, allowed: Sequence[str], most: int, target: Path) -> None:
    """Write what lies at an address into a file.

    The host is looked up once, and that very place is connected to: a name that leads elsewhere a moment later leads
    nowhere. Redirections are not followed.

    Args:
        address: Begins with one of ``allowed``.
        allowed: Beginnings of addresses.
        most: Bytes that are read.
        target: The file.

    Raises:
        RefusedError: For any other address, a host in a private network, an answer that is no file, and one too large.
    """
    path = _require_allowed(address, allowed)
    host = urlsplit(address).hostname or ""
    with _connected(host, urlsplit(address).port or 443) as connection:
        try:
            connection.request("GET", path, headers={"Host": host, "Accept": "image/tiff,*/*"})
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise RefusedError(
                    422, f"{address} answers {answer.status} {answer.reason}; expected a raster. Correct the address."
                )
            _write(answer, target, address, most)
        except (OSError, http.client.HTTPException) as error:
            raise RefusedError(502, f"{address} cannot be read: {error}") from error


def _require_allowed(address: str, allowed: Sequence[str]) -> str:
    """Return the path of an address, with its query."""
    parts = urlsplit(address)
    decoded = unquote(unquote(parts.path))
    is_plain = parts.username is None and parts.password is None and ".." not in decoded.split("/")
    if not is_plain or "\\" in decoded or not any(address.startswith(beginning) for beginning in allowed):
        places = ", ".join(allowed) or "no address at all"
        raise RefusedError(
            403, f"Rasters are not fetched from {address!r}: allowed are {places}. Send the raster itself."
        )
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def public_place(host: str, port: int) -> str:
    """Return the address in the internet that a host has.

    Raises:
        RefusedError: Where it has none, or one in a private network.
    """
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError as error:
        raise RefusedError(502, f"The host '{host}' is not known: {error}") from error
    private = [place for place in found if not ipaddress.ip_address(place).is_global]
    if private or not found:
        raise RefusedError(403, f"The host '{host}' lies in a private network, where rasters are not fetched from.")
    return found[0]


@contextmanager
def _connected(host: str, port: int) -> Iterator[http.client.HTTPSConnection]:
    place = public_place(host, port)
    connection = http.client.HTTPSConnection(host, port, timeout=_TIMEOUT_S)
    try:
        plain = socket.create_connection((place, port), _TIMEOUT_S)
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except OSError as error:
        raise RefusedError(502, f"The host '{host}' does not answer: {error}") from error
    try:
        yield connection
    finally:
        connection.close()


def _write(answer: http.client.HTTPResponse, target: Path, address: str, most: int) -> None:
    size = 0
    with target.open("wb") as file:
        while chunk := answer.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise too_large(f"{address} has more than {most} bytes", f"{most} bytes")
            file.write(chunk)
