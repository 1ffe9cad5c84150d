"""The tutorial, step by step as it is written, on small rasters of a user's own."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from rasterio.transform import from_origin

from end_to_end.commands import ROOT, command

PAGE = (ROOT / "docs/tutorial.md").read_text("utf-8")
BASH = [
    line for block in re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL) for line in block.splitlines()
]
YAML = re.findall(r"^```yaml\n# (conf/my_region/\w+\.yml)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PLACE = "/data/my_region"
#: Lines that are not run as they are, and why.
LEFT_OUT = {
    "make install": "the environment is there",
    "source .venv/bin/activate": "its programs are found",
    "kedro run --env my_region": "is the line before it, for longer",
}
#: What each class looks like in the four bands.
COLORS = {1: (900, 700, 500, 300), 2: (300, 500, 300, 3000), 3: (800, 1200, 1500, 2200)}


def make_rasters(folder: Path) -> None:
    """Make scenes of stripes, labels that know them, and a corner without data."""
    random = np.random.default_rng(0)
    for number, name in enumerate(("north", "south", "east", "west", "inner", "outer")):
        classes = np.repeat(random.integers(1, 4, (8, 8)), 24, axis=0).repeat(24, axis=1).astype(np.uint8)
        values = np.stack([np.vectorize(lambda value, b=band: COLORS[value][b])(classes) for band in range(4)])
        values = (values + random.normal(0, 40, values.shape)).astype(np.uint16)
        values[:, :20, :20] = 0
        profile = {
            "driver": "GTiff",
            "width": 192,
            "height": 192,
            "crs": "EPSG:32632",
            "transform": from_origin(500_000 + 20_000 * number, 5_300_000, 10, 10),
        }
        for place, array, nodata in (
            (f"scenes/{name}.tif", values, 0),
            (f"labels/{name}_label.tif", classes[None], None),
        ):
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            with rasterio.open(
                folder / place, "w", count=len(array), dtype=array.dtype.name, nodata=nodata, **profile
            ) as file:
                file.write(array)


@pytest.fixture(scope="module")
def followed(new_copy: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The project after the last step, and what each command printed."""
    rasters = tmp_path_factory.mktemp("rasters") / "my_region"
    make_rasters(rasters)
    project = new_copy("tutorial")
    for file, text in YAML:
        (project / file).parent.mkdir(exist_ok=True)
        (project / file).write_text(f"# {file}\n{text.replace(PLACE, rasters.as_posix())}", encoding="utf-8")
    (project / ".venv").symlink_to(Path(sys.executable).parents[1])
    for key, value in (("user.name", "test"), ("user.email", "test@example.org")):
        command(project, "git", "config", key, value)
    said: dict[str, str] = {}
    for line in BASH:
        if line in LEFT_OUT:
            continue
        for part in line.replace(PLACE, rasters.as_posix()).split(" && "):
            words = shlex.split(part)
            # What DVC would do is enough: all of it was run just before, by the same commands.
            result: subprocess.CompletedProcess[str] = command(
                project, *words, *(["--dry"] if words[:2] == ["dvc", "repro"] else [])
            )
            said[line] = said.get(line, "") + result.stdout
    return project, said


def test_all_commands_of_the_page_were_run(followed: tuple[Path, dict[str, str]]) -> None:
    assert {*BASH} == {*followed[1], *LEFT_OUT}
    assert len(YAML) == 2
    assert len(followed[1]) >= 7


def test_what_the_page_tells_to_look_at_is_there(followed: tuple[Path, dict[str, str]]) -> None:
    project, said = followed
    reports = project / "data/08_reporting/my_region"
    assert "wrong" in (reports / "data_audit.md").read_text("utf-8")
    assert "BLUE" in (reports / "model_card.md").read_text("utf-8")
    assert (reports / "panel.png").stat().st_size > 10_000
    assert '"count": 4' in next(text for line, text in said.items() if line.startswith("rio info"))
    table = next(text for line, text in said.items() if "max_epochs=2" in line)
    assert "Scores on the test split" in table
    assert "gradient-boosted" in table.lower() or "gradient boosting" in table.lower()
    assert len(pd.read_csv(reports / "history.csv")) == 2


def test_scenes_are_predicted_where_they_lie(followed: tuple[Path, dict[str, str]]) -> None:
    project, _ = followed
    predictions = project / "data/07_model_output/my_region/predictions"
    for name in ("north", "outer"):
        with rasterio.open(predictions / f"{name}_classes.tif") as classes:
            values = classes.read(1)
            assert classes.crs.to_epsg() == 32632
            assert classes.shape == (192, 192)
            nothing = classes.nodata
        assert (values[:20, :20] == nothing).all()
        assert set(np.unique(values[20:, 20:])) <= {1, 2, 3}
        with rasterio.open(predictions / f"{name}_probabilities.tif") as probabilities:
            assert probabilities.count == 3


def test_the_recipe_is_kept_with_stages_of_its_own(followed: tuple[Path, dict[str, str]]) -> None:
    project, said = followed
    assert "My region" in command(project, "git", "log", "--oneline").stdout
    dry = said["dvc repro conf/my_region/dvc.yaml"]
    assert "kedro run --env my_region --pipelines training" in dry
