"""How objects show themselves in a notebook: one small HTML card, with all text of the data escaped."""

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from finegold.errors import FinegoldError
from finegold.samples.images import decode
from finegold.samples.sample import Row, Sample
from finegold.samples.thumbnails import data_uri, thumbnail

SIDE = 96
"""Longest side of a picture on a card, in pixels."""
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
    said = Markup(" · ").join(Markup("{}: {}").format(label, value) for label, value in facts.items())
    parts = [Markup("<p><b>{}</b><br>{}</p>").format(title, said)]
    if heads:
        parts.append(_row("th", heads))
        parts[1:] = [Markup("<table>"), parts[1], *(_row("td", row) for row in rows), Markup("</table>")]
    return Markup('<div class="finegold">{}</div>').format(Markup("").join(parts))


def _row(tag: str, cells: Sequence[object]) -> Markup:
    open_, close = Markup(f'<{tag} style="text-align:left;vertical-align:top">'), Markup(f"</{tag}>")
    return Markup("<tr>{}</tr>").format(Markup("").join(open_ + _cell(cell) + close for cell in cells))


def _cell(cell: object) -> Markup:
    if isinstance(cell, Markup):
        return cell
    text = "" if cell is None else f"{cell:.4g}" if isinstance(cell, float) else str(cell)
    shown = text if len(text) <= LONGEST else text[:LONGEST] + "…"
    return escape(shown.encode("utf-8", "backslashreplace").decode("utf-8"))


def row_cells(row: Row) -> tuple[object, ...]:
    """Id, image, instruction and answer of a row; its code and reason in place of these if it is excluded."""
    if row.sample is not None:
        return row.id, picture(row.sample), row.sample.instruction, row.sample.answer
    return row.id, "", row.exclusion and row.exclusion.code, row.exclusion and row.exclusion.reason


def picture(sample: Sample) -> Markup:
    """The sample's first image, small; why there is none in its place."""
    if not sample.images:
        return Markup("no image")
    try:
        small = thumbnail(decode(sample.images[0]), side=SIDE)
    except FinegoldError as error:
        return escape(str(error)[:LONGEST])
    return Markup('<img src="{}" alt="">').format(data_uri(small))
