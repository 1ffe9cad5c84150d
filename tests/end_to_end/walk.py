"""Take every command that the pages show, one after the other as a reader does, and tell which of them fail.

``make walk`` runs it. It takes the time of some forty runs, and so is no test; what commands are made of is one.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from end_to_end.commands import ROOT, command, copy_project, environment
from end_to_end.test_tutorial import PAGE as TUTORIAL
from end_to_end.test_tutorial import make_rasters

FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: How a command that is not run begins, and why.
LEFT_OUT = {
    "docker ": "needs Docker",
    "make install": "the environment is there",
    "make test": "is the suite",
    "make lint": "is a step of CI of its own",
    "make starter": "is a step of CI of its own",
    "make lock": "asks the index of packages",
    "python3 -m venv": "the environment is there",
    "source ": "its programs are found",
    "pip install": "the environment is there",
    "uv pip install": "the environment is there",
    "pytest": "is the suite",
    "git pull": "has nothing to pull from",
    "kedro jupyter": "is an extra that is not installed",
    "kedro ipython": "waits for words",
    "make viz": "shows a page until it is stopped",
    "python -m http.server": "shows a page until it is stopped",
    "mlflow ui": "shows a page until it is stopped",
}


@dataclass(frozen=True)
class Walk:
    """One page: what its words stand for here, and which of its files are taken in which turn."""

    page: str
    #: What is written on the page -> what stands for it here.
    stands_for: Mapping[str, str] = field(default_factory=dict)
    #: How a command begins, and why it is not run here.
    left_out: Mapping[str, str] = field(default_factory=dict)
    #: Which files of the page are taken, each as it stands first.
    files: tuple[str, ...] = ()


WORLD = {
    "/data/my_region": "{world}/my_region",
    "/data/new_scenes": "{world}/new",
    "/data/new_scene.tif": "{world}/new_scene.tif",
    "/path/to/store": "{world}/store",
    "/path/to/groundwork": str(ROOT),
    "../crop-map": "{world}/crop-map",
}
OTHER_BUNDLES = "is of bundles that other pages train"
WALKS = (
    Walk("README.md"),
    Walk("CONTRIBUTING.md", left_out={"make format": "formats nothing that is not there"}),
    Walk("docs/project.md", files=("conf/my_scene/catalog.yml",), left_out={"dvc push": "has no remote yet"}),
    Walk("docs/how-to/audit-your-data.md", stands_for={" conf/my_region/parameters_model.yml": ""}),
    Walk("docs/how-to/build-a-model.md"),
    Walk("docs/how-to/train-a-model.md"),
    Walk("docs/how-to/train-in-several-processes.md"),
    Walk("docs/how-to/use-your-rasters.md", files=("conf/my_fold_1/parameters_data.yml",)),
    Walk("docs/how-to/many-machines.md"),
    Walk("docs/how-to/look-at-a-run.md"),
    Walk("docs/how-to/kedro-viz.md"),
    # Leaves scores of another split.
    Walk("docs/how-to/judge-a-model.md"),
    Walk("docs/how-to/export-a-model.md", left_out={"import numpy as np\nimport openvino": "needs OpenVINO"}),
    Walk(
        "docs/how-to/predict-a-scene.md",
        files=(
            "conf/my_scene/catalog.yml",
            "conf/seed_1/parameters_data.yml",
            "conf/seed_1/parameters.yml",
            "conf/together/catalog.yml",
        ),
        stands_for={
            "seed_0": "base",
            ", data/06_models/seed_2/trained": "",
            "kedro run --env together": (
                "kedro run --env seed_1 --pipelines data_prep,model_build,training && kedro run --env together"
            ),
            " a.tif b.tif": " {world}/new/north.tif {world}/new/south.tif",
        },
        left_out={
            "groundwork bundle predict data/06_models/fusion": OTHER_BUNDLES,
            "groundwork bundle predict data/06_models/bands": OTHER_BUNDLES,
            "found = groundwork.predict_array": "is of pixels that the reader has",
        },
    ),
    Walk(
        "docs/how-to/serve-a-model.md",
        files=("serving.yml",),
        stands_for={"@scene.tif": "@{world}/new/north.tif", "11.1,48.0,11.3,48.2": "9.0,47.84,9.01,47.85"},
        left_out={
            "zip -0": OTHER_BUNDLES,
            "curl --data-binary @scene.zip": OTHER_BUNDLES,
            "curl -d": "is of rasters on a server of one's own",
        },
    ),
    Walk(
        "docs/how-to/lightning-cli.md",
        files=("first.yaml",),
        stands_for={"seed_everything: 0\noutput: runs/first": "# first.yaml\nseed_everything: 0\noutput: runs/first"},
        left_out={"from lightning import Trainer": "leaves the arguments to the reader"},
    ),
    Walk(
        "docs/how-to/fine-tune-prithvi.md",
        files=tuple(f"conf/my_burns/parameters_{topic}.yml" for topic in ("data", "model", "training")),
        stands_for={
            "variant: prithvi_eo_v2_300, pretrained: true, out_indices: [5, 11, 17, 23]": (
                "variant: prithvi_eo_v2_tiny_tl, out_indices: [2, 5, 8, 11]"
            ),
            "max_epochs: 50": "max_epochs: 1",
        },
    ),
    Walk("docs/how-to/learn-without-labels.md"),
    Walk(
        "docs/how-to/find-objects.md",
        stands_for={"--env object_masks": "--env object_masks --params training.max_epochs=1"},
    ),
    Walk(
        "docs/how-to/from-terratorch.md",
        left_out={"": "is of files of another program; tests hold them"},
    ),
    Walk(
        "docs/how-to/resume-and-reproduce.md",
        stands_for={"max_epochs=60": "max_epochs=3", "git commit -m": "git commit --allow-empty -m"},
        left_out={
            "dvc import": "is of another repository; a test imports from one",
            "dvc update": "is of another repository; a test imports from one",
            "mkdir": "is of another repository; a test imports from one",
            "git clone": "a test clones",
            "dvc remote add --default --force": "is of another clone; a test pulls there",
        },
    ),
    Walk("docs/how-to/add-a-component.md", left_out={"": "its parts are made by tests"}),
    Walk("docs/how-to/extend-the-project.md", left_out={"": "its parts are made by tests"}),
    Walk(
        "docs/how-to/make-it-yours.md",
        stands_for={
            "starter new ../crop-map": "starter new {world}/second-map",
            "kedro new": "printf 'Third map\\n\\n\\n' | kedro new",
        },
        left_out={"make run": "is of the new project", "cd ": "holds for one line"},
    ),
    Walk("docs/how-to/torchgeo.md", left_out={"": "is of a set that the reader has; tests hold it"}),
    Walk("docs/index.md"),
    Walk("docs/tutorial.md", left_out={"": "a test follows it"}),
)


def main() -> int:
    """Walk; the exit status is 1 where a command fails."""
    parser = argparse.ArgumentParser(prog="make walk", description=__doc__)
    parser.add_argument("--pages", nargs="+", default=[""], help="parts of the names of the pages to take; all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder)
        project = _world(world)
        failed = [
            line
            for walk in WALKS
            if any(part in walk.page for part in options.pages)
            for line in _walk(walk, project, world)
        ]
    print("\n".join(["", "These failed:", *failed] if failed else ["", "All commands work as they are shown."]))
    return int(bool(failed))


def _world(world: Path) -> Path:
    """Make the sample and rasters of a user's own, run both recipes, and return the project."""
    project = copy_project(world / "project")
    make_rasters(world / "my_region")
    shutil.copytree(world / "my_region/scenes", world / "new")
    shutil.copy2(world / "new/north.tif", world / "new_scene.tif")
    (project / ".venv").symlink_to(Path(sys.executable).parents[1])
    for key, value in (("user.name", "test"), ("user.email", "test@example.org")):
        command(project, "git", "config", key, value)
    _write(
        TUTORIAL,
        ("conf/my_region/catalog.yml", "conf/my_region/parameters_data.yml"),
        project,
        lambda text: text.replace("/data/my_region", f"{world}/my_region"),
    )
    for words in (["dvc", "repro"], ["kedro", "run", "--env", "my_region"]):
        print("$", *words, flush=True)
        command(project, *words)
    command(project, "git", "add", "-A")
    command(project, "git", "commit", "-qm", "results")
    return project


