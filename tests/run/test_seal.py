"""Sealed JSON: any flipped byte is found, or changes nothing."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from finegold.errors import RunError
from finegold.run import read_sealed, read_sealed_lines, sealed_line, write_sealed

RECORD: dict[str, Any] = {
    "text": "caf\u00e9 \ud800 \n",
    "number": 0.1 + 0.2,
    "tiny": 1e-300,
    "big": 2**70,
    "none": None,
    "list": [1, {"deep": [True, "x"]}],
    "keys": {"1": 2},
}


def flipped(data: bytes, rng: random.Random) -> bytes:
    place, bit = rng.randrange(len(data)), 1 << rng.randrange(8)
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


def test_a_record_comes_back_without_its_seal(tmp_path: Path) -> None:
    write_sealed(tmp_path / "a.json", {**RECORD, 7: (1, 2)})  # type: ignore[dict-item]
    assert read_sealed(tmp_path / "a.json") == {**RECORD, "7": [1, 2]}
    assert json.loads((tmp_path / "a.json").read_text())["sha256"]


def test_a_record_without_a_seal_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"parts": 2}')
    assert read_sealed(tmp_path / "old.json") == {"parts": 2}


def test_every_flipped_bit_is_found_or_changes_nothing(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.json", random.Random(0)
    write_sealed(path, RECORD)
    whole = path.read_bytes()
    found = 0
    for _ in range(600):
        path.write_bytes(flipped(whole, rng))
        try:
            # A flip in the name of the seal leaves a record without one, and with one more member.
            read = read_sealed(path)
            assert {key: value for key, value in read.items() if key in RECORD} == RECORD
        except RunError as error:
            found += 1
            assert "finegold check" in str(error)  # noqa: PT017
    assert found > 500


def test_every_flipped_bit_of_a_line_is_found_or_changes_nothing(tmp_path: Path) -> None:
    path, rng = tmp_path / "a.jsonl", random.Random(1)
    whole = sealed_line({"id": "a", "score": 3}) + sealed_line(RECORD)
    for _ in range(600):
        path.write_bytes(flipped(whole, rng))
        for _, record in read_sealed_lines(path):
            if record is not None:
                kept = {key: value for key, value in record.items() if key in {"id", "score", *RECORD}}
                assert kept in ({"id": "a", "score": 3}, RECORD)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_record_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(RunError, match=r"a\.json is damaged .*--repair"):
        read_sealed(tmp_path / "a.json")
