import json
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.samples import Dataset, open_dataset
from finegold.samples.check import check

PICTURE = b"GIF89a"
Picture = Callable[..., bytes]
Members = list[tuple[str, bytes]]
TALK = [{"from": "human", "value": "<image>\nWhat?"}, {"from": "gpt", "value": "A cat."}]


def shard(path: Path, members: Members) -> Dataset:
    import io

    with tarfile.open(path, "w") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return open_dataset(path)


def codes(dataset: Dataset) -> list[str | None]:
    return [exclusion.code if (exclusion := check(row).exclusion) else None for row in dataset.rows()]


def test_members_are_grouped_by_the_name_before_the_first_dot(tmp_path: Path, picture: Picture) -> None:
    dataset = shard(
        tmp_path / "a.tar",
        [
            ("dir.x/0.jpg", picture(0)),
            ("dir.x/0.txt", b"A cat."),
            ("1.0.png", picture(1, "PNG")),
            ("1.1.png", picture(2, "PNG")),
            (
                "1.json",
                json.dumps(
                    {
                        "messages": [
                            {"role": "user", "content": "Compare <image> <image>"},
                            {"role": "assistant", "content": "Alike."},
                        ]
                    }
                ).encode(),
            ),
            ("2.jpg", picture(3)),
            ("2.json", json.dumps({"id": 7, "image": "elsewhere/2.jpg", "conversations": TALK}).encode()),
        ],
    )
    rows = list(dataset.rows())
    assert codes(dataset) == [None, None, None]
    assert [row.id for row in rows] == ["dir.x/0", "1", "7"]
    assert [[image.name for image in row.sample.images] for row in rows if row.sample] == [
        ["dir.x/0.jpg"],
        ["1.0.png", "1.1.png"],
        ["2.jpg"],
    ]
    assert [row.sample.answer for row in rows if row.sample] == ["A cat.", "Alike.", "A cat."]


def test_bad_groups_are_problems_of_their_own(tmp_path: Path, picture: Picture) -> None:
    dataset = shard(
        tmp_path / "a.tar",
        [
            ("0.jpg", picture(0)),
            ("1.txt", b"A cat without an image."),
            ("2.jpg", picture(0)),
            ("2.json", b"{broken"),
            ("3.jpg", picture(0)),
            ("3.json", b"[]"),
            ("README", b"hello"),
            ("4.jpg", picture(0)[:-100]),
            ("4.txt", b"A cat."),
            ("5.jpg", picture(0)),
            ("5.txt", b"\xff\xfe broken"),
            ("6.png", picture(0)),
            ("6.txt", b"A JPEG."),
            ("7.json", json.dumps({"image": "7.jpg", "conversations": TALK}).encode()),
            ("8.jpg", picture(0)),
            ("8.txt", b"Fine."),
        ],
    )
    assert codes(dataset) == [
        "malformed-row",
        "missing-image",
        "malformed-row",
        "malformed-row",
        "malformed-row",
        "truncated-image",
        "malformed-row",
        "wrong-extension",
        "missing-image",
        None,
    ]


