"""What an audit finds, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import pandas as pd

from groundwork.data.tables import as_markdown
from groundwork.strict import Config

Level: TypeAlias = Literal["ok", "look", "wrong"]
#: In the order in which a person should read them.
LEVELS: tuple[Level, ...] = ("wrong", "look", "ok")


class Finding(Config):
    """One fact about the data, and what to do about it."""

    #: ok: as it should be. look: may be meant, or not. wrong: scores would not mean what they say.
    level: Level
    #: What it is about, such as "distance" or "source 's2'".
    about: str
    found: str
    #: What to change; empty where nothing has to be.
    remedy: str = ""


def judge(*, wrong: bool, look: bool = False) -> Level:
    """Return the level of a finding.

    Args:
        wrong: Whether scores would not mean what they say.
        look: Whether a person should look at it.
    """
    return "wrong" if wrong else "look" if look else "ok"


def make_finding(level: Level, about: str, found: str, remedy: str) -> Finding:
    """Return a finding, with its remedy where something has to be done."""
    return Finding(level=level, about=about, found=found, remedy="" if level == "ok" else remedy)


def as_page(findings: Sequence[Finding]) -> str:
    """Return a page in Markdown: how many of each level, then all, the gravest first."""
    counts = {level: sum(finding.level == level for finding in findings) for level in LEVELS}
    ordered = sorted(findings, key=lambda finding: LEVELS.index(finding.level))
    table = pd.DataFrame(
        [(item.level, item.about, item.found, item.remedy) for item in ordered],
        columns=["level", "about", "found", "what to change"],
    )
    summary = f"{counts['wrong']} wrong, {counts['look']} to look at, {counts['ok']} ok."
    return f"# Data audit\n\n{summary}\n\n{as_markdown(table)}"
