"""The commands and snippets of a page, in their order."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARK = re.compile(r"#\s*not run in tests: (\S.*)$", re.IGNORECASE)
"""How a page says that a command or snippet is not run by the tests, and why."""
TOOLS = ("finegold", "python", "python3", "pip", "make", "export", "accelerate", "pre-commit", "bash")


@dataclass(frozen=True)
class Command:
    """A line of a shell block.

    Attributes:
        line: The command, with its continuation lines, without a comment.
        reason: Why the tests do not run it; empty if they do.
        output: The lines that the page shows below a `$` command; None where it shows none.
    """

    line: str
    reason: str = ""
    output: str | None = None

    @property
    def words(self) -> list[str]:
        """The words of the command."""
        return shlex.split(self.line)


@dataclass(frozen=True)
class Snippet:
    """A fenced block.

    Attributes:
        language: The word behind the fence.
        text: What is in it.
        reason: Why the tests do not run it; empty if they do.
    """

    language: str
    text: str
    reason: str = ""

    @property
    def file(self) -> str | None:
        """The file that the first line names, such as `# mine.toml`."""
        found = re.match(r"# ([\w-]+\.(?:py|toml))\n", self.text)
        return found[1] if found else None


def steps(page: Path) -> Iterator[Command | Snippet]:
    """Every command and fenced block of a page from top to bottom."""
    for language, text in _blocks(page.read_text(encoding="utf-8")):
        if language is None:
            yield from _commands(text)
        else:
            mark = MARK.search(text.partition("\n")[0])
            yield Snippet(language, text, mark[1] if mark else "")


def _blocks(text: str) -> Iterator[tuple[str | None, str]]:
    """Fenced blocks with their language, indented ones with None."""
    lines = iter(text.splitlines())
    indented: list[str] = []
    for line in lines:
        if line.startswith("    ") or (indented and not line):
            indented.append(line[4:])
            continue
        if indented:
            yield None, "\n".join(indented)
            indented = []
        if line.startswith("```"):
            yield line[3:], "".join(f"{inside}\n" for inside in iter(lambda: next(lines), "```"))
    if indented:
        yield None, "\n".join(indented)


def _commands(block: str) -> Iterator[Command]:
    """The commands of an indented block; none of one that is output, a formula or a listing."""
    lines = re.sub(r" \\\n +", " ", block).splitlines()
    shown = [line for line in lines if line.startswith("$ ")]
    if not shown and not any(_is_command(line) for line in lines):
        return
    above = ""
    for at, line in enumerate(lines):
        mark = MARK.search(line)
        if line.startswith("#"):
            above = mark[1] if mark else above
        elif line.startswith("$ ") or (not shown and line):
            output = None
            if shown:
                rest = lines[at + 1 :]
                ends = [number for number, later in enumerate(rest) if later.startswith("$ ")]
                output = "\n".join(rest[: ends[0] if ends else None])
            bare = re.sub(r"\s+#\s.*$", "", line.removeprefix("$ "))
            yield Command(bare, mark[1] if mark else above, output)


def _is_command(line: str) -> bool:
    word = line.split(" ", 1)[0]
    return word in TOOLS or "/bin/" in word or re.match(r"[A-Z_]+=\S", line) is not None
