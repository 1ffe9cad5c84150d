"""A project of one's own has its own names and history and nothing of the template's, works, and can be updated."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fieldwork.starter.__main__ import new, update
from fieldwork.starter.making import RECORD, make_project
from fieldwork.starter.names import NewProjectError, names_of
from fieldwork.starter.updating import update_project

ROOT = Path(__file__).parents[3]
NAME = "maize-2024"


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    done = subprocess.run(["git", *identity, *words], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def commit(folder: Path, words: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", words)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the template as it lies here, changes included."""
    folder = tmp_path_factory.mktemp("template") / "groundwork"
    listed = git(ROOT, "ls-files", "-co", "--exclude-standard").splitlines()
    for name in (name for name in listed if (ROOT / name).is_file()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    # What a clone commits that has trained.
    for name in ("data/08_reporting/base/metrics.json", "data/05_model_input/base/.gitignore", "data/01_raw/a.dvc"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    git(folder, "init", "-q")
    commit(folder, "start")
    return folder


@pytest.fixture(scope="module")
def project(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / NAME
    make_project(template, folder, names_of(folder), ["hls_water"])
    return folder


def texts(project: Path) -> dict[str, str]:
    listed = git(project, "ls-files").splitlines()
    return {name: (project / name).read_text("utf-8") for name in listed if not name.endswith(".png")}


# --- what is made ---------------------------------------------------------------------------------------------------


def test_everything_bears_the_projects_name(project: Path) -> None:
    files = texts(project)
    assert not [name for name, text in files.items() if re.search(r"\bfieldwork\b", name + text)]
    assert "src/maize_2024/pipelines/training/nodes.py" in files
    assert 'name = "maize-2024"' in files["pyproject.toml"]
    assert 'package_name = "maize_2024"' in files["pyproject.toml"]
    assert "type: maize_2024.io.rasters.RasterFolderDataset" in files["conf/base/catalog.yml"]
    assert files["README.md"].startswith("# Maize 2024\n")


def test_nothing_of_the_template_is_left(project: Path) -> None:
    files = texts(project)
    assert {Path(name).name for name in files if name.startswith("data/")} == {".gitkeep"}
    assert sorted(path.name for path in (project / "conf").iterdir()) == ["base", "hls_water", "local", "logging.yml"]
    assert not {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".ci/run"} & files.keys()
    ours = ("benchmarks/", "docs/decisions/", "tests/house/", "tests/groundwork/", "src/maize_2024/starter/")
    assert not [name for name in files if name.startswith(ours)]
    assert (project / "src/groundwork/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert not re.search(r"tests/house|benchmarks", files["Makefile"] + files["pyproject.toml"])
    assert not re.search(r"\b(starter|soak|walk)\b", files["Makefile"])
    assert git(project, "log", "--format=%s").splitlines() == [
        f"Maize 2024, made of Groundwork {json.loads(files[RECORD])['commit'][:12]}"
    ]
    assert git(project, "status", "--porcelain") == ""


def test_its_pages_lead_to_pages_that_are_there(project: Path) -> None:
    pages = {name: text for name, text in texts(project).items() if name.endswith(".md")}
    assert len(pages) > 20
    missing = [
        f"{name}: {link}"
        for name, text in pages.items()
        for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
        if not ((project / name).parent / link).exists()
    ]
    assert not missing


def test_its_library_is_the_templates(project: Path) -> None:
    ours = {path.relative_to(ROOT): path.read_bytes() for path in (ROOT / "src/groundwork").rglob("*.py")}
    assert {path: (project / path).read_bytes() for path in ours} == ours


def test_its_code_is_in_order(project: Path) -> None:
    for words in (("check", "."), ("format", "--check", ".")):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words], cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


def test_its_own_tests_pass(project: Path) -> None:
    # That the whole way can be gone is tried by `make starter`.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not whole_way"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src"), "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"[3-9] passed|\.{3,}", done.stdout)


def test_a_later_name_in_the_alphabet_leaves_the_stages_in_order(template: Path, tmp_path: Path) -> None:
    folder = tmp_path / "zebra"
    make_project(template, folder, names_of(folder), [])
    stages = (folder / "dvc.yaml").read_text("utf-8")
    for block in re.findall(r"(?<=    deps:\n)(?:    - .*\n)+", stages):
        assert block.splitlines() == sorted(block.splitlines())
    assert "src/zebra/io" in stages


# --- by kedro new ---------------------------------------------------------------------------------------------------


def kedro_new(template: Path, folder: Path, recipes: str) -> subprocess.CompletedProcess[str]:
    (folder / "answers.yml").write_text(
        f"output_dir: .\nproject_name: Flood Map\nrepo_name: flood-map\npython_package: flood_map\nrecipes: {recipes}\n"
    )
    words = ["--starter", str(template), "--directory", "src/fieldwork/starter/kedro", "--config", "answers.yml"]
    return subprocess.run(
        [sys.executable, "-m", "kedro", "new", *words],
        cwd=folder,
        env={**os.environ, "DO_NOT_TRACK": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_kedro_new_makes_the_same_project(template: Path, tmp_path: Path) -> None:
    done = kedro_new(template, tmp_path, "hls_water")
    assert done.returncode == 0, done.stdout + done.stderr
    expected = tmp_path / "other" / "flood-map"
    make_project(template, expected, names_of(expected), ["hls_water"])
    assert texts(tmp_path / "flood-map") == texts(expected)


def test_kedro_new_refuses_as_groundwork_new_does(template: Path, tmp_path: Path) -> None:
    done = kedro_new(template, tmp_path, "hls_watr")
    assert done.returncode != 0
    assert "There is no recipe 'hls_watr'. Did you mean 'hls_water'?" in done.stdout + done.stderr
    assert not (tmp_path / "flood-map").exists()


# --- updates --------------------------------------------------------------------------------------------------------


def test_an_update_brings_what_the_template_changed_and_keeps_what_the_project_changed(
    template: Path, tmp_path: Path
) -> None:
    upstream, folder = tmp_path / "upstream", tmp_path / NAME
    shutil.copytree(template, upstream)
    make_project(upstream, folder, names_of(folder), [])
    base = folder / "conf/base/parameters_training.yml"
    base.write_text(base.read_text("utf-8").replace("max_epochs:", "max_epochs: 7 #"))
    (folder / "src/maize_2024/own.py").write_text("MINE = 1\n")
    settings = folder / "src/maize_2024/settings.py"
    settings.write_text(settings.read_text("utf-8").replace('"""', '"""Mine. ', 1))
    commit(folder, "mine")
    _append(upstream / "src/groundwork/errors.py", "\n\n#: New.\nNEW = 1\n")
    _append(upstream / "conf/base/parameters_training.yml", "# New.\n")
    their_settings = upstream / "src/fieldwork/settings.py"
    their_settings.write_text(their_settings.read_text("utf-8").replace('"""', '"""Theirs. ', 1))
    (upstream / "src/groundwork/added.py").write_text('"""Of fieldwork."""\n')
    (upstream / "docs/how-to/kedro-viz.md").unlink()
    _append(upstream / "CHANGELOG.md", "New.\n")
    commit(upstream, "later")
    done = update_project(upstream, folder)
    assert done.changed == [
        RECORD,
        "conf/base/parameters_training.yml",
        "docs/index.md",
        "src/groundwork/added.py",
        "src/groundwork/errors.py",
    ]
    assert done.removed == ["docs/how-to/kedro-viz.md"]
    assert done.conflicts == ["src/maize_2024/settings.py"]
    merged = base.read_text("utf-8")
    assert "max_epochs: 7" in merged
    assert merged.endswith("# New.\n")
    assert (folder / "src/groundwork/added.py").read_text() == '"""Of maize_2024."""\n'
    marked = settings.read_text("utf-8")
    assert marked.index("<<<<<<< project") < marked.index("Mine.") < marked.index("Theirs.")
    assert (folder / "src/maize_2024/own.py").exists()
    assert json.loads((folder / RECORD).read_text())["commit"] == git(upstream, "rev-parse", "HEAD").strip()


def _append(file: Path, text: str) -> None:
    file.write_text(file.read_text("utf-8") + text, encoding="utf-8")


def test_an_update_refuses_what_it_could_not_take_back(template: Path, project: Path, tmp_path: Path) -> None:
    dirty = tmp_path / "dirty"
    shutil.copytree(project, dirty)
    _append(dirty / "README.md", "More.\n")
    with pytest.raises(NewProjectError, match=r"changes that are not committed. Commit them first"):
        update_project(template, dirty)
    with pytest.raises(NewProjectError, match=r"was not made by 'groundwork new': .groundwork.json is missing"):
        update_project(template, template)
    foreign = tmp_path / "foreign"
    shutil.copytree(project, foreign)
    record = json.loads((foreign / RECORD).read_text())
    (foreign / RECORD).write_text(json.dumps({**record, "commit": "0" * 40}))
    commit(foreign, "another")
    with pytest.raises(NewProjectError, match=r"lacks the commit 000000000000.*git fetch --unshallow"):
        update_project(template, foreign)
    (foreign / RECORD).write_text("{")
    with pytest.raises(NewProjectError, match=r"is damaged .*git restore"):
        update_project(template, foreign)


def test_the_commands_say_what_they_did(
    project: Path, tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("fieldwork.starter.__main__.TEMPLATE", template)
    assert update([str(project)]) == 0
    assert "Nothing to do" in capsys.readouterr().out
    assert new([str(tmp_path / "my-map")]) == 0
    assert "make run" in capsys.readouterr().out
    assert new([str(tmp_path / "my-map")]) == 1
    assert "something lies there already" in capsys.readouterr().err


# --- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "package", "title"),
    [("crop-map", "crop_map", "Crop map"), ("Maize_2024", "maize_2024", "Maize 2024"), ("a.b", "a_b", "A.b")],
)
def test_names_follow_from_the_folder(folder: str, package: str, title: str) -> None:
    names = names_of(Path("/somewhere") / folder)
    assert (names.project, names.package, names.title) == (folder, package, title)


@pytest.mark.parametrize(
    ("folder", "package", "message"),
    [
        ("crop map!", None, r"'crop map!' is no name of a project.*such as 'crop-map'"),
        ("2024-maize", None, r"'2024_maize' is no name of a package.*--package project_2024_maize"),
        ("class", None, r"'class' is no name of a package.*--package class_project"),
        ("torch", None, r"'torch' would hide another.*--package torch_project"),
        ("json", None, r"'json' would hide another"),
        ("crops", "Crop-Map", r"'Crop-Map' is no name of a package.*--package crop_map"),
    ],
)
def test_names_that_are_none_are_refused_with_one_that_is(folder: str, package: str | None, message: str) -> None:
    with pytest.raises(NewProjectError, match=message):
        names_of(Path("/somewhere") / folder, package)


def test_a_template_that_is_no_clone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    with pytest.raises(NewProjectError, match=r"part is no clone of Groundwork, as an archive that was downloaded"):
        make_project(tmp_path / "part", tmp_path / "x", names_of(tmp_path / "x"), [])
    git(tmp_path, "init", "-q")
    with pytest.raises(NewProjectError, match=r"part is no clone of Groundwork: it lies in the repository"):
        make_project(tmp_path / "part", tmp_path / "x", names_of(tmp_path / "x"), [])
