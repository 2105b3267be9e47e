from pathlib import Path

from PIL import Image

from finegold.samples.check import check
from finegold.samples.image_folder import ImageFiles, image_files


def test_a_folder_of_images_is_read_by_name_and_bad_ones_are_found(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg"):
        Image.new("RGB", (8, 8), "red").save(tmp_path / name)
    (tmp_path / "c.png").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("not an image")
    dataset = ImageFiles(tmp_path)

    checked = [check(row) for row in dataset.rows()]

    assert [one.row.id for one in checked] == ["a.jpg", "b.png", "c.png"]
    assert [one.exclusion is None for one in checked] == [True, True, False]
    assert [row.id for row in dataset.rows(1)] == ["b.png", "c.png"]
    assert dataset.locate("a.jpg") == tmp_path / "a.jpg"


def test_one_image_is_a_dataset_of_one_and_other_files_are_none(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("not an image")
    assert [row.id for row in ImageFiles(tmp_path / "a.png").rows()] == ["a.png"]
    assert image_files(tmp_path / "notes.txt") == []
    assert image_files(tmp_path / "gone") == []
