import json
from pathlib import Path
from typing import Any

import pytest

from finegold.errors import DataError
from finegold.samples import open_dataset

ROW: dict[str, Any] = {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a]},{"}]}


def rows(path: Path) -> tuple[list[str | None], list[str]]:
    """The ids of the rows that can be used, and the reasons of the others."""
    found = list(open_dataset(path).rows())
    return (
        [row.id for row in found if row.exclusion is None],
        [row.exclusion.reason for row in found if row.exclusion is not None],
    )


def text(bad: str, place: int = 1) -> str:
    records = [json.dumps({"id": f"r{n}", **ROW}) for n in range(3)]
    return "[" + ",\n".join([*records[:place], bad, *records[place:]]) + "]"


BAD = {
    "more than 100 deep": ['{"id": "x", "extra": ' + "[" * n + "]" * n + "}" for n in (120, 900, 20_000)],
    "more digits": ['{"id": "x", "n": ' + "1" * 5000 + "}"],
    "not valid JSON": ['{"id": "\\x"}', '{"id": }', "{'id': 1}", '{"id": "a\nb"}'],
}


@pytest.mark.parametrize("place", [0, 1, 3])
def test_one_bad_record_of_an_array_is_a_row_with_a_reason(tmp_path: Path, place: int) -> None:
    for part, texts in BAD.items():
        for bad in texts:
            for wrap in ("{}", '{{"about": [1], "annotations": {}, "n": 2}}'):
                (tmp_path / "data.json").write_text(wrap.format(text(bad, place)))
                usable, reasons = rows(tmp_path / "data.json")
                assert usable == ["r0", "r1", "r2"]
                assert len(reasons) == 1
                assert part in reasons[0]


def test_one_bad_line_is_a_row_with_a_reason(tmp_path: Path) -> None:
    for part, texts in BAD.items():
        for bad in texts:
            if "\n" not in bad:
                lines = [json.dumps({"id": f"r{n}", **ROW}) for n in range(3)]
                (tmp_path / "data.jsonl").write_text("\n".join([bad, *lines]))
                usable, reasons = rows(tmp_path / "data.jsonl")
                assert usable == ["r0", "r1", "r2"]
                assert len(reasons) == 1
                assert part in reasons[0]


@pytest.mark.parametrize("ending", ["", '"', ', "x', "}]", "] []"])
def test_an_array_that_is_cut_off_stops_with_a_sentence(tmp_path: Path, ending: str) -> None:
    whole = text('{"id": "\\x"}')
    (tmp_path / "data.json").write_text(whole[:-1] + ending)
    with pytest.raises(DataError, match="expected"):
        list(open_dataset(tmp_path / "data.json").rows())


def test_a_subset_of_a_damaged_array_holds_the_other_records(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(text('{"id": "\\x"}'))
    (tmp_path / "out").mkdir()
    dataset = open_dataset(tmp_path / "data.json")
    dataset.write(tmp_path / "out", [2, 0])
    assert [record["id"] for record in json.loads((tmp_path / "out/data.json").read_text())] == ["r0", "r1"]
