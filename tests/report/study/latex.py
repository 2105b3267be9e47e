"""A strict reader of LaTeX tables: it knows what the study's tables use, and refuses all else."""

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(r"\\[a-zA-Z]+\*?|\\.|[{}&$#_^~%]|\n|[^\\{}&$#_^~%\n]+", re.DOTALL)
_ESCAPED = {rf"\{character}" for character in "{}&$#_%"}
_ARGUMENTS = {
    r"\caption": 1,
    r"\textbf": 1,
    r"\multicolumn": 3,
    r"\setlength": 2,
    r"\tabcolsep": 0,
    r"\linewidth": 0,
    r"\centering": 0,
    r"\small": 0,
    r"\scriptsize": 0,
    r"\tiny": 0,
    r"\toprule": 0,
    r"\midrule": 0,
    r"\bottomrule": 0,
    r"\textbackslash": 0,
    r"\textasciitilde": 0,
    r"\textasciigrave": 0,
    r"\textasciicircum": 0,
    r"\textless": 0,
    r"\textgreater": 0,
    r"\textbar": 0,
    r"\ldots": 0,
}
_RULES = {r"\toprule", r"\midrule", r"\bottomrule"}
_COLUMNS = re.compile(r"[lrc]+")


class BrokenTable(Exception):
    """What LaTeX would stumble on, or what this reader does not know."""


@dataclass
class Tabular:
    """A `tabular`: number of columns, and the cells of each row as text, joined ones once."""

    columns: int
    rows: list[list[str]] = field(default_factory=list)


def read_tables(text: str) -> list[Tabular]:
    """The tabulars of a text.

    Raises:
        BrokenTable: If braces, environments, columns, escapes or commands are not right.
    """
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    return _Reader(_TOKEN.findall(body)).tables()


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at = tokens, 0
        self.found: list[Tabular] = []

    def tables(self) -> list[Tabular]:
        while (token := self.next()) is not None:
            if token.strip() == "":
                continue
            if token != r"\begin":
                raise BrokenTable(f"{token!r} stands outside of a table")
            self.environment(self.group(), ())
        return self.found

    def next(self) -> str | None:
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else None

    def group(self) -> str:
        """The argument that comes next, read and checked; its text without commands."""
        if (token := self.next()) != "{":
            raise BrokenTable(f"{token!r} stands where an argument begins")
        return self.text("}")

    def text(self, *ends: str) -> str:
        """Text up to one of some tokens, which is read too."""
        said = ""
        while (token := self.next()) not in ends:
            if token is None:
                raise BrokenTable(f"the text ends before {' or '.join(ends)}")
            said += self.part(token)
        return said

    def part(self, token: str) -> str:
        if token == "{":
            return self.text("}")
        if token in _ESCAPED:
            return token[1:]
        if token == "$":
            if [self.next(), self.next()] != ["-", "$"]:
                raise BrokenTable("mathematics that is no minus sign")
            return "-"
        if token in "}&#_^~%$" or token == r"\\":
            raise BrokenTable(f"{token!r} is not escaped, or stands outside of a row")
        if token.startswith("\\"):
            if token not in _ARGUMENTS:
                raise BrokenTable(f"the command {token} is unknown")
            return "".join(self.group() for _ in range(_ARGUMENTS[token]))
        return token

    def environment(self, name: str, inside: tuple[str, ...]) -> None:
        if name == "tabular" and inside:
            self.tabular()
            return
        if name not in ("table", "table*") or inside:
            raise BrokenTable(f"the environment {name} stands inside of {inside}")
        while (token := self.next()) != r"\end":
            if token is None:
                raise BrokenTable(f"{name} does not end")
            if token == r"\begin":
                self.environment(self.group(), (*inside, name))
            else:
                self.part(token)
        if (ended := self.group()) != name:
            raise BrokenTable(f"{name} ends as {ended}")

    def tabular(self) -> None:
        columns = self.group()
        if not _COLUMNS.fullmatch(columns):
            raise BrokenTable(f"the columns are {columns!r}")
        table, row, cell, width = Tabular(len(columns)), [""], "", 0
        while (token := self.next()) != r"\end":
            if token is None:
                raise BrokenTable("tabular does not end")
            if token in _RULES:
                if (row, cell.strip()) != ([""], ""):
                    raise BrokenTable(f"{token} stands inside of a row")
            elif token in ("&", r"\\"):
                row[-1], cell = cell.strip(), ""
                width += 1
                if token == r"\\":
                    if width != table.columns:
                        raise BrokenTable(f"a row has {width} of {table.columns} columns: {row}")
                    table.rows.append(row)
                    row, width = [""], 0
                else:
                    row.append("")
            elif token == r"\multicolumn":
                spanned = self.group()
                if not spanned.isdigit() or cell.strip():
                    raise BrokenTable(f"{token} joins {spanned!r} columns")
                self.group()
                width, cell = width + int(spanned) - 1, self.group()
            else:
                cell += self.part(token)
        if (row, cell.strip()) != ([""], ""):
            raise BrokenTable(f"the last row does not end: {cell!r}")
        if (ended := self.group()) != "tabular":
            raise BrokenTable(f"tabular ends as {ended}")
        self.found.append(table)
