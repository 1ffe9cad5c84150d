"""Kill ``make repro`` again and again, anywhere, and see that the rerun ends with the bytes of an unbroken run.

``make soak`` runs it. It takes the time of some ten runs, and so is no test.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from end_to_end.commands import command, copy_project, environment
from fieldwork.dvc_mending import mend

#: What DVC does not track, as it differs from run to run. A lock that is left names the process that had it, and holds
#: up nobody.
UNTRACKED = (".gitignore", "run_times.json", ".*.lock")
#: What a killed process may leave: under these names nobody takes it for whole.
PARTIAL = ".partial-*"


def main() -> int:
    """Run the soak; the exit status is 1 where anything is not as it would be without the kills."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return _soak(Path(folder), options.kills, random.Random(options.seed))


def _soak(folder: Path, kills: int, chance: random.Random) -> int:
    unbroken, broken = (copy_project(folder / name / "project") for name in ("unbroken", "broken"))
    start = time.monotonic()
    command(unbroken, "dvc", "repro")
    whole = time.monotonic() - start
    print(f"Unbroken: {whole:.0f} s", flush=True)
    expected = (unbroken / "dvc.lock").read_bytes()
    done = 0
    while done < kills:
        moment = chance.uniform(0, whole)
        where = _killed(broken, moment)
        if where is None:
            _empty(broken)
            continue
        done += 1
        print(f"Kill {done}, after {moment:.1f} s, in {where}", flush=True)
    mend(broken)
    command(broken, "dvc", "repro")
    problems = _problems(broken, unbroken, expected)
    print("\n".join(problems) or f"{done} kills: the same bytes, nothing half, no lock left")
    return int(bool(problems))


def _killed(project: Path, moment: float) -> str | None:
    """Run the stages, kill them after so many seconds, and return in which stage. None: they were done before."""
    # As of "make repro".
    for removed in mend(project):
        print(f"{removed.name} was cut off, and mended", flush=True)
    log = project.parent / "log.txt"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["dvc", "repro"], cwd=project, env=environment(), start_new_session=True, stdout=output, stderr=output
        )
        try:
            if process.wait(timeout=moment):
                raise SystemExit(f"'dvc repro' does not go on by itself after a kill:\n{log.read_text()[-4000:]}")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            stages = [line for line in log.read_text().splitlines() if line.startswith("Running stage")]
            return stages[-1].split("'")[1] if stages else "no stage yet"
    return None


def _empty(project: Path) -> None:
    """Let everything be done anew."""
    for path in (project / ".dvc/cache", project / "dvc.lock", *(project / "data").glob("0*/*")):
        if path.name != ".gitkeep":
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _problems(broken: Path, unbroken: Path, expected: bytes) -> list[str]:
    """Return what differs from the unbroken project."""
    problems = []
    if (broken / "dvc.lock").read_bytes() != expected:
        problems.append("dvc.lock is another than that of the unbroken run")
    ours, theirs = (_contents(project) for project in (unbroken, broken))
    problems += [f"{name} is another" for name in sorted(ours.keys() & theirs.keys()) if ours[name] != theirs[name]]
    problems += [f"{name} is missing" for name in sorted(ours.keys() - theirs.keys())]
    problems += [f"{name} was left" for name in sorted(theirs.keys() - ours.keys())]
    return problems


def _contents(project: Path) -> dict[str, bytes]:
    files = (path for path in (project / "data").rglob("*") if path.is_file())
    return {
        str(path.relative_to(project)): path.read_bytes()
        for path in files
        if "checkpoints" not in path.parts and not any(path.match(name) for name in UNTRACKED)
    }


if __name__ == "__main__":
    sys.exit(main())
