import io
import tarfile
from pathlib import Path
from typing import Any

import pytest

from finegold.samples import open_dataset
from finegold.samples.check import check


def codes(path: Path) -> list[str | None]:
    checked = [check(row) for row in open_dataset(path).rows()]
    return [None if one.exclusion is None else one.exclusion.code for one in checked]


def archive(members: list[tuple[str, bytes]], **options: Any) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


@pytest.fixture
def rows(picture: Any) -> list[tuple[str, bytes]]:
    pairs = [((f"{n}.jpg", picture(n)), (f"{n}.txt", b"A cat.")) for n in range(4)]
    return [member for pair in pairs for member in pair]


def test_the_rows_behind_a_damaged_header_are_read(tmp_path: Path, rows: list[tuple[str, bytes]]) -> None:
    for lost in ("0.jpg", "1.jpg", "1.txt", "3.txt"):
        data = bytearray(archive(rows))
        at = data.index(lost.encode() + b"\0")
        data[at + 150] ^= 7  # The checksum.
        (tmp_path / "a.tar").write_bytes(data)
        found = codes(tmp_path / "a.tar")
        assert found.count(None) == 3
        assert "unreadable-shard" in found


def test_a_row_beside_damage_does_not_pass_for_one_without_an_image(tmp_path: Path, picture: Any) -> None:
    text = b'{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}'
    for first, second in (("json", "jpg"), ("jpg", "json")):
        members = [
            (f"{n}.{kind}", picture(n) if kind == "jpg" else text)
            for n in range(3)
            for kind in (first, second)
        ]
        data = bytearray(archive(members))
        data[data.index(b"1.jpg\0") + 150] ^= 7
        (tmp_path / "a.tar").write_bytes(data)
        usable = [row.sample for row in open_dataset(tmp_path / "a.tar").rows() if row.sample is not None]
        assert [len(sample.images) for sample in usable] == [1, 1]


def test_sizes_that_are_not_there_take_nothing(tmp_path: Path, rows: list[tuple[str, bytes]]) -> None:
    for size in (200 << 20, 300 << 20, -512, 1 << 50):
        member = tarfile.TarInfo("0.jpg")
        member.size = size
        header = member.tobuf(tarfile.GNU_FORMAT)
        (tmp_path / "a.tar").write_bytes(header + archive(rows[2:]))
        found = codes(tmp_path / "a.tar")
        assert found.count(None) == 3
        assert len(found) == 4


def test_long_headers_are_not_believed(tmp_path: Path, rows: list[tuple[str, bytes]]) -> None:
    for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
        member = tarfile.TarInfo("x")
        member.type, member.size = kind, 3 << 30
        (tmp_path / "a.tar").write_bytes(archive(rows[:2])[:2048] + member.tobuf() + archive(rows[2:]))
        assert codes(tmp_path / "a.tar").count(None) >= 3


def test_sparse_members_are_not_unpacked(tmp_path: Path, rows: list[tuple[str, bytes]]) -> None:
    headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "9.jpg"}
    headers |= {"GNU.sparse.map": "0,0", "GNU.sparse.size": str(200 << 20)}
    member = tarfile.TarInfo("9.jpg")
    member.pax_headers = headers
    body = member.tobuf(tarfile.PAX_FORMAT)
    (tmp_path / "a.tar").write_bytes(body + archive(rows[2:]))
    found = list(open_dataset(tmp_path / "a.tar").rows())
    assert [row.exclusion is None for row in found] == [False, True, True, True]
    assert found[0].exclusion is not None
    assert "sparse" in found[0].exclusion.reason


def test_thousands_of_empty_members_of_one_key_are_one_row(
    tmp_path: Path, rows: list[tuple[str, bytes]]
) -> None:
    many = [(f"many.{n}", b"") for n in range(6000)]
    (tmp_path / "a.tar").write_bytes(archive(many + rows))
    found = list(open_dataset(tmp_path / "a.tar").rows())
    assert [row.exclusion is None for row in found] == [False, True, True, True, True]
    assert found[0].exclusion is not None
    assert "more than 1,000 members" in found[0].exclusion.reason


def test_archives_that_were_put_together_are_read_to_the_end(
    tmp_path: Path, rows: list[tuple[str, bytes]]
) -> None:
    (tmp_path / "a.tar").write_bytes(archive(rows[:4]) + archive(rows[4:]))
    assert codes(tmp_path / "a.tar") == [None] * 4
