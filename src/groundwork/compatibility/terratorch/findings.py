"""What a translation has to say: what it changed, what never had a meaning, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from groundwork.errors import TranslationError


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that a person should know."""

    #: The key of the file that was read.
    key: str
    #: A sentence.
    text: str
    #: The key of ours that it stands beside, such as ``model.decoder``. Empty: none.
    ours: str = ""
    #: Whether the same weights would give other scores.
    alters: bool = False

    def __str__(self) -> str:
        """Compose the line of a report."""
        return f"{self.key}: {self.text}"


@dataclass(slots=True)
class Findings:
    """Gathers notes while a file is read, so that all that is wrong is said at once."""

    #: What means something else than it did, or had to be assumed.
    changed: list[Note] = field(default_factory=list)
    #: What TerraTorch itself takes and does not use.
    ignored: list[Note] = field(default_factory=list)
    refused: list[Note] = field(default_factory=list)
    #: What the file does not hold and a run asks for, by our keys.
    lacking: list[Note] = field(default_factory=list)

    def change(self, key: str, text: str, ours: str = "", *, alters: bool = False) -> None:
        """Note what means something else here."""
        _add(self.changed, Note(key, text, ours, alters))

    def ignore(self, key: str, text: str) -> None:
        """Note what never had a meaning."""
        _add(self.ignored, Note(key, text))

    def lack(self, ours: str, text: str) -> None:
        """Note a key of ours that has to be added, as nothing in the file says it."""
        _add(self.lacking, Note(ours, text, ours))

    def refuse(self, key: str, text: str) -> None:
        """Note what cannot be translated, with what to do."""
        _add(self.refused, Note(key, text))

    def altering(self) -> list[Note]:
        """Return what makes other scores of the same weights."""
        return [note for note in self.changed if note.alters]

    def __str__(self) -> str:
        """Compose what a person should read: what changed and why, what never had a meaning, what is to be added."""
        lines = []
        for title, notes in (
            ("Changed, and why:", self.changed),
            ("Taken and not used by TerraTorch itself, and left out:", self.ignored),
            ("To add before it runs:", self.lacking),
        ):
            if notes:
                lines += ["", title, *dict.fromkeys(f"  {note}" for note in notes)]
        return "\n".join(lines) + "\n"

    def comments(self) -> Iterator[tuple[str, str]]:
        """Yield key of ours and what is to be said beside it."""
        return ((note.ours, note.text) for note in (*self.changed, *self.lacking) if note.ours)

    def require(self, file: str) -> None:
        """Refuse the file where anything in it was refused.

        Raises:
            TranslationError: With every key.
        """
        if self.refused:
            lines = "\n".join(f"  {note}" for note in self.refused)
            raise TranslationError(f"{file} cannot be translated as it is:\n{lines}")


def _add(notes: list[Note], note: Note) -> None:
    if note not in notes:
        notes.append(note)
