"""What the values of a record may hold in memory."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finegold.samples import open_dataset
from finegold.samples.formats import messages
from finegold.samples.values import MAX_HELD, MAX_TEXT, first_of, held_bytes


def record(answer: str, **fields: Any) -> dict[str, Any]:
    return {"conversations": [{"from": "human", "value": "?"}, {"from": "gpt", "value": answer}], **fields}


def test_a_text_counts_as_python_holds_it_and_once() -> None:
    text = "x" * 1000
    assert 1000 < held_bytes([{"a": [text, text], "b": 3, "c": None}]) < 1100
    assert held_bytes([text + "\U0001f600"]) > 4000
    assert held_bytes([b"y" * 1000], (str,)) == 0


def test_a_row_with_too_long_a_text_is_a_bad_row_and_the_others_stay(tmp_path: Path) -> None:
    longest = "x" * (MAX_TEXT - 1)
    rows = [record(longest), record(longest + "yz"), record("A cat."), record("A.", more="x" * MAX_HELD)]
    # As an array: a line has a limit of its own.
    (tmp_path / "data.json").write_text(json.dumps(rows))
    found = [row.exclusion for row in open_dataset(tmp_path / "data.json").rows()]
    assert [one and one.code for one in found] == [None, "malformed-row", None, "malformed-row"]
    assert "turns hold 4,194,306 characters, expected at most 4,194,304" in str(found[1])
    assert "texts take" in str(found[3])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """The limit on the first records, made small."""
    for module in ("finegold.samples.values", messages.__name__):
        monkeypatch.setattr(f"{module}.MAX_HELD", 5000)
    return 5000


def test_first_records_are_few_where_they_are_large(small: int, tmp_path: Path) -> None:
    assert len(first_of(["x" * 1000] * 9)) == 4
    assert len(first_of(["x" * 2 * small] * 9)) == 1
    (tmp_path / "a").mkdir()
    for number in range(4):
        texts = [f"{number}/{row}/{'x' * 1000}" for row in range(16)]
        pq.write_table(pa.table({"query": texts, "response": texts}), tmp_path / "a" / f"{number}.parquet")
    dataset = open_dataset(tmp_path / "a")
    assert len(dataset.first_records()) == 2
    assert len(list(dataset.rows())) == 64


def test_of_large_lines_few_are_held_and_the_first_of_a_known_shape_is_one(
    small: int, tmp_path: Path
) -> None:
    lines = [{"note": "x" * 1000}] * 40 + [record("A cat.")] * 3
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    dataset = open_dataset(tmp_path / "data.jsonl")
    assert len(dataset.first_records()) <= small // 1000 + 1
    assert dataset.first_records()[-1] == record("A cat.")
    assert sum(row.exclusion is None for row in dataset.rows()) == 3
