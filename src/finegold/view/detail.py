"""One row of the page: everything that the run folder says of it."""

import json
from itertools import pairwise
from typing import Any

from finegold.errors import DataError
from finegold.samples.words import sentence_ends
from finegold.view.browse import Browser
from finegold.view.database import RowDatabase
from finegold.view.places import Places
from finegold.view.reasons import NAMED, explain_row, twins

NEAREST = 12
MOST_RECORD = 200_000
"""Characters of a record that are shown."""


def row_detail(
    pool: RowDatabase, browser: Browser, places: Places, selection: str, position: int
) -> dict[str, Any]:
    """A row with its turns, its indicators and their places in the pool, and why it is in or out.

    Raises:
        DataError: If there is no such row.
    """
    view = pool.view(selection)
    found = pool.arrow(f"SELECT * FROM {view} WHERE row = ?", [position]).to_pylist()
    if not found:
        raise DataError(f"the run has no row {position}: choose another")
    row = found[0]
    [(questions, answers)] = pool.query("SELECT questions, answers FROM texts WHERE row = ?", [position])
    columns = [column for column in pool.columns(selection) if column.indicator]
    ranked = browser.place_of(selection, position, columns) if row["usable"] else {}
    missing, turns = _missing_and_turns(pool, row["sample_id"] if row["usable"] else None)
    names = {column.name: name for name, column in pool.indicators.items()}
    indicators = [
        {
            "name": column.name,
            "label": column.label,
            "unit": column.unit,
            "value": row.get(column.name),
            "why": missing.get(names.get(column.name, "")),
            "turns": turns.get(names.get(column.name, ""), []),
            **ranked.get(column.name, {}),
        }
        for column in columns
    ]
    layers = places.embedded() if row["usable"] else []
    return {
        "row": {key: value for key, value in row.items() if key not in ("question", "answer")},
        "turns": [
            {"question": question, "answer": answer, "sentences": _sentences(answer or "")}
            for question, answer in zip(questions or [], answers or [], strict=False)
        ],
        "indicators": indicators,
        "why": explain_row(pool, selection, row),
        "twins": twins(pool, selection, row),
        "layers": layers,
    }


def nearest_rows(
    pool: RowDatabase, places: Places, selection: str, layer: str, position: int
) -> list[dict[str, Any]]:
    """The rows nearest to a row, with their cosine."""
    near = dict(places.nearest(layer, position, NEAREST))
    found = pool.query(
        f"SELECT {', '.join(NAMED)} FROM {pool.view(selection)} WHERE row IN (SELECT unnest(?::BIGINT[]))",
        [list(near)],
    )
    rows = {one[0]: dict(zip(NAMED, one, strict=True)) for one in found}
    return [{**rows[row], "cosine": round(cosine, 4)} for row, cosine in near.items() if row in rows]


def record_text(pool: RowDatabase, position: int) -> str:
    """The record as it came, as indented JSON; bytes are named by their number."""
    try:
        row = pool.rows.dataset[position]
    except IndexError:
        raise DataError(f"the data has no row {position}: choose another") from None
    if row.sample is None:
        record: Any = {"excluded": row.exclusion and row.exclusion.reason, "place": row.place}
    else:
        record = row.sample.record
    return json.dumps(record, indent=2, ensure_ascii=False, default=_described)[:MOST_RECORD]


def _sentences(answer: str) -> list[str]:
    """The sentences that indicators judge one by one, with the white space between them."""
    ends = sentence_ends(answer)
    return [answer[start:end] for start, end in pairwise([0, *ends[:-1], len(answer)])]


def _described(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value):,} bytes>"
    return str(value)


def _missing_and_turns(
    pool: RowDatabase, sample_id: str | None
) -> tuple[dict[str, str], dict[str, list[dict[str, Any]]]]:
    """Why indicators have no value of a row or what they remark, and their values turn by turn."""
    why = {
        str(name): str(reason)
        for name, reason in pool.query(
            "SELECT indicator, reason FROM scores WHERE sample_id = ? AND reason IS NOT NULL", [sample_id]
        )
    }
    turns: dict[str, list[dict[str, Any]]] = {}
    for name, turn, value, reason, sentences in pool.query(
        "SELECT indicator, turn, value, reason, sentences FROM turns WHERE sample_id = ? "
        "ORDER BY indicator, turn",
        [sample_id],
    ):
        found = {"turn": turn, "value": value, "why": reason, "sentences": sentences or []}
        turns.setdefault(str(name), []).append(found)
    return why, turns
