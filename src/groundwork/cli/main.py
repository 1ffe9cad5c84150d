"""The command ``groundwork``: ``groundwork models list``, ``groundwork models show NAME``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches

from groundwork.cli.listing import FAMILIES, list_tables
from groundwork.errors import GroundworkError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; print its answer, or one error."""
    options = _parser().parse_args(arguments)
    if options.verb == "list":
        sys.stdout.write(list_tables(options.family))
        return 0
    # Showing builds networks, and so loads torch; listing must stay quick, and loads not even pydantic.
    from groundwork.cli.showing import show_component  # noqa: PLC0415

    try:
        sys.stdout.write(show_component(options.name, options.options, options.family))
    except GroundworkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="groundwork", description="Rasters in, maps out.")
    topics = parser.add_subparsers(dest="topic", required=True, metavar="models")
    models = topics.add_parser("models", help="what models are made of")
    verbs = models.add_subparsers(dest="verb", required=True, metavar="list|show")
    listing = verbs.add_parser("list", help="list encoders, necks, decoders, heads and factories")
    listing.add_argument("family", nargs="?", type=_family, help=f"only this family: {', '.join(FAMILIES)}")
    showing = verbs.add_parser(
        "show",
        help="show one of them: options, and of an encoder its features, bands, licence and citation",
        epilog="example: groundwork models show timm model=resnet18 bands=RED,GREEN,BLUE steps=1",
    )
    showing.add_argument("name", help="a component, or a variant of one, as 'list' names them")
    showing.add_argument("options", nargs="*", metavar="key=value", help="options to build an encoder with")
    showing.add_argument("--family", type=_family, help="where several families know the name")
    return parser


def _family(word: str) -> str:
    """Return the family that a word names, in the singular or the plural."""
    by_word = {form: family for family in FAMILIES for form in (family, f"{family.removesuffix('s')}s")}
    by_word |= {family.removesuffix("s"): family for family in FAMILIES} | {"factories": "factory"}
    if word not in by_word:
        near = get_close_matches(word, by_word, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise argparse.ArgumentTypeError(f"there is no family '{word}'.{hint} Families: {', '.join(FAMILIES)}")
    return by_word[word]


if __name__ == "__main__":
    sys.exit(main())