def _walk(walk: Walk, project: Path, world: Path) -> Iterator[str]:
    """Run the commands of a page, and yield those that fail."""

    def here(text: str) -> str:
        for written, meant in {**walk.stands_for, **WORLD}.items():
            text = text.replace(written, meant.format(world=world))
        return text

    text = (ROOT / walk.page).read_text("utf-8")
    command(project, "git", "add", "-A")
    command(project, "git", "commit", "-qm", walk.page, "--allow-empty")
    _write(text, walk.files, project, here)
    server = None
    code = ""
    for language, line in steps(text):
        reason = next((why for start, why in {**LEFT_OUT, **walk.left_out}.items() if line.startswith(start)), None)
        print(f"{walk.page}: {line}" + (f"\n  (left out: {reason})" if reason else ""), flush=True)
        if reason:
            continue
        if line.startswith("groundwork serve"):
            _stop(server)
            server = _serve(here(line), project)
            continue
        start = time.monotonic()
        code = f"{code}\n{line}" if language == "python" else ""
        result = subprocess.run(
            ["python", "-c", here(code)] if code else ["bash", "-ec", here(line)],
            cwd=project,
            env={**environment(), "SLURM_ARRAY_TASK_ID": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"  {result.returncode}, {time.monotonic() - start:.0f} s", flush=True)
        if result.returncode:
            print(result.stdout[-3000:], result.stderr[-3000:], sep="\n", flush=True)
            yield f"{walk.page}: {line}"
    _stop(server)


def steps(text: str) -> Iterator[tuple[str, str]]:
    """Yield the language and text of each command of a page, of each script, and of all that is Python."""
    for language, block in FENCE.findall(text):
        if language == "python" or block.startswith("#!"):
            yield language, block.strip()
        elif language == "bash":
            for line in block.replace("\\\n", " ").splitlines():
                if line.strip():
                    yield language, re.sub(r" {2,}", " ", line)


def _write(text: str, files: tuple[str, ...], project: Path, here: Callable[[str], str]) -> None:
    """Write files of a page, each as it stands first."""
    blocks = [block for language, block in FENCE.findall(here(text)) if language == "yaml"]
    for name in files:
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        content = next(block for block in blocks if block.startswith(f"# {name}\n"))
        (project / name).write_text(content, encoding="utf-8")


def _serve(line: str, project: Path) -> subprocess.Popen[bytes]:
    """Begin a server, and return when it answers."""
    server = subprocess.Popen(["bash", "-ec", line], cwd=project, env=environment(), start_new_session=True)
    for _ in range(240):
        with contextlib.suppress(OSError), urllib.request.urlopen("http://127.0.0.1:8000/health", timeout=5):
            return server
        time.sleep(0.5)
    raise SystemExit(f"{line}: no answer")


def _stop(server: subprocess.Popen[bytes] | None) -> None:
    if server:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


if __name__ == "__main__":
    raise SystemExit(main())
