"""Tiled prediction: what an identity gives is its input, whatever the size of scene, tile, band and batch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.windows import Window

from groundwork.batch import Patch
from groundwork.prediction import blending, tiles
from groundwork.prediction.beside import has_room, run_ahead
from groundwork.prediction.blending import Tile, Tiling, blend
from groundwork.prediction.tiles import make_axis


def _patch(image: np.ndarray, valid: np.ndarray) -> Patch:
    return Patch({"optical": image}, {"optical": valid})


def _images(batch: Sequence[Tile]) -> list[np.ndarray]:
    return [patch.values["optical"].astype(np.float32) for _, patch in batch]


class Recorder:
    """Gives back the tiles it gets, and remembers them."""

    def __init__(self, image: np.ndarray, valid: np.ndarray) -> None:
        self.image, self.valid = image, valid
        self.tiles: list[Window] = []
        self.batches: list[int] = []
        self.reads: list[Window] = []

    def read(self, window: Window) -> Patch:
        self.reads.append(window)
        rows, columns = window.toslices()
        return _patch(self.image[:, rows, columns], self.valid[rows, columns])

    def predict(self, batch: Sequence[Tile]) -> list[np.ndarray]:
        self.batches.append(len(batch))
        for window, patch in batch:
            rows, columns = window.toslices()
            assert np.array_equal(patch.values["optical"], self.image[:, rows, columns])
            assert np.array_equal(patch.valid["optical"], self.valid[rows, columns])
            self.tiles.append(window)
        return _images(batch)

    def run(
        self, size: int, overlap: int, batch_size: int = 3, has_room: bool = True
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return blended scores, validity and how often each pixel was given."""
        height, width = self.valid.shape
        tiling = Tiling(
            rows=make_axis(height, size, overlap),
            columns=make_axis(width, size, overlap),
            read=self.read,
            predict=self.predict,
            num_outputs=len(self.image),
            batch_size=batch_size,
            has_room=has_room,
        )
        scores = np.full(self.image.shape, np.nan, np.float32)
        valid, times = np.zeros_like(self.valid), np.zeros(self.valid.shape, int)
        for window, part, known in blend(tiling):
            rows, columns = window.toslices()
            scores[:, rows, columns], valid[rows, columns] = part, known
            times[rows, columns] += 1
        return scores, valid, times


def _recorder(height: int, width: int, seed: int = 0) -> Recorder:
    random = np.random.default_rng(seed)
    return Recorder(random.random((2, height, width), np.float32), np.ones((height, width), bool))


@settings(max_examples=60)
@given(
    height=st.integers(1, 70),
    width=st.integers(1, 90),
    size=st.integers(1, 40),
    share=st.floats(0, 0.5),
    band_width=st.integers(1, 100),
    batch_size=st.integers(1, 5),
    has_room=st.booleans(),
)
def test_an_identity_gives_its_input(
    height: int, width: int, size: int, share: float, band_width: int, batch_size: int, has_room: bool
) -> None:
    recorder = _recorder(height, width)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blending, "column_bands", lambda axis: tiles.column_bands(axis, band_width))
        scores, valid, times = recorder.run(size, int(size * share), batch_size, has_room)
    assert (times == 1).all(), "each pixel is given once"
    assert valid.all()
    assert np.abs(scores - recorder.image).max() <= 1e-6
    assert max(recorder.batches) <= batch_size


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 300), (31, 33), (255, 257)])
def test_odd_sizes_and_sizes_below_one_tile(height: int, width: int) -> None:
    recorder = _recorder(height, width)
    scores, _, _ = recorder.run(64, 16)
    assert np.abs(scores - recorder.image).max() <= 1e-6


def test_bands_of_columns_change_nothing_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _, _ = _recorder(50, 200).run(32, 8)
    monkeypatch.setattr(blending, "column_bands", lambda axis: tiles.column_bands(axis, 60))
    recorder = _recorder(50, 200)
    in_bands, _, _ = recorder.run(32, 8)
    assert np.array_equal(in_bands, whole)
    assert len(recorder.reads) == len(make_axis(50, 32, 8).starts) * len(tiles.column_bands(make_axis(200, 32, 8), 60))
    assert max(window.width for window in recorder.reads) <= 64


