"""The search for cycles is left off for a while, and never for good."""

from __future__ import annotations

import gc

import pytest

from groundwork.rasters.collector import without_collector


@pytest.mark.parametrize("was_on", [False, True])
def test_the_search_for_cycles_is_left_as_it_was(was_on: bool) -> None:
    before = gc.isenabled()
    try:
        gc.enable() if was_on else gc.disable()
        with without_collector():
            assert not gc.isenabled()
        assert gc.isenabled() == was_on
    finally:
        gc.enable() if before else gc.disable()
