"""Files that other programs read name what is there: targets of make, files, versions of Python."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


def test_workflows_run_targets_that_there_are() -> None:
    steps = [
        step["run"]
        for file in WORKFLOWS
        for job in yaml.safe_load(file.read_text("utf-8"))["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    assert {"make lint", "make test", "make starter"} <= set(steps)
    assert {step.removeprefix("make ") for step in steps} <= targets()


def test_what_ci_runs_is_what_the_workflows_run() -> None:
    ci = re.findall(r"^make (\w+)", (ROOT / ".ci/run").read_text("utf-8"), re.MULTILINE)
    assert {*ci} <= {word for file in WORKFLOWS for word in re.findall(r"run: make (\w+)", file.read_text("utf-8"))}


def test_the_oldest_python_that_is_tried_is_the_oldest_that_is_taken() -> None:
    tried = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text("utf-8"))
    versions = tried["jobs"]["test"]["strategy"]["matrix"]["python"]
    [oldest] = re.findall(
        r'^requires-python = ">=([\d.]+),<', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert versions[0] == oldest


def test_the_image_is_made_of_files_that_there_are() -> None:
    text = (ROOT / "Dockerfile").read_text("utf-8")
    copied = [word for line in re.findall(r"^COPY --chown=1000 (.*) \S+$", text, re.MULTILINE) for word in line.split()]
    assert {"requirements.lock", "pyproject.toml", "."} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    # Each instruction is one that there is, and continued lines are continued.
    joined = re.sub(r"\\\n", "", text)
    words = [line.split()[0] for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    assert set(words) <= {"FROM", "RUN", "COPY", "USER", "WORKDIR", "ENV", "CMD", "SHELL"}
    [pinned] = re.findall(r"^UV := (uv==[\d.]+)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert pinned
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    assert (ROOT / ".devcontainer" / container["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"


def test_hooks_before_a_commit_run_what_the_environment_has() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    programs = {hook["entry"].split()[0] for hook in hooks if hook["language"] == "system"}
    assert programs == {".venv/bin/ruff", ".venv/bin/python"}
    [pattern] = [hook["files"] for hook in hooks if hook["language"] == "fail"]
    assert all(re.search(pattern, name) for name in ("a/b.tif", "w.safetensors"))
    assert not re.search(pattern, "docs/images/prediction.png")


def test_the_citation_states_the_version() -> None:
    stated = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    [version] = re.findall(r'^version = "(.*)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert stated["version"] == version
    assert {"cff-version", "message", "title", "authors"} <= stated.keys()
