"""Vetoes and keeps: a file of the run folder to which each action appends one sealed line.

A line holds `time`, `mark` (`veto`, `keep` or null, which takes a mark back), `ids` and `note`; or `time` and
`undo`, the number of the line that it undoes. What holds is what the lines say that were not undone, the
later one where two speak of a row.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from finegold.errors import ConfigError, RunError
from finegold.run import DamagedError, LineFile, read_sealed_lines, sealed_line

MARKS = "marks.jsonl"
"""Name of the file in the run folder."""
MOST_NOTE = 2_000
Mark = Literal["veto", "keep"]
WORDS: tuple[Mark, ...] = ("veto", "keep")


@dataclass(frozen=True, slots=True)
class MarkedRow:
    """What was decided on a row by hand."""

    mark: Mark
    note: str
    time: str


class Marks:
    """The marks of a run.

    Attributes:
        rows: What holds, by sample id.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        """Read the file, if it is there.

        Raises:
            RunError: If a line is damaged.
        """
        self._path = path
        self._read_only = read_only
        self._lines: list[dict[str, Any]] = []
        if path.exists():
            for number, line in read_sealed_lines(path):
                if line is None:
                    raise DamagedError(path, f"line {number} does not fit its hash")
                self._lines.append(line)
        self.rows = self._fold()

    def set(self, mark: str | None, ids: Sequence[str], note: str = "") -> int:
        """Mark rows, or take their marks back with None; returns the number of rows.

        Raises:
            ConfigError: If the mark is unknown, there is no row, or nothing may be written.
        """
        if mark is not None and mark not in WORDS:
            raise ConfigError(f"the mark is '{mark}', expected veto, keep or none")
        if not ids:
            raise ConfigError("none of these rows can be chosen, so there is nothing to veto or to keep")
        if len(note) > MOST_NOTE:
            raise ConfigError(f"the note has {len(note):,} characters, expected at most {MOST_NOTE:,}")
        changed = [one for one in ids if (found := self.rows.get(one)) is None or found.mark != mark or note]
        if mark is None:
            changed = [one for one in ids if one in self.rows]
        if changed:
            self._append({"mark": mark, "ids": changed, "note": note})
        return len(changed)

    def undo(self) -> dict[str, Any] | None:
        """Undo the last action that was not undone; returns it, or None if there is none."""
        standing = self._standing()
        if not standing:
            return None
        number, line = standing[-1]
        self._append({"undo": number})
        return line

    def ids(self, mark: Mark) -> list[str]:
        """Ids with a mark, sorted."""
        return sorted(key for key, found in self.rows.items() if found.mark == mark)

    def history(self) -> Iterator[dict[str, Any]]:
        """The actions that hold, the last one first."""
        for number, line in reversed(self._standing()):
            yield {"line": number, **{key: line[key] for key in ("time", "mark", "note")}} | {
                "rows": len(line["ids"])
            }

    def _append(self, line: dict[str, Any]) -> None:
        if self._read_only:
            raise ConfigError(
                "this view is read-only: start `finegold view` without --read-only to mark rows"
            )
        written = {"time": datetime.now().astimezone().isoformat(timespec="seconds"), **line}
        try:
            with LineFile(self._path) as file:
                file.write(sealed_line(written))
        except OSError as error:
            raise RunError(f"{self._path} cannot be written ({error.strerror}): give --read-only") from error
        self._lines.append(written)
        self.rows = self._fold()

    def _standing(self) -> list[tuple[int, dict[str, Any]]]:
        undone = {line["undo"] for line in self._lines if "undo" in line}
        numbered = enumerate(self._lines, 1)
        return [(number, line) for number, line in numbered if "ids" in line and number not in undone]

    def _fold(self) -> dict[str, MarkedRow]:
        found: dict[str, MarkedRow] = {}
        for _, line in self._standing():
            for key in line["ids"]:
                found.pop(key, None)
                if line["mark"] is not None:
                    found[key] = MarkedRow(line["mark"], line["note"], line["time"])
        return found
