"""Lists of ids in every form that `--include` and `--exclude` take."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finegold.errors import ConfigError
from finegold.selection.id_list import IdList


def test_every_form_gives_the_same_list(tmp_path: Path) -> None:
    texts = {
        "ids.txt": "b\n\n a \nc,d\n",
        "ids.csv": 'sample_id,x\nb,1\na,2\n"c,d",3\n',
        "ids.tsv": "id\tx\nb\t1\na\t2\nc,d\t3\n",
        "ids.jsonl": '{"sample_id": "b"}\n"a"\n{"id": "c,d"}\n',
        "ids.json": '["a", {"id": "b"}, "c,d", "a"]',
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    pq.write_table(pa.table({"sample_id": ["c,d", "b", None, "a"]}), tmp_path / "ids.parquet")
    lists = [IdList.of(tmp_path / name, "--include") for name in [*texts, "ids.parquet"]]
    assert {one.ids for one in lists} == {("a", "b", "c,d")}
    assert len({one.sha256 for one in lists}) == 1
    (tmp_path / "kept.jsonl").write_text(lists[0].text)
    assert IdList.of(tmp_path / "kept.jsonl", "--include").ids == ("a", "b", "c,d")
    assert IdList.of(["7", 7, "b"], "--include").ids == ("7", "b")


def test_an_id_may_hold_what_looks_like_a_line_end(tmp_path: Path) -> None:
    odd = IdList(("a\nb", "c\u2028d", "e\x85f"))
    (tmp_path / "kept.jsonl").write_text(odd.text)
    (tmp_path / "ids.csv").write_text("sample_id,x\n" + "".join(f'"{one}",1\n' for one in odd.ids))
    for name in ("kept.jsonl", "ids.csv"):
        assert IdList.of(tmp_path / name, "--include").ids == odd.ids
    (tmp_path / "ids.txt").write_text("c\u2028d\ne\x85f\n")
    assert IdList.of(tmp_path / "ids.txt", "--include").ids == odd.ids[1:]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.txt", None, "cannot be read"),
        ("empty.txt", b"\n", "without an id"),
        ("bad.jsonl", b"{", "cannot be read"),
        ("bad.json", b'{"a": 1}', "no list of ids"),
        ("float.json", b"[1.5]", "no id"),
        ("null.jsonl", b'{"sample_id": null}', "it holds null, which is no id"),
        ("deep.json", b"[" * 9000 + b"]" * 9000, "cannot be read"),
        ("twice.csv", b"id,id\na,b\n", "it has 2 columns 'id'"),
        ("bad.csv", b"name\nx\n", "columns are name"),
        ("bad.parquet", b"PAR", "cannot be read"),
        ("binary.txt", b"\xff\xfe\x00", "cannot be read"),
        ("other.jsonl", b'{"name": 1}', "columns are name"),
    ],
)
def test_a_file_that_is_no_list_is_explained(
    tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=words):
        IdList.of(tmp_path / name, "--exclude")
