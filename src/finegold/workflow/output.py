"""The folder that a selection is written to: whole, or not there."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

from finegold.errors import ConfigError
from finegold.run import filled_folder, lock_beside
from finegold.samples import Dataset, WrittenSubset
from finegold.samples.reading import NOTE as COLUMNS_NOTE
from finegold.selection.manifest import MANIFEST, TABLE

REPORT = "report.html"


@contextmanager
def output_folder(out: Path, made_here: set[str]) -> Iterator[Path]:
    """Give a folder to fill; it takes the place of `out` when the block ends well.

    Args:
        out: Must not exist, be empty, or hold nothing but what an earlier selection left there.
        made_here: Names that a selection of this dataset writes, besides the manifest and the report.

    Raises:
        ConfigError: If `out` holds other things.
        RunError: If another process writes it.
    """
    with filled_folder(out, lambda: check_free(out.resolve(), made_here)) as filling:
        yield filling


def output_lock(out: Path) -> AbstractContextManager[None]:
    """The lock of an output folder: a second process that would write it is told at once.

    Raises:
        RunError: If another process holds it.
    """
    return lock_beside(out.resolve(), "give --out another folder", again=True)


def check_free(out: Path, made_here: set[str]) -> None:
    """Raise ConfigError unless `out` can be (over)written without losing anything of the user's."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ConfigError(f"{out} is a file: give --out a new folder")
    names = {entry.name for entry in out.iterdir()}
    others = names - made_here - {MANIFEST, TABLE, REPORT}
    if names and (others or not names & {MANIFEST, TABLE, REPORT}):
        found = ", ".join(sorted(others or names)[:4])
        raise ConfigError(f"{out} holds other files ({found}): give --out a new folder, or empty this one")


def relocated(subset: WrittenSubset, filled: Path, out: Path) -> WrittenSubset:
    """The subset that was written to the filling folder, where it lies now."""
    images = None if subset.images is None else out / subset.images.relative_to(filled)
    return replace(subset, data=out / subset.data.relative_to(filled), images=images)


def subset_names(dataset: Dataset) -> set[str]:
    """Top-level names that a subset of this dataset may write."""
    return dataset.written_names() | {"images", "image", "state.json", "dataset_info.json", COLUMNS_NOTE}
