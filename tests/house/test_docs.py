"""What the documentation says is true of the code: symbols, links, commands, YAML, Python and quoted messages."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
import torch
import yaml

from fieldwork.config_loader import merge
from fieldwork.parameters import PARAMETERS
from groundwork.models.decoders import DECODERS
from groundwork.models.decoders.base import Decoder
from groundwork.models.encoders import ENCODERS
from groundwork.specs import FeatureLevel, FeatureSpec

ROOT = Path(__file__).parents[2]
TOP = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
PAGES = [*(ROOT / name for name in TOP), *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
SYMBOL = re.compile(r"((?:src|conf|tests)/[\w/.]+\.(?:py|yml)): (\w[\w.]*)")
MAKE = re.compile(r"(?:^|&& )make ([a-z]+)", re.MULTILINE)
FILE = re.compile(r"(?:src|conf|tests|docs|notebooks|benchmarks)/[\w/.-]+\.(?:py|yml|md|ipynb)")
HEADINGS = ["Added", "Changed", "Fixed", "Removed", "Documentation"]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fences(page: Path, *languages: str) -> list[str]:
    return [body for language, body in FENCE.findall(page.read_text("utf-8")) if language in languages]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text("utf-8"))


@cache
def symbols(file: Path) -> frozenset[str]:
    """Names that a file defines, with dots: classes, functions, methods, constants; keys of a YAML file."""
    if file.suffix == ".yml":
        return frozenset(yaml.safe_load(file.read_text("utf-8")))
    return frozenset(_defined(ast.parse(file.read_text("utf-8")).body))


def _defined(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _defined(node.body, f"{prefix}{node.name}.")
        if isinstance(node, ast.AnnAssign | ast.Assign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (prefix + target.id for target in targets if isinstance(target, ast.Name))


@cache
def generator(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # As where it is run: what lies beside it can be imported.
    with mock.patch.object(sys, "path", [str(ROOT / "docs"), *sys.path]):
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_symbol_that_is_named_exists(page: Path) -> None:
    for file, symbol in SYMBOL.findall(prose(page)):
        assert (ROOT / file).is_file(), file
        assert symbol in symbols(ROOT / file), f"{file} has no {symbol}"


def test_the_way_of_a_raster_names_every_room() -> None:
    files = {file for file, _ in SYMBOL.findall(prose(ROOT / "docs/follow-a-raster.md"))}
    rooms = {file.split("/")[2] for file in files if file.startswith("src/groundwork/")}
    assert rooms >= {"rasters", "data", "models", "tasks", "training", "evaluation", "prediction", "bundle.py"}


def test_the_way_of_a_raster_passes_the_components_of_the_base_recipe() -> None:
    text = (ROOT / "docs/follow-a-raster.md").read_text("utf-8")
    model = yaml.safe_load((ROOT / "conf/base/parameters_model.yml").read_text("utf-8"))["model"]
    for table, config in ((ENCODERS, model["encoder"]), (DECODERS, model["decoder"])):
        module, _, name = str(table[config["name"]]).partition(":")
        assert f"`src/{module.replace('.', '/')}.py: {name}`" in text


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_is_named_exists(page: Path) -> None:
    made_by_the_reader = (
        "conf/my_",
        "conf/local/",
        "src/my_",
        "src/fieldwork/pipelines/areas/",
        "src/groundwork/models/decoders/lateral.py",
    )
    for file in FILE.findall(prose(page)):
        if not file.startswith(made_by_the_reader) and "../" not in file:
            assert (ROOT / file).is_file() or (page.parent / file).is_file(), file


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith("http"):
            continue
        path, _, anchor = link.partition("#")
        goal = (page.parent / path).resolve() if path else page
        assert goal.exists(), link
        if anchor:
            titles = re.findall(r"^#+ (.*)$", goal.read_text("utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}, link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_exists(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    code = [*fences(page, "bash", ""), *INLINE.findall(prose(page))]
    assert {name for text in code for name in MAKE.findall(text)} <= targets


def yaml_blocks() -> list[Any]:
    blocks = [(page, number, text) for page in PAGES for number, text in enumerate(fences(page, "yaml"))]
    return [pytest.param(text, id=f"{name_of(page)}-{number}") for page, number, text in blocks]


@pytest.mark.parametrize("text", yaml_blocks())
def test_every_recipe_that_is_shown_is_valid(text: str) -> None:
    written = yaml.safe_load(text)
    titled = re.match(r"# conf/my_\w+/(\w+)\.yml\n", text)
    if titled is None:
        assert isinstance(written, dict)
    elif titled[1] == "catalog":
        for entry in written.values():
            check_entry(entry)
    else:
        base = yaml.safe_load((ROOT / f"conf/base/{titled[1]}.yml").read_text("utf-8"))
        for key, values in merge(base, written).items():
            PARAMETERS[key].model_validate(values)  # type: ignore[attr-defined]


def check_entry(entry: dict[str, Any]) -> None:
    module, _, name = entry["type"].rpartition(".")
    if module == "my_components":
        # The page that shows it has a test of its own.
        return
    kind = getattr(importlib.import_module(module), name)
    inspect.signature(kind).bind(**{key: value for key, value in entry.items() if key != "type"})


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_python_that_is_shown_imports_what_exists(page: Path) -> None:
    for block in fences(page, "python"):
        if block.startswith(" "):
            continue
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("groundwork"):
                module = importlib.import_module(str(node.module))
                missing = [alias.name for alias in node.names if alias.name not in vars(module)]
                assert not missing, f"{node.module} has no {missing}"


def test_the_decoder_that_is_shown_works() -> None:
    block = fences(ROOT / "docs/how-to/add-a-component.md", "python")[0]
    names: dict[str, Any] = {}
    exec(compile(block, "lateral", "exec"), names)
    levels = tuple(FeatureLevel(8 << index, 4 << index) for index in range(3))
    decoder = names["LateralDecoder"](FeatureSpec(levels), channels=5)
    maps = [torch.zeros(2, level.channels, 64 // level.stride, 96 // level.stride) for level in levels]
    assert isinstance(decoder, Decoder)
    assert decoder(maps).shape == (2, decoder.out.channels, 64 // decoder.out.stride, 96 // decoder.out.stride)


@pytest.mark.parametrize(
    ("page", "name"), [("reference/configuration.md", "generate_reference"), ("rooms.md", "generate_rooms")]
)
def test_pages_that_are_drawn_from_the_code_are_in_step(page: str, name: str) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    assert text == generator(name).render(), f"run `python docs/{name}.py`"


def test_pictures_of_the_rooms_are_in_step() -> None:
    for name, drawing in generator("generate_rooms").pictures().items():
        assert (ROOT / "docs/images" / name).read_text("utf-8") == drawing, "run `python docs/generate_rooms.py`"


def _texts() -> Iterator[str]:
    """Yield every text of the source, with … for each part that is filled in."""
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)


def test_every_message_that_is_quoted_is_given_somewhere() -> None:
    quoted = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/reference/errors.md").read_text("utf-8"), re.MULTILINE)
    texts = list(_texts())
    assert len(quoted) > 50
    assert not [text for text in quoted if not any(text in given for given in texts)]


def test_decisions_are_numbered_and_tell_context_choice_and_price() -> None:
    pages = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04d}" for number in range(1, len(pages) + 1)]
    index = (ROOT / "docs/index.md").read_text("utf-8")
    for page in pages:
        text = page.read_text("utf-8")
        assert text.startswith(f"# {page.name[:4]} ")
        assert [part in text for part in ("**Context.**", "**Choice.**", "**Price.**")] == [True] * 3
        assert f"decisions/{page.name}" in index


def test_the_changelog_keeps_its_headings() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    for section in text.split("\n## ")[1:]:
        assert re.findall(r"^### (.*)$", section, re.MULTILINE) == HEADINGS
