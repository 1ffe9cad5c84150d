"""Components by name: found, checked against their signature, refused in words that help."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from groundwork.config.component import ComponentConfig
from groundwork.errors import ComponentError, SpecError
from groundwork.registry import Table, build, check_options, find, option_fields
from groundwork.table import AdvisedTable


class Tool:
    """A family."""

    settings: tuple[object, ...]


class Hammer(Tool):
    def __init__(
        self, wired: int, *, weight: float, grip: Literal["wood", "steel"] = "wood", nails: tuple[int, ...] = ()
    ) -> None:
        self.settings = (wired, weight, grip, nails)


class Plain(Tool):
    def __init__(self, wired: int) -> None:
        self.settings = (wired,)


class Stranger:
    """Not a tool."""


TOOLS: Table = {
    "hammer": Hammer,
    "plain": Plain,
    "stranger": Stranger,
    "lazy": "fractions:Fraction",
    "gone": "json:Gone",
}


def _config(name: str, **options: Any) -> ComponentConfig:
    return ComponentConfig.model_validate({"name": name, **options})


def test_options_reach_the_constructor_converted() -> None:
    built = build(Tool, TOOLS, _config("hammer", weight=2, nails=[1, 2]), 7)
    assert isinstance(built, Hammer)
    assert built.settings == (7, 2.0, "wood", (1, 2))
    assert isinstance(built.settings[1], float)


def test_a_component_may_have_no_options() -> None:
    assert build(Tool, TOOLS, _config("plain"), 3).settings == (3,)
    with pytest.raises(ComponentError, match=r"'plain' cannot be built: it has no option 'x'. Options: none"):
        build(Tool, TOOLS, _config("plain", x=1), 3)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (_config("hamer"), r"Unknown component 'hamer'. Did you mean 'hammer'\? Known: \['gone', 'hammer'"),
        (
            _config("hammer", weigth=1.0, weight=1),
            r"it has no option 'weigth'. Did you mean 'weight'\? Options: weight, ",
        ),
        (_config("hammer"), r"'hammer' cannot be built: weight: must be given. Options: weight, grip='wood'"),
        (_config("hammer", weight="heavy"), "weight: must be a number; found 'heavy'. Options"),
        (_config("hammer", weight=1, grip="stone"), r"grip: .*'wood' or 'steel' \(found 'stone'\)"),
        (_config("hammer", weight=1, nails=[1, "x"]), "nails.1: must be a whole number; found 'x'. Options"),
        (_config("hammer", weight="2.5"), r"'weight' must be a number, without quotation marks; found the text '2.5'"),
        (_config("hammer", weight=True), r"'weight' must be a number; found true"),
        (_config("hammer", weight=1, nails=["1"]), r"'nails' must be a number, without quotation marks"),
        (_config("hammer", weight=1, wired=2), "it has no option 'wired'"),
        (_config("stranger"), "'stranger' is .*Stranger.*, which is no Tool"),
        (_config("no.such.Thing"), "'no.such.Thing' cannot be imported as a component: No module named 'no'"),
        (_config("json.Nothing"), "'json.Nothing' cannot be imported as a component: .*no attribute 'Nothing'"),
    ],
)
def test_mistakes_are_named(config: ComponentConfig, message: str) -> None:
    with pytest.raises(ComponentError, match=message):
        build(Tool, TOOLS, config, 1)


@pytest.mark.parametrize("name", ["fractions.Fraction", "lazy"])
def test_classes_are_found_by_import_path_and_by_import_string(name: str) -> None:
    assert find(TOOLS, name).__name__ == "Fraction"


def test_a_broken_table_is_not_blamed_on_the_user() -> None:
    with pytest.raises(AttributeError):
        find(TOOLS, "gone")


def test_option_fields_are_the_keyword_only_arguments() -> None:
    assert option_fields(Hammer)["weight"] == (float, ...)
    assert option_fields(Hammer)["nails"] == (tuple[int, ...], ())
    assert list(option_fields(Hammer)) == ["weight", "grip", "nails"]


def test_only_stated_options_are_passed_on() -> None:
    assert check_options(Hammer, _config("hammer", weight=1)) == {"weight": 1.0}


def test_specs_configuration_and_registry_import_nothing_heavy() -> None:
    code = (
        "import sys, groundwork.registry, groundwork.config;"
        "print([name for name in ('torch', 'numpy', 'pandas', 'rasterio', 'lightning') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("name", ["os.system", ".", ".system", "os.", "a b.C", "os:system", "json.decoder"])
def test_what_is_no_class_is_refused_in_words(name: str) -> None:
    with pytest.raises(ComponentError, match=r"package.module.Class|no attribute|Unknown comp"):
        build(Tool, TOOLS, _config(name), 1)


class Narrow(Tool):
    def __init__(
        self, *, width: Annotated[int, Field(ge=1)] = 1, widths: tuple[Annotated[int, Field(ge=1)], ...] = ()
    ) -> None:
        self.settings = (width, widths)


class Stubborn(Tool):
    def __init__(self) -> None:
        raise SpecError("'stubborn' fits nothing")


def test_limits_of_an_option_are_kept() -> None:
    assert option_fields(Narrow)["width"] == (int, 1)
    for options in ({"width": 0}, {"widths": [4, -8]}):
        with pytest.raises(
            ComponentError, match=rf"'narrow' cannot be built: {next(iter(options))}.*equal to 1 \(found"
        ):
            build(Tool, {"narrow": Narrow}, _config("narrow", **options))


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [("hamer", {}, ComponentError), ("hammer", {"x": 1}, ComponentError), ("stubborn", {}, SpecError)],
)
def test_refusals_say_where_in_the_configuration(name: str, options: Any, error: type[Exception]) -> None:
    table = {**TOOLS, "stubborn": Stubborn}
    with pytest.raises(error, match=r"^model\.auxiliary\.a\.decoder: "):
        build(Tool, table, _config(name, **options), where="model.auxiliary.a.decoder")


def test_a_table_advises_only_on_names_it_lacks() -> None:
    table = AdvisedTable(TOOLS, f"{__name__}:advise")
    assert isinstance(build(Tool, table, _config("plain"), 1), Plain)
    with pytest.raises(ComponentError, match=r"Unknown component 'claw'\. Write {name: hammer}\. Known: "):
        build(Tool, table, _config("claw"), 1)
    with pytest.raises(ComponentError, match=r"cannot be imported .*\. Write {name: hammer}\."):
        build(Tool, table, _config("claw.v1"), 1)


def advise(name: str) -> str:
    return " Write {name: hammer}." if name.startswith("claw") else ""
