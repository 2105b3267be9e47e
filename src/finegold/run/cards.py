"""How objects show themselves in a notebook: one small HTML card, with all text of the data escaped."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, ClassVar

from markupsafe import Markup, escape

LONGEST = 240
"""Characters of a text on a card."""


def card(
    title: str, facts: Mapping[str, object], heads: Sequence[str] = (), rows: Iterable[Sequence[object]] = ()
) -> str:
    """A card as HTML.

    Args:
        title: Name of the object.
        facts: What is said of it, by label.
        heads: Heads of the table's columns; no table if empty.
        rows: Cells of each row: text, which is escaped and cut at `LONGEST` characters, or Markup.
    """
    said = Markup(" · ").join(Markup("{}: {}").format(label, _cell(value)) for label, value in facts.items())
    parts = [Markup("<p><b>{}</b><br>{}</p>").format(title, said)]
    if heads:
        parts.append(_row("th", heads))
        parts[1:] = [Markup("<table>"), parts[1], *(_row("td", row) for row in rows), Markup("</table>")]
    return Markup('<div class="finegold">{}</div>').format(Markup("").join(parts))


class FieldCard:
    """A dataclass that shows its fields in a notebook; fields without a value are not shown."""

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, Any]]

    def _repr_html_(self) -> str:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        shown = {name: getattr(one, "name", one) for name, one in values.items() if one not in (None, "", ())}
        return card(type(self).__name__, shown)


def _row(tag: str, cells: Sequence[object]) -> Markup:
    open_, close = Markup(f'<{tag} style="text-align:left;vertical-align:top">'), Markup(f"</{tag}>")
    return Markup("<tr>{}</tr>").format(Markup("").join(open_ + _cell(cell) + close for cell in cells))


def _cell(cell: object) -> Markup:
    if isinstance(cell, Markup):
        return cell
    text = "" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)
    shown = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return escape(shown.encode("utf-8", "backslashreplace").decode("utf-8"))


def in_notebook() -> bool:
    """Whether a notebook's kernel runs this code, which shows HTML."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and hasattr(shell, "kernel")
