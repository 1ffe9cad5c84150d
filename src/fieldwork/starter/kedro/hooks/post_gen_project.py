"""Runs in the folder that ``kedro new`` has made: makes the project in it."""

import sys
from pathlib import Path

template = Path(r"{{ cookiecutter._repo_dir }}").resolve()
while not (template / "src" / "fieldwork").is_dir():
    template = template.parent
sys.path.insert(0, str(template / "src"))

from fieldwork.starter.making import make_project  # noqa: E402
from fieldwork.starter.names import NewProjectError, names_of  # noqa: E402

folder = Path.cwd()
recipes = [name.strip() for name in ["{{ cookiecutter.recipes }}"] if name.strip()]
for placeholder in folder.iterdir():
    placeholder.unlink()
try:
    make_project(template, folder, names_of(folder, "{{ cookiecutter.python_package }}"), recipes)
except NewProjectError as error:
    sys.exit(str(error))
