"""A process that is told to end takes away what it has half written."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from fieldwork.ending import EndsOrderly
from groundwork.atomic import partial_folder
from groundwork.ending import ending_orderly

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")


def test_what_is_half_written_is_gone_and_the_status_is_that_of_a_shell(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        _end_while_writing(tmp_path)
    assert ended.value.code == 143
    assert not list(tmp_path.iterdir())
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def _end_while_writing(folder: Path) -> None:
    with ending_orderly(), partial_folder(folder, "scene") as partial:
        (partial / "classes.tif").write_bytes(b"half")
        signal.raise_signal(signal.SIGTERM)


def test_a_run_takes_the_signal_and_gives_it_back_whatever_comes_of_it() -> None:
    for end in (EndsOrderly.after_pipeline_run, EndsOrderly.on_pipeline_error):
        hook = EndsOrderly()
        hook.before_pipeline_run()
        with pytest.raises(SystemExit):
            signal.raise_signal(signal.SIGTERM)
        end(hook)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_who_handles_the_signal_already_goes_on_doing_so() -> None:
    taken: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: taken.append(number))
    try:
        with ending_orderly():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert taken == [signal.SIGTERM]


def test_another_thread_leaves_the_signal_alone() -> None:
    found: list[object] = []

    def look() -> None:
        with ending_orderly():
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [signal.SIG_DFL]


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are forked")
def test_a_forked_process_is_ended_at_once() -> None:
    with ending_orderly():
        child = os.fork()
        if child == 0:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGTERM
