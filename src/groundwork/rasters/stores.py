"""Access to S3 and what speaks like it: stated once, for GDAL, which reads rasters, and for s3fs, which lists them.

As environment variables, as these hold for every thread and worker process and are no part of any record: those that
AWS's own programs have, or those that GDAL has.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from groundwork.errors import PairingError
from groundwork.rasters.addresses import Address, place_of
from groundwork.strict import did_you_mean

#: What credentials may hold -> the variable that says it.
VARIABLES = {
    "key": "AWS_ACCESS_KEY_ID",
    "secret": "AWS_SECRET_ACCESS_KEY",
    "token": "AWS_SESSION_TOKEN",
    "profile": "AWS_PROFILE",
    "region": "AWS_DEFAULT_REGION",
    "endpoint_url": "AWS_ENDPOINT_URL_S3",
    "anon": "AWS_NO_SIGN_REQUEST",
}
#: Where a server stands, as AWS's programs have it, the first that is set; and as GDAL has it, without its scheme.
_URLS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_HOST, _SCHEME, _BY_HOST = "AWS_S3_ENDPOINT", "AWS_HTTPS", "AWS_VIRTUAL_HOSTING"
_NO = {"no", "false", "off", "0"}
#: Seconds until a server that does not answer is given up, and how often it is asked again.
_CONNECT, _READ, _ATTEMPTS = 20, 60, 3


def place_with(text: str, credentials: Mapping[str, object] | None = None) -> Path:
    """Return a path or an address, as :func:`groundwork.rasters.addresses.place_of` does, and see to its access.

    Args:
        text: A path or an address.
        credentials: ``key``, ``secret``, ``token``, ``profile``, ``region``, ``endpoint_url``, ``anon``. None: those of
            the environment.

    Raises:
        PairingError: For an unknown word, an address that is none of S3, and another access than is in use already: a
            run has one. No message holds a value.
        RasterError: For an address that would not be kept.
    """
    place = place_of(text)
    if credentials:
        if not isinstance(place, Address) or "/vsis3/" not in str(place):
            raise PairingError(f"{place}: found credentials for a place that is none of S3. Remove 'credentials'.")
        _take(credentials, place)
    return place


def settle_endpoint() -> None:
    """Tell GDAL of a server of one's own that AWS's variables name.

    Raises:
        PairingError: Where both name one, and not the same.
    """
    url = next((os.environ[name] for name in _URLS if os.environ.get(name)), None)
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise PairingError(
            f"{_URLS[0]}: found no address of a server; expected one such as https://host or http://host:9000."
        )
    # Buckets as a part of the host's name need entries in DNS, which a server of one's own rarely has.
    host = f"{parts.netloc}{parts.path.rstrip('/')}"
    stated = {_HOST: host, _SCHEME: "YES" if parts.scheme == "https" else "NO", _BY_HOST: "FALSE"}
    if os.environ.get(_HOST, host) != host:
        raise PairingError(
            f"Found two servers for s3://, in {_HOST} and in {_URLS[0]}; expected one. Unset one of them."
        )
    for name, value in stated.items():
        os.environ.setdefault(name, value)


def s3fs_options() -> dict[str, object]:
    """Return what s3fs is told, beside the variables that it reads itself."""
    url, host = next((os.environ[name] for name in _URLS if os.environ.get(name)), None), os.environ.get(_HOST)
    if url is None and host:
        url = f"{'http' if os.environ.get(_SCHEME, 'YES').lower() in _NO else 'https'}://{host}"
    by_host = os.environ.get(_BY_HOST, "TRUE").lower() not in _NO
    config = {"connect_timeout": _CONNECT, "read_timeout": _READ, "retries": {"max_attempts": _ATTEMPTS}}
    return {
        "anon": os.environ.get("AWS_NO_SIGN_REQUEST", "NO").lower() not in _NO,
        "endpoint_url": url,
        "config_kwargs": {**config, **({} if by_host else {"s3": {"addressing_style": "path"}})},
        # A later listing sees what is there by then.
        "skip_instance_cache": True,
        "use_listings_cache": False,
    }


def _take(credentials: Mapping[str, object], place: Path) -> None:
    unknown = [str(name) for name in credentials if name not in VARIABLES]
    if unknown:
        raise PairingError(
            f"{place}: found '{unknown[0]}' in its credentials.{did_you_mean(unknown[0], list(VARIABLES))} "
            f"Known: {list(VARIABLES)}."
        )
    stated = {VARIABLES[name]: _text(value) for name, value in credentials.items()}
    other = [name for name, value in stated.items() if os.environ.get(name, value) != value]
    if other:
        raise PairingError(
            f"{place}: found credentials that differ from those in use, which the environment or another entry states: "
            f"{', '.join(other)}. A run has one access to S3. State it once."
        )
    os.environ.update(stated)


def _text(value: object) -> str:
    return ("YES" if value else "NO") if isinstance(value, bool) else str(value)
