import json
from pathlib import Path

import pytest

from finegold.errors import DataError
from finegold.samples import open_dataset

CHINESE = "一只猫坐在窗台上，看着外面的雨。"
ROWS = [
    {
        "id": str(n),
        "conversations": [{"from": "human", "value": f"{n}？"}, {"from": "gpt", "value": CHINESE * 3}],
    }
    for n in range(3)
]
ARRAY = json.dumps(ROWS, ensure_ascii=False)
LINES = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize(("name", "text"), [("data.json", ARRAY), ("data.jsonl", LINES)])
def test_every_encoding_reads_the_same_and_is_written_as_utf8(
    tmp_path: Path, encoding: str, name: str, text: str
) -> None:
    (tmp_path / name).write_bytes(text.encode(encoding))
    dataset = open_dataset(tmp_path / name)
    assert [row.sample.record for row in dataset.rows() if row.sample] == ROWS
    (tmp_path / "out").mkdir()
    written = dataset.write(tmp_path / "out", [2, 0])
    assert CHINESE in written.data.read_text("utf-8")
    assert [row.sample.record for row in open_dataset(written.data).rows() if row.sample] == [
        ROWS[0],
        ROWS[2],
    ]


def test_lines_are_written_byte_for_byte(tmp_path: Path) -> None:
    lines = [json.dumps(row, separators=("," * 1, " :  ")).encode() + b"  \r\n" for row in ROWS]
    (tmp_path / "data.jsonl").write_bytes(b"\n".join(lines).rstrip())
    (tmp_path / "out").mkdir()
    written = open_dataset(tmp_path).write(tmp_path / "out", [0, 2])
    assert written.data.read_bytes() == lines[0] + lines[2].rstrip() + b"\n"


def test_one_damaged_character_does_not_turn_the_others_into_nonsense(tmp_path: Path) -> None:
    lines = LINES.encode().split(b"\n")
    lines[1] = lines[1].replace("猫".encode(), "猫".encode()[:2])
    (tmp_path / "data.jsonl").write_bytes(b"\n".join(lines))
    rows = list(open_dataset(tmp_path).rows())
    assert [row.exclusion.code if row.exclusion else None for row in rows] == [None, "malformed-row", None]
    assert rows[0].sample is not None
    assert CHINESE in rows[0].sample.answer
    (tmp_path / "whole.json").write_bytes(ARRAY.encode().replace("猫".encode(), "猫".encode()[:2], 1))
    with pytest.raises(DataError, match="not valid utf-8 at line 1"):
        open_dataset(tmp_path / "whole.json")


def test_utf16_is_named(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_bytes(ARRAY.encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16"):
        open_dataset(tmp_path / "data.json")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_json_that_is_cut_off_names_the_line(tmp_path: Path, share: float) -> None:
    text = json.dumps(ROWS, indent=1, ensure_ascii=False)
    cut = text[: int(len(text) * share)]
    (tmp_path / "data.json").write_text(cut, "utf-8")
    with pytest.raises(DataError, match=r"data\.json .* at line \d+") as error:
        open_dataset(tmp_path / "data.json")
    line = int(str(error.value).split("at line ")[1].split(",")[0])
    assert cut.count("\n") <= line <= cut.count("\n") + 1


def test_half_characters_are_a_problem_of_their_row_alone(tmp_path: Path) -> None:
    rows = [dict(ROWS[0]), {**ROWS[1], "id": "\ud83d"}, {**ROWS[2], "note": "\ud83d"}]
    (tmp_path / "data.json").write_text(json.dumps(rows))
    read = list(open_dataset(tmp_path / "data.json").rows())
    assert [row.exclusion is None for row in read] == [True, False, True]
    (tmp_path / "out").mkdir()
    written = open_dataset(tmp_path / "data.json").write(tmp_path / "out", [0, 2])
    assert [row.sample.record for row in open_dataset(written.data).rows() if row.sample] == [
        rows[0],
        rows[2],
    ]


def test_byte_order_marks_between_joined_files_are_skipped(tmp_path: Path) -> None:
    mark = "\ufeff".encode()
    rows = [f'{{"prompt": "What is {n}\ufeff?", "completion": "A cat."}}'.encode() for n in range(5)]
    text = (
        mark
        + mark
        + rows[0]
        + b"\n"
        + mark
        + rows[1]
        + b"\n"
        + rows[2]
        + mark
        + rows[3]
        + b"\n"
        + mark
        + b"\n"
        + rows[4]
    )
    (tmp_path / "data.jsonl").write_bytes(text)
    dataset = open_dataset(tmp_path)
    found = list(dataset.rows())
    assert [row.exclusion for row in found] == [None] * 5
    assert [row.sample.instruction for row in found if row.sample] == [
        f"What is {n}\ufeff?" for n in range(5)
    ]
    assert dataset.count() == 5
    (tmp_path / "out").mkdir()
    dataset.write(tmp_path / "out", [1, 3, 4])
    assert (tmp_path / "out/data.jsonl").read_bytes() == b"\n".join([rows[1], rows[3], rows[4], b""])


def test_marks_between_files_that_were_put_together_are_skipped(tmp_path: Path) -> None:
    mark = b"\xef\xbb\xbf"
    first, second, third = (line.encode() for line in LINES.split("\n"))
    for joint in (b"\n" + mark, mark + b"\n", mark, b" " + mark + b" ", b"\n" + mark + b"\n", mark + mark):
        (tmp_path / "data.jsonl").write_bytes(mark + first + joint + second + joint + third)
        rows = list(open_dataset(tmp_path / "data.jsonl").rows())
        assert [row.sample.record for row in rows if row.sample] == ROWS
        assert len(rows) == len(ROWS)


def test_a_mark_inside_of_a_text_stays(tmp_path: Path) -> None:
    row = ROWS[0] | {"note": "a\ufeffb"}
    (tmp_path / "data.jsonl").write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    (sample,) = (row.sample for row in open_dataset(tmp_path / "data.jsonl").rows() if row.sample)
    assert sample.record == row


def test_a_line_that_is_too_long_is_a_row_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finegold.samples.json_text.MAX_LINE", 4000)
    long = json.dumps(ROWS[0] | {"id": "long", "note": "x" * 3_000_000})
    first, *others = LINES.split("\n")
    (tmp_path / "data.jsonl").write_text("\n".join([first, long, *others, long]))
    rows = list(open_dataset(tmp_path / "data.jsonl").rows())
    assert [row.sample.record for row in rows if row.sample] == ROWS
    assert [row.place for row in rows if row.exclusion] == ["data.jsonl line 2", "data.jsonl line 5"]
    assert all("more than 4,000 bytes" in row.exclusion.reason for row in rows if row.exclusion)
