"""Take this machine's paths out of the page of ``kedro viz build``: ``python -m fieldwork.viz_site build``."""

from __future__ import annotations

import sys
from pathlib import Path


def strip_paths(site: Path, project: Path) -> int:
    """Write paths inside the project relative to it, in all JSON files of the page.

    Args:
        site: The page's folder.
        project: The project's folder.

    Returns:
        Number of files that were changed.
    """
    changed = 0
    prefix = f"{project.resolve().as_posix()}/"
    # Kedro-Viz names them without a suffix.
    for file in sorted(path for path in (site / "api").rglob("*") if path.is_file()):
        text = file.read_text(encoding="utf-8")
        if prefix in text:
            file.write_text(text.replace(prefix, ""), encoding="utf-8")
            changed += 1
    return changed


if __name__ == "__main__":
    strip_paths(Path(sys.argv[1]), Path.cwd())
