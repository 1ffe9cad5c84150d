"""Every command that the documentation shows is one that there is: options, pipelines, recipes, parameters."""

from __future__ import annotations

import argparse
import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from dvc.cli import DvcParserError, parse_args
from kedro.framework.cli.cli import KedroCLI
from kedro.framework.project import pipelines
from omegaconf import OmegaConf

from end_to_end.walk import WALKS, steps
from fieldwork import config_command
from fieldwork.parameters import PARAMETERS
from fieldwork.starter import __main__ as starter
from fieldwork.verify import command as verify
from groundwork.cli import main as groundwork
from groundwork.cli.commands import COMMANDS, show_help

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:kedro|dvc|groundwork|make) [^`\n]+)`")
#: Recipes that the reader makes on the page that names them.
MADE_BY_THE_READER = re.compile(r"my_\w+|burns|solar|together|NAME|name")
VALUE_OF_THE_READER = "raw_root"
PIPELINES_OF_THE_READER = {"areas", "<name>"}
#: Programs that are no part of this project, and words of the shell.
OTHERS = {"cd", "curl", "docker", "git", "mkdir", "mlflow", "pip", "source", "uv", "zip"}


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each command of a page. One in a sentence, other than ``kedro run``, is asked for its help."""
    text = page.read_text("utf-8")
    shown = [line for block in FENCE.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    for line in shown:
        words = shlex.split(re.sub(r"\d?> \S+", "", re.sub(r"\$\{\w+\}", "1", line)), comments=True)
        while "&&" in words:
            yield words[: words.index("&&")]
            words = words[words.index("&&") + 1 :]
        if words:
            yield words
    for line in INLINE.findall(FENCE.sub("", text)):
        words = shlex.split(line)
        if words[:2] == ["kedro", "airflow"]:
            # Of a plugin that the project does not need.
            continue
        if words[0] == "make" or words[1] == "run":
            yield words
        else:
            yield [*(word for word in words if not word.startswith("-")), "--help"]


NOT_ONE = (AssertionError, SystemExit, click.ClickException, DvcParserError, ValueError)
SHOWN = [(page.relative_to(ROOT).as_posix(), words) for page in PAGES for words in commands(page)]


@pytest.mark.parametrize(("page", "words"), [pytest.param(*shown, id=" ".join(shown[1])) for shown in SHOWN])
def test_a_command_that_is_shown_is_one_that_there_is(page: str, words: list[str]) -> None:
    while re.fullmatch(r"[A-Z_]+=\S*", words[0]):
        words = words[1:]
    program, *arguments = words
    assert program in CHECKS or program in OTHERS, f"{page}: what checks {program}?"
    if program in CHECKS:
        check(program, arguments)


def check(program: str, arguments: list[str]) -> None:
    """Raise where a command is none."""
    try:
        CHECKS[program](arguments)
    except SystemExit as end:
        # Help was asked for.
        if end.code:
            raise
    except click.exceptions.Exit as end:
        if end.exit_code:
            raise


def test_every_page_with_commands_is_walked() -> None:
    shown = {page.relative_to(ROOT).as_posix() for page in PAGES if list(steps(page.read_text("utf-8")))}
    assert {walk.page for walk in WALKS} == shown


def test_many_commands_are_found() -> None:
    assert len(SHOWN) > 150
    assert {words[0] for _, words in SHOWN} >= {"kedro", "dvc", "groundwork", "make", "git"}


@pytest.mark.parametrize(
    "line",
    [
        "kedro run --env classificaton",
        "kedro run --pipelines trainin",
        "kedro run --parms training.max_epochs=2",
        "kedro run --params training.max_epoch=2",
        "kedro run --params training.max_epochs=two",
        "kedro run --tags figure",
        "kedro runs",
        "dvc exp run -S 'conf/base/parameters_training.yml:training.max_epoch=2'",
        "dvc plot show",
        "groundwork exprt bundle",
        "groundwork fit --confg first.yaml",
        "make rum",
        "rio inf a.tif",
        "python docs/generate.py",
    ],
)
def test_one_that_is_none_is_noticed(line: str) -> None:
    program, *arguments = shlex.split(line)
    with pytest.raises(NOT_ONE):
        check(program, arguments)


def _kedro(arguments: list[str]) -> None:
    """Parse a command as Kedro does, and look whether what it names is there."""
    tool = KedroCLI(ROOT)
    context = tool.make_context("kedro", list(arguments), resilient_parsing=False)
    name, command, rest = tool.resolve_command(context, context.protected_args + context.args)
    assert command is not None
    parsed = command.make_context(name, rest, parent=context)
    if name != "run":
        return
    assert not parsed.args, f"not taken: {parsed.args}"
    given = parsed.params
    _recipes(given["env"] or "base")
    unknown = {*(given["pipelines"] or [])} - {*pipelines, *PIPELINES_OF_THE_READER}
    assert not unknown, f"there is no pipeline {unknown}"
    tags = {tag for node in pipelines["__default__"].nodes for tag in node.tags}
    assert {*(given["tags"] or [])} <= tags
    if given["params"]:
        _parameters(given["params"])


def _recipes(names: str) -> None:
    for name in names.split("+"):
        known = (ROOT / "conf" / name).is_dir() or MADE_BY_THE_READER.fullmatch(name) or name == "<task>"
        assert known, f"there is no recipe {name}"


def _parameters(changes: dict[str, Any]) -> None:
    """Look whether parameters are there, and take such values."""
    for name, values in changes.items():
        if name == VALUE_OF_THE_READER:
            continue
        (file,) = [file for file in (ROOT / "conf/base").glob("parameters*.yml") if name in _yaml(file)]
        base = OmegaConf.create({name: _yaml(file)[name]})
        whole = OmegaConf.to_container(OmegaConf.merge(base, {name: _numbers(values)}))
        PARAMETERS[name].model_validate(whole[name])  # type: ignore[attr-defined, call-overload, index]


def _numbers(value: Any) -> Any:
    """Put a number in the place of a variable of the shell."""
    if isinstance(value, dict):
        return {key: _numbers(part) for key, part in value.items()}
    return 0 if isinstance(value, str) and value.startswith("$") else value


def _yaml(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text("utf-8")) or {}


def _dvc(arguments: list[str]) -> None:
    """Parse a command as DVC does; of a changed parameter, look whether it is there."""
    parsed = parse_args(arguments)
    for change in getattr(parsed, "set_param", None) or ():
        file, _, assignment = change.partition(":")
        name, _, value = assignment.partition("=")
        recipe, title = Path(file).parts[1:]
        _recipes(recipe)
        top, *path = name.lstrip("+").split(".")
        assert top in _yaml(ROOT / "conf/base" / title)
        nested: Any = yaml.safe_load(value)
        for key in reversed(path):
            nested = {key: nested}
        _parameters({top: nested})


def _groundwork(arguments: list[str]) -> None:
    name, *rest = arguments
    if name in COMMANDS:
        _lightning(name, rest)
        return
    parsers: dict[str, Callable[[list[str]], object]] = {
        "config": config_command._parser().parse_args,
        "verify": verify._parser().parse_args,
        "new": _folder,
        "update": _folder,
    }
    parsers.get(name, lambda _: groundwork._parser().parse_args(arguments))(rest)


def _folder(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--package")
    parser.add_argument("--recipe", action="append")
    given = parser.parse_args(arguments)
    for recipe in given.recipe or ():
        _recipes(recipe)
    assert callable(starter.new)


def _lightning(name: str, rest: list[str]) -> None:
    """Look whether the help of a command names each option."""
    options = [word.partition("=")[0] for word in rest if word.startswith("-")]
    known = _help(name)
    for option in options:
        assert re.search(rf"(^|[\s,]){re.escape(option)}\b", known) or re.match(r"--(trainer|model|data)\.", option)


def _help(name: str) -> str:
    written = io.StringIO()
    with contextlib.redirect_stdout(written), contextlib.suppress(SystemExit):
        show_help(name, ["--help"])
    return written.getvalue()


def _make(arguments: list[str]) -> None:
    text = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", text, re.MULTILINE))
    variables = set(re.findall(r"\$[({](\w+)", text))
    for word in arguments:
        name, is_variable, _ = word.partition("=")
        assert name in (variables if is_variable else targets), f"make knows no {name}"


def _python(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        import_module(arguments[1])
    else:
        assert (ROOT / arguments[0]).exists(), arguments[0]


def _rio(arguments: list[str]) -> None:
    from rasterio.rio.main import main_group

    assert arguments[0] in main_group.commands


def _pytest(arguments: list[str]) -> None:
    paths = [word for word in arguments if not word.startswith("-")]
    assert all((ROOT / path).exists() for path in paths)


CHECKS: dict[str, Callable[[list[str]], None]] = {
    "kedro": _kedro,
    "dvc": _dvc,
    "groundwork": _groundwork,
    "make": _make,
    "pytest": _pytest,
    "python": _python,
    "python3": _python,
    "rio": _rio,
}
