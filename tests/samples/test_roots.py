import json
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finegold.errors import DataError
from finegold.samples import Dataset, open_dataset
from finegold.samples.check import check
from finegold.samples.roots import ImageRoot

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


def test_links_of_a_hub_cache_are_the_dataset(tmp_path: Path, picture: Picture) -> None:
    repository = tmp_path / "hub/datasets--some--cats"
    snapshot = repository / "snapshots/0123abc"
    (snapshot / "images").mkdir(parents=True)
    (repository / "blobs").mkdir()
    (tmp_path / "private.jpg").write_bytes(picture(9))
    (repository / "blobs/one").write_bytes(picture(1))
    (repository / "blobs/two").symlink_to(tmp_path / "private.jpg")
    for name in ("one", "two"):
        (snapshot / f"images/{name}.jpg").symlink_to(f"../../../blobs/{name}")
    (snapshot / "images/out.jpg").symlink_to(tmp_path / "private.jpg")
    rows = [{"image": f"{name}.jpg", "caption": "A cat."} for name in ("one", "two", "out")]
    (repository / "blobs/data").write_text(json.dumps(rows))
    (snapshot / "data.json").symlink_to("../../blobs/data")
    data = open_dataset(snapshot)
    assert codes(data) == [None, "outside-root", "outside-root"]
    (tmp_path / "out").mkdir()
    data.write(tmp_path / "out", [0])
    assert not (tmp_path / "out/images/one.jpg").is_symlink()
    assert codes(open_dataset(tmp_path / "out")) == [None]


def test_a_link_out_of_the_root_is_named_with_the_option_that_allows_it(world: Path) -> None:
    (world / "data/images/link.jpg").symlink_to(world / "secret.jpg")
    (row,) = dataset(world, "link.jpg").rows()
    assert row.exclusion is not None
    assert f"--allow-links {world}" in row.exclusion.reason
    assert "images/link.jpg" in row.exclusion.reason
    allowed = open_dataset(world / "data/data.json", images=world / "data/images", allow_links=world)
    assert codes(allowed) == [None]


def test_an_image_folder_that_is_a_link_out_is_not_taken_by_itself(world: Path) -> None:
    (world / "other").mkdir()
    rows = [{"image": "secret.jpg", "caption": "A cat."}]
    (world / "other/data.json").write_text(json.dumps(rows))
    (world / "other/images").symlink_to(world)
    with pytest.raises(DataError, match=r"is a link out of the dataset.*--images"):
        open_dataset(world / "other")
    assert codes(open_dataset(world / "other", images=world / "other/images")) == [None]
    (world / "other/images").unlink()
    (world / "other/images").symlink_to("/")
    name = str(world / "secret.jpg")
    rows = [{"image": name, "caption": "A cat."}, {"image": name[1:], "caption": "A dog."}]
    (world / "other/data.json").write_text(
        json.dumps([*rows, {"image": "images" + name, "caption": "A fox."}])
    )
    with pytest.raises(DataError, match="is a link out of the dataset"):
        open_dataset(world / "other")
    found = codes(open_dataset(world / "other", images=world / "other"))
    assert found == ["outside-root", "missing-image", "outside-root"]


def test_the_note_of_a_moved_root_is_read_from_a_file_of_its_own_only(world: Path) -> None:
    (world / "secret.txt").write_text("/secret\nwords")
    (world / "data/images/.moved-from").symlink_to(world / "secret.txt")
    data = dataset(world, str(world / "data/images/sub/a.jpg"))
    (world / "out").mkdir()
    data.write(world / "out", [0])
    assert "secret" not in (world / "out/images/.moved-from").read_text()


def test_only_what_is_an_image_is_copied_out(world: Path) -> None:
    (world / "data/images/notes.jpg").write_text("private words")
    data = dataset(world, "notes.jpg")
    (world / "out").mkdir()
    for link in (False, True):
        with pytest.raises(DataError, match=r"notes\.jpg"):
            data.write(world / "out", [0], link=link)
        assert not (world / "out/images/notes.jpg").exists()


def test_data_files_that_are_links_out_of_their_folder_are_named(world: Path) -> None:
    dataset(world, "sub/a.jpg")
    (world / "shared").mkdir()
    (world / "shared/data.json").symlink_to(world / "data/data.json")
    with pytest.raises(DataError, match="--allow-links"):
        open_dataset(world / "shared")
    assert open_dataset(world / "shared", allow_links=world / "data").count() == 1
    assert open_dataset(world / "shared/data.json").count() == 1


def test_backslashes_are_separators_where_no_file_has_the_name(world: Path, picture: Picture) -> None:
    assert codes(dataset(world, "sub\\a.jpg", ".\\sub\\a.jpg", "..\\..\\secret.jpg", "sub\\b.jpg")) == [
        None,
        None,
        "missing-image",
        "missing-image",
    ]
    (world / "data/images/sub\\a.jpg").write_bytes(picture(7))
    (row,) = dataset(world, "sub\\a.jpg").rows()
    assert row.sample is not None
    assert row.sample.images[0].path == world / "data/images/sub\\a.jpg"


@settings(max_examples=40, deadline=None)
@given(
    st.text(
        st.characters(categories=["L", "M", "N"], min_codepoint=0xA1, max_codepoint=0xD7FF),
        min_size=1,
        max_size=12,
    )
)
def test_names_match_in_both_unicode_forms(name: str) -> None:
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD")]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / forms[1]).mkdir()
        (Path(folder) / forms[1] / f"{forms[0]}.jpg").write_bytes(b"x")
        root = ImageRoot.at(Path(folder))
        for first in forms:
            for second in forms:
                assert root.locate(f"{first}/{second}.jpg").is_file()
                found = root.find(f"{first}\\{second}.jpg")
                assert found is not None
                assert found.is_file()
