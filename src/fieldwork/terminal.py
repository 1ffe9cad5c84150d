"""How a run reaches the person at the terminal: logs as the project states them, errors without Kedro's insides."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from traceback import walk_tb
from types import TracebackType

import yaml
from kedro.config import MissingConfigException
from kedro.framework.project import LOGGING
from kedro.io import DatasetError
from kedro.utils import find_config_file
from kedro.validation import ParameterValidationError
from rich.console import Console

#: Set this environment variable to see where an error was raised.
FULL = "FIELDWORK_TRACEBACK"
#: What pydantic adds for programmers.
NOISE = re.compile(r" \[type=.*?, input_type=\w+\](\n\s+For further information visit \S+)?", re.DOTALL)


#: How Kedro heads what it wraps.
WRAPPED = re.compile(
    r"(?P<place>(?:\S+: )?Failed while (?:saving data to|loading data from) dataset [^\n]*)\n(?P<message>.+)", re.DOTALL
)

#: Words of the library's messages -> what to run or to change here. The library knows neither pipelines nor catalog.
ADVICE = {
    "was never trained": "`kedro run --pipelines training` trains it; `trained_bundle` in the catalog names another.",
    "when its samples were indexed": "`kedro run --pipelines data_prep` indexes them.",
    "samples were indexed: index them again": "`kedro run --pipelines data_prep` indexes them.",
    "The statistics have no source": "`kedro run --pipelines data_prep` computes them.",
    "The statistics have no band": "`kedro run --pipelines data_prep` computes them.",
    "Build the model with these first": "`kedro run --pipelines model_build` builds it.",
    "as 'sources' declares": "'data.sources' says what rasters to learn from hold, 'inference.source' where scenes to "
    "predict hold it in another way.",
    "Leave out what is unknown, and give": "`scenes` and `inference_scenes` in the catalog name the sources; a bundle "
    "that predicts declares its own.",
    "pixels that cannot be decoded": "Of a scene to predict, 'inference.on_bad_block: nodata' leaves out such blocks.",
    "found no such folder": "Paths stand in the catalog of the recipe, or of conf/base.",
    "found no file that matches": "Patterns stand in the catalog of the recipe, or of conf/base.",
    "each image needs the label of the same key": "Patterns stand in the catalog of the recipe, or of conf/base.",
}
#: What the system says of a full disk, in messages that do not go on to say what to do.
DISK_FULL = re.compile(r"(No space left on device|Disk quota exceeded)(?!.*[Mm]ake room)", re.DOTALL)


def log_as_stated(project: Path) -> None:
    """Log as ``conf/logging.yml`` says, from a subfolder as well: Kedro looks for it where the command is given."""
    own = project / "conf" / "logging.yml"
    if not os.environ.get("KEDRO_LOGGING_CONFIG") and find_config_file("conf/logging") is None and own.is_file():
        LOGGING.configure(yaml.safe_load(own.read_text(encoding="utf-8")))


def advise(message: str) -> str:
    """Return what to do in this project about a message of the library; empty where it says all."""
    if DISK_FULL.search(message):
        return "Make room where the entry lies, and run the same command again: nothing half written is left."
    return next((advice for words, advice in ADVICE.items() if words in message), "")


def show_errors_plainly() -> None:
    """Show errors that are meant for the user as their message alone; all others as before."""
    before = sys.excepthook

    def show(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        if os.environ.get(FULL) or not is_for_user(error):
            before(kind, error, traceback)
            return
        console = Console(stderr=True, highlight=False, soft_wrap=True)
        name, message, place = said_first(error)
        console.print(f"\n[bold red]{name}[/]", end=": ")
        console.print(NOISE.sub("", message), markup=False)
        if advice := advise(message):
            console.print(advice, markup=False)
        if place:
            console.print(f"({place})", style="dim", markup=False)
        console.print(f"(Set {FULL}=1 to see where it was raised.)", style="dim")

    sys.excepthook = show


def said_first(error: BaseException) -> tuple[str, str, str]:
    """Return what an error is called, its message, and where Kedro met it.

    Kedro wraps what an entry raises while it is read or written, which predictions are made in, into an error of its
    own. Across processes the text alone is left of what it wraps.
    """
    name, message, cause = type(error).__name__, str(error), error.__cause__
    wrapped = WRAPPED.match(message) if isinstance(error, DatasetError) else None
    if wrapped is None:
        return name, message, ""
    while cause is not None:
        name = type(cause).__name__ if str(cause) == wrapped["message"] else name
        cause = cause.__cause__
    return name, wrapped["message"], wrapped["place"]


def is_for_user(error: BaseException) -> bool:
    """Whether an error says by its message what to change: ours, and Kedro's about entries and what a command names."""
    ours = type(error).__module__.partition(".")[0] in {"groundwork", "fieldwork"}
    return (
        ours
        or isinstance(error, ParameterValidationError | DatasetError | MissingConfigException)
        or _is_kedros_own(error)
    )


def _is_kedros_own(error: BaseException) -> bool:
    """Whether Kedro itself raised a plain error, such as for a runner that is not there."""
    if not isinstance(error, ValueError | AttributeError) or error.__traceback__ is None:
        return False
    *_, (frame, _) = walk_tb(error.__traceback__)
    return str(frame.f_globals.get("__name__")).startswith("kedro.")