@settings(max_examples=40)
@given(
    height=st.integers(1, 90),
    size=st.integers(2, 40),
    share=st.floats(0, 0.5),
    begin=st.floats(0, 0.99),
    length=st.integers(1, 4),
)
def test_a_part_of_the_rows_gets_the_same_bits(height: int, size: int, share: float, begin: float, length: int) -> None:
    recorder = _recorder(height, 50)
    axes = make_axis(height, size, int(size * share)), make_axis(50, size, int(size * share))
    tiling = Tiling(*axes, recorder.read, recorder.predict, num_outputs=2, batch_size=3)
    first = int(begin * len(axes[0].starts))
    rows = range(first, min(first + length, len(axes[0].starts)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blending, "column_bands", lambda axis: tiles.column_bands(axis, 30))
        whole = [(window, scores.tobytes(), known.tobytes()) for window, scores, known in blend(tiling)]
        part = [(window, scores.tobytes(), known.tobytes()) for window, scores, known in blend(tiling, rows)]
        windows = list(blending.windows_of(tiling))
        assert [window for _, window in windows] == [window for window, _, _ in whole]
    wanted = [each for (row, _), each in zip(windows, whole, strict=True) if row in rows]
    assert part == wanted
    top, bottom = tiling.pixel_rows(rows)
    assert (top, bottom) == (part[0][0].row_off, part[-1][0].row_off + part[-1][0].height)


def test_neighbours_are_blended_by_their_weights() -> None:
    # Each tile answers with its own column; in the overlap the answers are mixed as the weights are.
    def predict(batch: Sequence[Tile]) -> list[np.ndarray]:
        return [np.full((1, 4, 6), float(window.col_off), np.float32) for window, _ in batch]

    def read(window: Window) -> Patch:
        shape = (int(window.height), int(window.width))
        return _patch(np.zeros((1, *shape), np.float32), np.ones(shape, bool))

    tiling = Tiling(make_axis(4, 6, 2), make_axis(10, 6, 2), read, predict, num_outputs=1, batch_size=8)
    assert tiling.num_steps == 1
    [(_, scores, _)] = list(blend(tiling))
    assert np.allclose(scores[0], [0, 0, 0, 0, 4 / 3, 8 / 3, 4, 4, 4, 4])


def test_tiles_without_any_data_are_not_predicted() -> None:
    recorder = _recorder(40, 40)
    recorder.valid[:] = False
    recorder.valid[3, 25] = True
    scores, valid, times = recorder.run(10, 0)
    assert recorder.tiles == [Window(20, 0, 10, 10)]
    assert (times == 1).all()
    assert valid.sum() == 1
    assert np.abs(scores[:, 3, 25] - recorder.image[:, 3, 25]).max() <= 1e-6


def test_a_tile_is_predicted_where_one_source_of_it_holds_data() -> None:
    recorder = _recorder(20, 20)
    recorder.valid[:] = False
    other = np.zeros((20, 20), bool)
    recorder.valid[2, 3], other[15, 16] = True, True

    def read(window: Window) -> Patch:
        rows, columns = window.toslices()
        patch = recorder.read(window)
        values = {**patch.values, "radar": np.zeros((1, *patch.size), np.int16)}
        return Patch(values, {**patch.valid, "radar": other[rows, columns]})

    axis = make_axis(20, 10, 0)
    parts = list(blend(Tiling(axis, axis, read, recorder.predict, num_outputs=2, batch_size=4)))
    assert recorder.tiles == [Window(0, 0, 10, 10), Window(10, 10, 10, 10)]
    assert np.array_equal(np.concatenate([known for _, _, known in parts]), recorder.valid | other)


def test_a_scene_without_any_data_is_never_predicted() -> None:
    recorder = _recorder(20, 30)
    recorder.valid[:] = False
    _, valid, times = recorder.run(8, 2)
    assert recorder.tiles == []
    assert not valid.any()
    assert (times == 1).all()


def test_each_row_of_tiles_is_read_once() -> None:
    recorder = _recorder(100, 60)
    recorder.run(32, 8)
    assert [window.row_off for window in recorder.reads] == list(make_axis(100, 32, 8).starts)


def test_without_room_nothing_is_done_beside_the_model() -> None:
    recorder, done = _recorder(100, 60), []

    def read(window: Window) -> Patch:
        done.append(("read", threading.current_thread(), window.row_off))
        return recorder.read(window)

    def predict(batch: Sequence[Tile]) -> list[np.ndarray]:
        done.append(("predict", threading.current_thread(), batch[0][0].row_off))
        return recorder.predict(batch)

    tiling = Tiling(make_axis(100, 40, 8), make_axis(60, 40, 8), read, predict, 2, 8, has_room=False)
    alone = [scores for _, scores, _ in run_ahead(blend(tiling), tiling.has_room)]
    main, starts = threading.current_thread(), tiling.rows.starts
    assert done == [(what, main, start) for start in starts for what in ("read", "predict")]
    beside = replace(tiling, has_room=True)
    assert all(map(np.array_equal, alone, [scores for _, scores, _ in run_ahead(blend(beside), beside.has_room)]))
    assert {thread for _, thread, _ in done[len(done) // 2 :]}.isdisjoint({main})


@pytest.mark.parametrize(
    ("device", "threads", "expected"), [("cpu", 1, False), ("cpu", 2, False), ("cpu", 3, True), ("meta", 1, True)]
)
def test_there_is_room_where_another_device_computes_or_cores_are_left(
    device: str, threads: int, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert has_room(torch.device(device)) == expected


@pytest.mark.parametrize("has_room", [False, True])
def test_an_error_while_reading_comes_through(has_room: bool) -> None:
    def read(window: Window) -> Patch:
        if window.row_off > 0:
            raise OSError("the disk is gone")
        return _patch(np.zeros((1, 8, 8), np.float32), np.ones((8, 8), bool))

    axis = make_axis(20, 8, 0)
    tiling = Tiling(axis, make_axis(8, 8, 0), read, _images, 1, 2, has_room)
    with pytest.raises(OSError, match="the disk is gone"):
        list(blend(tiling))
