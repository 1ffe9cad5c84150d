"""The sample table survives its file; what cannot be sampled yet is named."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from groundwork.data.sample_table import read_samples, write_samples


def test_the_table_survives_its_file(tmp_path: Path, tiny_data: SimpleNamespace) -> None:
    path = tmp_path / "deep" / "samples.csv"
    write_samples(tiny_data.samples, path)
    again = read_samples(path)
    pd.testing.assert_frame_equal(again, tiny_data.samples, check_dtype=False, check_exact=True)
    assert set(again["scene"]) == {"1", "11", "east", "p4", "p5", "p6"}, "a key of digits stays text"
    write_samples(again, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()
    assert [entry.name for entry in path.parent.iterdir()] == ["samples.csv"]


@pytest.mark.parametrize("key", ["007", "NA", "1e5", "None", "a,b", "true"])
def test_scene_names_that_look_like_something_else_stay_text(
    tmp_path: Path, tiny_data: SimpleNamespace, key: str
) -> None:
    table = tiny_data.samples.assign(scene=key, dates=None, latitude=float("nan"))
    write_samples(table, tmp_path / "s.csv")
    again = read_samples(tmp_path / "s.csv")
    assert set(again["scene"]) == {key}
    assert again["latitude"].isna().all()
    assert set(again["dates"].fillna("")) == {""}


def test_a_killed_process_leaves_the_earlier_table_whole(tmp_path: Path, tiny_data: SimpleNamespace) -> None:
    path = tmp_path / "samples.csv"
    write_samples(tiny_data.samples, path)
    before = path.read_bytes()
    code = f"""
        import os, signal
        from pathlib import Path
        import pandas as pd
        from groundwork.data.sample_table import read_samples, write_samples
        def half(self, file, **_):
            Path(file).write_text("sample_id,sce")
            os.kill(os.getpid(), signal.SIGKILL)
        table = read_samples(Path({str(path)!r}))
        pd.DataFrame.to_csv = half
        write_samples(table, Path({str(path)!r}))
    """
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_bytes() == before
    write_samples(tiny_data.samples, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["samples.csv"]
