"""Many requests at once to a server on the loopback address: none is lost, and memory stays flat."""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import requests
import uvicorn
from scene_time import CONFIG, make_bundle, make_scene

from groundwork.config.serving import ServingConfig
from groundwork.serving.app import make_app

#: Side of the scene that each request sends.
SIDE = 256
SENDERS = 16


class Server(uvicorn.Server):
    """One that leaves signals to the program."""

    def install_signal_handlers(self) -> None:
        """Do nothing."""


def memory_mib() -> float:
    """Return the memory of this process, in MiB."""
    words = Path("/proc/self/statm").read_text().split()
    return int(words[1]) * 4096 / 2**20


def main(count: int) -> None:
    """Send so many requests, in rounds, and print what became of them and what memory was after each round."""
    config = ServingConfig(workers=1, max_waiting=4, inference=CONFIG)
    untrained = make_bundle()
    # What its weights are matters to nobody here.
    bundle = replace(untrained, config=untrained.config.model_copy(update={"trained": True}))
    server = Server(uvicorn.Config(make_app(bundle, config), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/predictions"
    with tempfile.TemporaryDirectory() as folder:
        make_scene(Path(folder) / "scene.tif", SIDE)
        content = (Path(folder) / "scene.tif").read_bytes()

    def send(number: int) -> tuple[int, int]:
        del number
        while True:
            answer = requests.post(address, data=content, headers={"Content-Type": "image/tiff"}, timeout=300)
            if answer.status_code != 429:
                return answer.status_code, hash(answer.content)
            waits[0] += 1
            time.sleep(0.2)

    for number in range(4):
        waits, start = [0], time.perf_counter()
        with ThreadPoolExecutor(SENDERS) as pool:
            answers = list(pool.map(send, range(count // 4)))
        statuses, contents = Counter(status for status, _ in answers), {content for _, content in answers}
        rate = len(answers) / (time.perf_counter() - start)
        print(
            f"Round {number + 1}: {len(answers)} sent, answers {dict(statuses)}, {len(contents)} different, "
            f"{waits[0]} told to come back, {rate:.1f} per second, {memory_mib():.0f} MiB"
        )
    server.should_exit = True
    thread.join()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
