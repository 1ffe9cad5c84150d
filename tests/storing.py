"""A store that speaks as S3 does, on the loopback address.

A process of its own, as rasterio keeps Python from running while it waits for an answer.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KEY, SECRET = "AKIATESTOFTHEHOUSE00", "a-secret-that-nobody-may-read"


@dataclass(frozen=True)
class Store:
    """Where it answers, and what it was asked for so far: lines such as "GET /bucket/a.tif bytes=0-16383"."""

    url: str
    asked: Callable[[], list[str]]

    def fill(self, bucket: str, folder: Path) -> None:
        """Make a bucket of the files below a folder."""
        import boto3

        client = boto3.client(
            "s3", endpoint_url=self.url, region_name="us-east-1", aws_access_key_id=KEY, aws_secret_access_key=SECRET
        )
        client.create_bucket(Bucket=bucket)
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                client.upload_file(str(path), bucket, path.relative_to(folder).as_posix())


@contextmanager
def stored(folder: Path) -> Iterator[Store]:
    """Yield an empty store.

    Args:
        folder: Where what is asked for is written down.
    """
    log = folder / "asked.txt"
    with (
        log.open("wb") as told,
        subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, stderr=told) as server,
    ):
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            yield Store(f"http://127.0.0.1:{port}", lambda: log.read_text().splitlines())
        finally:
            server.terminate()


def _serve() -> None:
    # Of the server's process alone, as they load slowly.
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    moto = DomainDispatcherApplication(create_backend_app)

    def told(environ: dict[str, Any], answer: Any) -> Any:
        line = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']} {environ.get('HTTP_RANGE', '')}"
        sys.stderr.write(f"{line.rstrip()}\n")
        sys.stderr.flush()
        return moto(environ, answer)

    server = make_server("127.0.0.1", 0, told, threaded=True)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    _serve()
