import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from finegold.samples import Dataset, open_dataset
from finegold.samples.check import check

Picture = Callable[..., bytes]


@pytest.fixture
def world(tmp_path: Path, picture: Picture) -> Path:
    """An image root with a picture, and a secret outside of it."""
    (tmp_path / "data/images/sub").mkdir(parents=True)
    (tmp_path / "data/images/sub/a.jpg").write_bytes(picture(1))
    (tmp_path / "data/images-secret").mkdir()
    (tmp_path / "data/images-secret/s.jpg").write_bytes(picture(2))
    (tmp_path / "secret.jpg").write_bytes(picture(3))
    return tmp_path


def dataset(world: Path, *names: Any, **options: Any) -> Dataset:
    rows = [
        {
            "id": f"r{n}",
            "image": name,
            "conversations": [{"from": "human", "value": "<image>"}, {"from": "gpt", "value": "A cat."}],
        }
        for n, name in enumerate(names)
    ]
    (world / "data/data.json").write_text(json.dumps(rows))
    return open_dataset(world / "data/data.json", images=world / "data/images", **options)


def codes(data: Dataset) -> list[str | None]:
    return [exclusion.code if (exclusion := check(row).exclusion) else None for row in data.rows()]


@pytest.mark.parametrize(
    "name",
    [
        "../../secret.jpg",
        "sub/../../../secret.jpg",
        "../images-secret/s.jpg",
        "/etc/passwd",
        "file:///etc/passwd",
        "file://../../secret.jpg",
        "..",
    ],
)
def test_paths_that_leave_the_root_are_refused(world: Path, name: str) -> None:
    assert codes(dataset(world, name)) == ["outside-root"]


def test_symbolic_links_out_of_the_root_are_refused(world: Path) -> None:
    (world / "data/images/link.jpg").symlink_to(world / "secret.jpg")
    (world / "data/images/folder").symlink_to(world)
    (world / "data/images/inner.jpg").symlink_to("sub/a.jpg")
    assert codes(dataset(world, "link.jpg", "folder/secret.jpg", "inner.jpg")) == [
        "outside-root",
        "outside-root",
        None,
    ]


def test_dots_inside_of_the_root_are_fine(world: Path) -> None:
    assert codes(dataset(world, "./sub/../sub//a.jpg", str(world / "data/images/sub/a.jpg")))[0] is None


def test_null_characters_and_long_names_are_problems_of_their_row(world: Path) -> None:
    assert codes(dataset(world, "a\0.jpg", "x" * 5000 + ".jpg", ".")) == [
        "malformed-row",
        "unreadable-image",
        "unreadable-image",
    ]


@pytest.mark.parametrize(
    "name", ["http://example.org/a.jpg", "HTTPS://example.org/a.jpg", "s3://bucket/a.jpg"]
)
def test_addresses_need_permission(world: Path, name: str) -> None:
    assert codes(dataset(world, name)) == ["url-not-allowed"]


def test_allowed_addresses_are_kept_as_they_are(world: Path) -> None:
    row = next(dataset(world, "https://example.org/a.jpg", allow_urls=True).rows())
    assert row.sample is not None
    assert row.sample.images[0].url == "https://example.org/a.jpg"
    assert codes(dataset(world, "ftp://example.org/a.jpg", allow_urls=True)) == ["url-not-allowed"]


def test_a_subset_with_absolute_paths_opens_again_even_when_the_images_are_gone(world: Path) -> None:
    name = str(world / "data/images/sub/a.jpg")
    source = dataset(world, name, "sub/a.jpg")
    for step in ("one", "two"):
        (world / step).mkdir()
        written = source.write(world / step, [0, 1])
        assert written.files == 1
        source = open_dataset(world / step)
        assert [row.sample.record["image"] for row in source.rows() if row.sample] == [name, "sub/a.jpg"]
    (world / "data").rename(world / "gone")
    assert codes(open_dataset(world / "two")) == [None, None]


def test_a_root_that_is_a_symbolic_link_takes_absolute_paths_through_it(world: Path) -> None:
    (world / "link").symlink_to(world / "data/images")
    dataset(world, str(world / "link/sub/a.jpg"), str(world / "data/images/sub/a.jpg"))
    data = open_dataset(world / "data/data.json", images=world / "link")
    assert codes(data) == [None, None]
    (world / "out").mkdir()
    data.write(world / "out", [0, 1])
    (world / "data").rename(world / "gone")
    assert codes(open_dataset(world / "out")) == [None, None]
