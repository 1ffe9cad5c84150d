"""The command ``groundwork``: ``models``, ``data``, ``bundle``, ``export``, and those of Lightning, such as ``fit``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from groundwork.cli.commands import COMMANDS, asks_for_help, show_help
from groundwork.cli.listing import FAMILIES, list_tables
from groundwork.ending import ending_orderly
from groundwork.errors import GroundworkError
from groundwork.rasters.collector import without_collector

if TYPE_CHECKING:
    #: What commands are added to.
    _Topics: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001 - it has no public name

#: As shells have it of a program that Ctrl-C ended.
_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; print its answer, or one error."""
    with ending_orderly():
        return _run(sys.argv[1:] if arguments is None else list(arguments))


def _run(given: Sequence[str]) -> int:
    if given[:1] and given[0] in COMMANDS:
        return _run_command(given[0], given[1:])
    for entry in _others() if given[:1] and not given[0].startswith("-") else ():
        if entry.name == given[0]:
            status: int = entry.load()(given[1:])
            return status
    options = _parser().parse_args(given)
    commands = {"bundle": _bundle, "data": _audit, "export": _export, "models": _models, "serve": _serve}
    try:
        return commands[options.topic](options)
    except GroundworkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted: what was finished stays.\n")
        return _INTERRUPTED


def _others() -> list[EntryPoint]:
    """Return the commands that other packages add, such as the project that this library is used in."""
    return sorted(entry_points(group="groundwork.commands"), key=lambda entry: entry.name)


def _run_command(command: str, arguments: Sequence[str]) -> int:
    """Run a command of Lightning; asked for help, nothing of it is loaded."""
    if asks_for_help(arguments):
        show_help(command, arguments)
    # It loads torch and Lightning.
    with without_collector():
        from groundwork.cli.lightning import run_lightning  # noqa: PLC0415

    try:
        run_lightning(command, arguments)
    except GroundworkError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _models(options: argparse.Namespace) -> int:
    if options.verb == "list":
        sys.stdout.write(list_tables(options.family))
        return 0
    # Showing builds networks, and so loads torch; listing must stay quick, and loads not even pydantic.
    from groundwork.cli.showing import show_component  # noqa: PLC0415

    sys.stdout.write(show_component(options.name, options.options, options.family))
    return 0


def _audit(options: argparse.Namespace) -> int:
    """Print the audit; the exit status is 1 where something is wrong."""
    from groundwork.cli.auditing import audit_files  # noqa: PLC0415 - it loads pandas

    text, is_wrong = audit_files(options.samples, options.values, options.config, options.model, options.format)
    sys.stdout.write(text)
    return int(is_wrong)


def _bundle(options: argparse.Namespace) -> int:
    # All of it loads torch.
    if options.verb == "import":
        from groundwork.cli.bundles import import_file  # noqa: PLC0415

        sys.stdout.write(import_file(options.checkpoint, options.config, options.output, options.last_block))
        return 0
    from groundwork.cli.predicting import open_bundle, predict_rasters, show_bundle  # noqa: PLC0415

    bundle = open_bundle(options.bundle, options.report, options.allow_module)
    if options.verb == "show":
        sys.stdout.write(show_bundle(bundle))
        return 0
    said = predict_rasters(bundle, options.scenes, options.output, options.config, options.set, options.variable)
    sys.stdout.write(said)
    return 0


