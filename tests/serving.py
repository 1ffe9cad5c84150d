"""A server of a folder on the loopback address, which gives parts of files as GDAL asks for them.

A process of its own, as rasterio keeps Python from running while it waits for an answer.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Handler(SimpleHTTPRequestHandler):
    """Gives a range of a file where one is asked for, and writes down what is asked for."""

    def do_GET(self) -> None:
        path, span = Path(self.translate_path(self.path)), self.headers.get("Range", "")
        sys.stderr.write(f"{self.path} {span}\n")
        if not span or not path.is_file():
            return super().do_GET()
        content = path.read_bytes()
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", span)
        assert found is not None
        first, last = int(found[1]), min(int(found[2] or len(content)), len(content) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(content[first : last + 1])
        return None

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, Callable[[], list[tuple[str, str]]]]]:
    """Yield the address of a folder, and what tells what was asked for so far: path and range."""
    log = folder / ".asked.txt"
    with (
        log.open("wb") as told,
        subprocess.Popen([sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, stderr=told) as server,
    ):
        assert server.stdout is not None
        port = int(server.stdout.readline())

        def asked() -> list[tuple[str, str]]:
            lines = (line.partition(" ") for line in log.read_text().splitlines())
            return [(path, span) for path, _, span in lines]

        try:
            yield f"http://127.0.0.1:{port}", asked
        finally:
            server.terminate()


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=sys.argv[1])) as http:
        sys.stdout.write(f"{http.server_address[1]}\n")
        sys.stdout.flush()
        http.serve_forever()