def test_links_are_not_followed(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in (
            ("0.jpg", tarfile.SYMTYPE),
            ("1.jpg", tarfile.LNKTYPE),
            ("2.jpg", tarfile.FIFOTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type = kind
            member.linkname = "/etc/passwd"
            tar.addfile(member)
    assert codes(open_dataset(tmp_path / "a.tar")) == ["malformed-row"] * 3


@pytest.mark.parametrize("cut", [1100, 5000, -3000])
def test_a_shard_that_was_cut_off_says_so_and_the_next_is_read(
    tmp_path: Path, picture: Picture, cut: int
) -> None:
    members = [
        (f"{n}.{kind}", data) for n in range(9) for kind, data in (("jpg", picture(n)), ("txt", b"A cat."))
    ]
    shard(tmp_path / "a.tar", members)
    size = sum(512 + -(-len(data) // 512) * 512 for _, data in members)
    data = (tmp_path / "a.tar").read_bytes()[:size]
    (tmp_path / "a.tar").write_bytes(data[:cut])
    shard(tmp_path / "b.tar", [("z.jpg", picture(99)), ("z.txt", b"Last.")])
    rows = list(open_dataset(tmp_path).rows())
    assert rows[-1].id == "z"
    assert rows[-1].exclusion is None
    assert "unreadable-shard" in [row.exclusion.code for row in rows if row.exclusion]
    assert [row.index for row in rows] == list(range(len(rows)))


def test_a_damaged_header_is_not_taken_for_the_end(tmp_path: Path, picture: Picture) -> None:
    shard(
        tmp_path / "a.tar",
        [("0.jpg", picture(0)), ("0.txt", b"A cat."), ("1.jpg", picture(1)), ("1.txt", b"B.")],
    )
    data = bytearray((tmp_path / "a.tar").read_bytes())
    at = data.index(b"1.jpg\0")
    data[at : at + 512] = b"x" * 512
    (tmp_path / "a.tar").write_bytes(data)
    assert codes(open_dataset(tmp_path / "a.tar")) == [None, "unreadable-shard"]


def test_texts_that_share_a_key_by_their_dots_are_named(tmp_path: Path, picture: Picture) -> None:
    talk = json.dumps({"conversations": TALK}).encode()
    for number, members in enumerate(
        [
            [
                (f"x.{n}.{kind}", data)
                for n in "ab"
                for kind, data in (("jpg", picture(ord(n))), ("txt", n.encode()))
            ],
            [("x.0.jpg", picture(0)), ("x.0.json", talk), ("x.1.jpg", picture(1)), ("x.1.json", talk + b" ")],
            [("x.0.jpg", picture(0)), ("x.0.txt", b"One."), ("x.1.jpg", picture(1))],
        ]
    ):
        (row,) = shard(tmp_path / f"{number}.tar", members).rows()
        assert row.exclusion is not None
        assert row.exclusion.code == "unread-image"
        assert "'x.0." in row.exclusion.reason or "'x.a.txt', 'x.b.txt'" in row.exclusion.reason


def test_images_of_several_names_with_one_text_stay_one_row(tmp_path: Path, picture: Picture) -> None:
    images = [("x.left.jpg", picture(0)), ("x.right.jpg", picture(1))]
    for text in (("x.json", json.dumps({"caption": "Two."}).encode()), ("x.txt", b"Two.")):
        (row,) = shard(tmp_path / f"{text[0]}.tar", [*images, text]).rows()
        assert row.exclusion is None
        assert row.sample is not None
        assert len(row.sample.images) == 2


def test_members_with_other_media_are_not_passed_over(tmp_path: Path) -> None:
    chat = json.dumps({"query": "What?", "response": "A cat."}).encode()
    media = [("0.mp4", b"film"), ("1.flv", b"film"), ("2.aac", b"sound"), ("3.ppm", b"P6")]
    members = [member for film in media for member in (film, (f"{film[0][0]}.json", chat))]
    dataset = shard(tmp_path / "a.tar", [*members, ("4.json", chat)])
    assert codes(dataset) == ["unsupported-media"] * 4 + [None]


def test_every_ending_of_an_image_is_one(tmp_path: Path, picture: Picture) -> None:
    names = ("0.jfif", "1.JPE", "2.apng", "3.dib")
    kinds = ("JPEG", "JPEG", "PNG", "BMP")
    images = [(name, picture(at, kind)) for at, (name, kind) in enumerate(zip(names, kinds, strict=True))]
    talk = json.dumps(
        {"messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A"}]}
    )
    dataset = shard(
        tmp_path / "a.tar",
        [member for one in images for member in (one, (f"{one[0][0]}.json", talk.encode()))],
    )
    found = [row.sample for row in dataset.rows()]
    assert [sample and [image.name for image in sample.images] for sample in found] == [
        [name] for name in names
    ]
    assert codes(dataset) == [None] * 4


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.text("ab.", min_size=1, max_size=6).filter(
            lambda name: name.strip(".") == name and ".." not in name
        ),
        min_size=1,
        max_size=5,
        unique=True,
    )
)
def test_no_text_of_any_key_with_dots_is_lost_in_silence(keys: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        members = [
            (f"{key}.{kind}", data)
            for key in sorted(keys)
            for kind, data in (("jpg", PICTURE), ("txt", f"Text {key}.".encode()))
        ]
        rows = list(shard(Path(folder) / "a.tar", members).rows())
    read = {row.sample.answer for row in rows if row.sample and row.exclusion is None}
    named = " ".join(row.exclusion.reason for row in rows if row.exclusion)
    groups: dict[str, list[str]] = {}
    for key in keys:
        groups.setdefault(key.partition(".")[0], []).append(key)
    for key in keys:
        assert f"Text {key}." in read or len(groups[key.partition(".")[0]]) > 1
    assert len(read) == sum(len(group) == 1 for group in groups.values()) or "rename" in named