def _export(options: argparse.Namespace) -> int:
    # All of it loads torch.
    from groundwork.cli.exporting import export_file  # noqa: PLC0415
    from groundwork.config import ExportConfig, InferenceConfig  # noqa: PLC0415

    chosen = {name: getattr(options, name) for name in ("format", "validity", "sizes")}
    inference = InferenceConfig(tile_size=options.tile_size, overlap=min(32, options.tile_size // 4))
    output, config = options.output or Path(f"model.{options.format}"), ExportConfig.model_validate(chosen)
    said = export_file(
        options.bundle, options.scenes, output, config, inference, options.allow_module, options.variable
    )
    sys.stdout.write(said)
    return 0


def _serve(options: argparse.Namespace) -> int:
    from groundwork.cli.serving import serve_bundle  # noqa: PLC0415 - it loads torch

    where = (options.host, options.port)
    serve_bundle(options.bundle, options.report, options.config, where, options.allow_module)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="groundwork", description="Rasters in, maps out.")
    topics = parser.add_subparsers(dest="topic", required=True, metavar="COMMAND")
    for command, words in COMMANDS.items():
        topics.add_parser(command, help=words)
    for entry in _others():
        topics.add_parser(entry.name, help=f"from '{entry.value.partition('.')[0]}': --help says what it does")
    _add_models(topics)
    _add_data(topics)
    _add_bundle(topics)
    _add_export(topics)
    _add_serve(topics)
    return parser


def _add_models(topics: _Topics) -> None:
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


def _add_data(topics: _Topics) -> None:
    data = topics.add_parser("data", help="what a model learns from")
    verbs = data.add_subparsers(dest="verb", required=True, metavar="audit")
    audit = verbs.add_parser(
        "audit",
        help="say what of splits and values is right, what deserves a look, and what is wrong; reads no pixel",
        epilog="The exit status is 1 where something is wrong.",
    )
    audit.add_argument("--samples", type=Path, required=True, help="the table of samples, with splits")
    audit.add_argument("--values", type=Path, required=True, help="the report of values of the same run")
    audit.add_argument(
        "--config", type=Path, nargs="+", required=True, metavar="FILE", help="YAML with 'data'; later files change it"
    )
    audit.add_argument(
        "--model",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="YAML with 'model': bands are compared with what its encoder was trained on",
    )
    audit.add_argument("--format", choices=["markdown", "json"], default="markdown")


def _add_bundle(topics: _Topics) -> None:
    bundle = topics.add_parser("bundle", help="trained weights with all they expect")
    verbs = bundle.add_subparsers(dest="verb", required=True, metavar="show|predict|import")
    show = verbs.add_parser("show", help="say what it reads and gives, and what it was made from")
    predict = verbs.add_parser(
        "predict",
        help="predict rasters with it, without a project",
        epilog="example: groundwork bundle predict trained /data/new --output predictions --set probabilities=true",
    )
    for each in (show, predict):
        _take_bundle(each)
    predict.add_argument(
        "scenes",
        nargs="+",
        metavar="SCENE",
        help="files, a folder, or a pattern such as new/{key}_s2.tif, of which several mean a file per band; "
        "SOURCE=PLACE of several sources",
    )
    _take_variables(predict)
    predict.add_argument("--output", type=Path, required=True, metavar="FOLDER", help="where predictions will lie")
    predict.add_argument("--config", type=Path, metavar="FILE", help="YAML with 'inference', as in a recipe")
    predict.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="change parameters of 'inference'")
    bring = verbs.add_parser(
        "import",
        help="make a bundle of a checkpoint of TerraTorch and its YAML",
        epilog="No code of the checkpoint is run. What would not give the same scores is refused.",
    )
    bring.add_argument("checkpoint", type=Path, help=".ckpt of Lightning, or weights as .pt or .safetensors")
    bring.add_argument("--config", type=Path, required=True, metavar="FILE", help="the YAML that it was trained with")
    bring.add_argument("--output", type=Path, metavar="FOLDER", help="beside the checkpoint where it is not named")
    bring.add_argument(
        "--last-block",
        choices=["keeps", "doubles"],
        help="of UNetDecoder, what its last block does to the resolution: keeps it, as in segmentation_models_pytorch "
        "from 0.5 on, or doubles it, as with 0.4 and before",
    )


def _take_bundle(command: argparse.ArgumentParser) -> None:
    command.add_argument("bundle", type=Path, help="its folder, or an exported file")
    command.add_argument(
        "--report", type=Path, help="of the export, for an exported file: it names the file that is meant"
    )
    _allow_modules(command)


def _take_variables(command: argparse.ArgumentParser) -> None:
    said = "of files that hold rasters by name, as NetCDF and Zarr do: those that are read, one per band or one for all"
    command.add_argument("--variable", nargs="+", default=[], metavar="[SOURCE=]NAME", help=said)


def _allow_modules(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--allow-module", nargs="+", default=[], metavar="MODULE", help="your own, named by the bundle"
    )


def _add_export(topics: _Topics) -> None:
    export = topics.add_parser(
        "export",
        help="write a trained bundle as one file that needs nothing of this library",
        epilog="The file is compared with the bundle on tiles of the scenes. One that differs is refused.",
    )
    export.add_argument("bundle", type=Path, help="its folder")
    export.add_argument(
        "--scenes",
        nargs="+",
        required=True,
        metavar="[SOURCE=]PLACE",
        help="rasters to compare on: files, a folder, or a pattern such as new/{key}_s2.tif",
    )
    _take_variables(export)
    export.add_argument("--format", choices=["pt2", "onnx"], default="pt2")
    export.add_argument("--output", type=Path, metavar="FILE", help="model.<format> where it is not named")
    export.add_argument("--validity", choices=["masks", "nodata"], default="masks", help="how it is told of no data")
    export.add_argument(
        "--sizes", choices=["auto", "tiles", "fixed"], default="auto", help="tiles: one size; fixed: one batch size too"
    )
    export.add_argument("--tile-size", type=_positive, default=256)
    _allow_modules(export)


def _add_serve(topics: _Topics) -> None:
    serve = topics.add_parser(
        "serve",
        help="answer requests over HTTP with the predictions of a bundle",
        epilog="A page to try it stands at the address itself. Put a server that knows who may ask in front of it.",
    )
    _take_bundle(serve)
    serve.add_argument("--config", type=Path, metavar="FILE", help="YAML that says what is taken, and how much of it")
    serve.add_argument("--host", default="127.0.0.1", help="127.0.0.1: this machine alone")
    serve.add_argument("--port", type=_positive, default=8000)


def _positive(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"found '{word}'; expected a number of pixels, 1 or more")
    return int(word)


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
