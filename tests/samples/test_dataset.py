"""What holds of every format: a written subset gives the same samples and records."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finegold.errors import DataError
from finegold.samples import FORMATS, Dataset, Sample, open_dataset
from finegold.samples.images import decode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
IDS = st.lists(
    st.from_regex(r"[A-Za-z0-9_\-]{1,8}", fullmatch=True), min_size=2, max_size=7, unique_by=str.lower
)
Maker = Callable[..., Path]


def samples(dataset: Dataset) -> dict[int, Sample]:
    rows = list(dataset.rows())
    assert [row.exclusion for row in rows] == [None] * len(rows)
    return {row.index: row.sample for row in rows if row.sample is not None}


def essence(sample: Sample) -> tuple[Any, ...]:
    images = [(image.name, image.data, decode(image).tobytes()) for image in sample.images]
    return sample.id, sample.turns, sample.record, images


@pytest.mark.parametrize("format", FORMATS.names())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_subset_reads_back_as_the_rows_that_were_kept(
    write_dataset: Maker, format: str, data: st.DataObject
) -> None:
    ids = data.draw(IDS)
    captions = data.draw(st.lists(TEXT, min_size=len(ids), max_size=len(ids)))
    keep = data.draw(st.lists(st.sampled_from(range(len(ids))), min_size=1, unique=True))
    with tempfile.TemporaryDirectory() as name:
        folder, out = Path(name), Path(name) / "out"
        out.mkdir()
        (out / "selection.json").write_text("{}")
        (out / "report.html").write_text("")
        source = open_dataset(write_dataset(folder / "in", format, captions, ids))
        assert source.format == format
        whole = samples(source)
        assert source.count() == len(whole) == len(ids)
        written = source.write(out, keep)
        assert written.rows == len(keep)
        expected = [essence(whole[index]) for index in sorted(keep)]
        for again in (open_dataset(written.data, images=written.images), open_dataset(out)):
            assert again.format == format
            assert [essence(sample) for sample in samples(again).values()] == expected


@pytest.mark.parametrize("format", FORMATS.names())
def test_reading_can_start_anywhere(write_dataset: Maker, tmp_path: Path, format: str) -> None:
    dataset = open_dataset(
        write_dataset(tmp_path / "in", format, [f"text {n}" for n in range(9)], [f"i{n}" for n in range(9)])
    )
    rows = list(dataset.rows())
    for start in range(10):
        assert list(dataset.rows(start)) == rows[start:]


@pytest.mark.parametrize("format", FORMATS.names())
def test_positions_that_do_not_exist_are_refused(write_dataset: Maker, tmp_path: Path, format: str) -> None:
    dataset = open_dataset(write_dataset(tmp_path / "in", format, ["a", "b"], ["x", "y"]))
    for keep in ([0, 2], [1, 1], [-1]):
        with pytest.raises(DataError, match="position"):
            dataset.write(tmp_path, keep)


@pytest.mark.parametrize("format", FORMATS.names())
def test_a_subset_does_not_overwrite_its_source(write_dataset: Maker, tmp_path: Path, format: str) -> None:
    path = write_dataset(tmp_path / "in", format, ["a", "b"], ["x", "y"])
    dataset = open_dataset(path)
    with pytest.raises(DataError, match="itself"):
        dataset.write(dataset.files()[0].parent, [0])
    assert len(samples(open_dataset(path))) == 2


@pytest.mark.parametrize("format", FORMATS.names())
def test_rows_can_be_numbered_instead(write_dataset: Maker, tmp_path: Path, format: str) -> None:
    path = write_dataset(tmp_path / "in", format, ["a", "b", "c"], ["x", "y", "z"])
    # The rows of a mix are numbered in each source.
    expected = ["one/0", "one/1", "two/0"] if format == "mix" else ["0", "1", "2"]
    assert [row.id for row in open_dataset(path, ids="row").rows()] == expected


def test_images_are_linked_when_asked(write_dataset: Maker, tmp_path: Path) -> None:
    path = write_dataset(tmp_path / "in", "llava", ["a", "b"], ["x", "y"])
    (tmp_path / "out").mkdir()
    open_dataset(path).write(tmp_path / "out", [1], link=True)
    assert (tmp_path / "out/images/y.jpg").samefile(tmp_path / "in/images/y.jpg")
    assert not (tmp_path / "out/images/x.jpg").exists()


def test_a_first_row_that_cannot_be_read_is_a_bad_row_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "data.tsv"
    path.write_text("index\timage\tquestion\tanswer\n1\tno.png\tWhat?\n2\t\tWho?\tA cat.\n")
    first, second = open_dataset(path).rows()
    assert first.exclusion is not None
    assert "3 cells, expected 4" in first.exclusion.reason
    assert second.exclusion is None
