"""How predictions are served over HTTP."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, PositiveInt, field_validator

from groundwork.config.inference import InferenceConfig
from groundwork.strict import Config


class ServingConfig(Config):
    """What a server takes, and how much of it at once."""

    #: Most bytes of a raster that is sent, or fetched.
    max_bytes: PositiveInt = 256 * 2**20
    #: Most pixels that are predicted for one request.
    max_pixels: PositiveInt = 64 * 10**6
    #: Requests that are worked on at the same time; each has a model of its own.
    workers: PositiveInt = 1
    #: Further requests that may wait; all others are told to come back.
    max_waiting: int = Field(default=8, ge=0)
    #: Seconds after which a request is given up.
    timeout_s: float = Field(default=120.0, gt=0, allow_inf_nan=False)
    #: Where rasters may be fetched from: beginnings of addresses, such as ``https://example.org/scenes/``.
    addresses: tuple[str, ...] = ()
    #: How scenes are predicted.
    inference: InferenceConfig = InferenceConfig()

    @field_validator("addresses")
    @classmethod
    def _check_addresses(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            parts = urlsplit(address)
            if parts.scheme != "https" or not parts.hostname or not parts.path.endswith("/") or parts.query:
                raise ValueError(
                    f"'{address}' is no beginning of addresses: expected https, a host and a path that ends with '/', "
                    "such as https://example.org/scenes/"
                )
        return addresses
