"""Images alone, as a dataset: what a selection may move towards. Nothing is chosen from it or written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from finegold.errors import DataError
from finegold.samples.dataset import Dataset, ReadOptions, WrittenSubset
from finegold.samples.images import SUFFIXES
from finegold.samples.sample import IMAGE_PLACEHOLDER, ImageRef, Row, Sample, Turn

_KNOWN = frozenset().union(*SUFFIXES.values())


@dataclass
class ImageFiles(Dataset):
    """The images of one folder, by name, or one image; folders below are not entered."""

    format: ClassVar[str] = "images"

    path: Path
    options: ReadOptions = field(default_factory=ReadOptions)

    def __post_init__(self) -> None:
        self.image_root = self.path if self.path.is_dir() else self.path.parent
        self._files = image_files(self.path)

    def rows(self, start: int = 0) -> Iterator[Row]:
        """One row an image; its id and its answer are the file's name."""
        for index, file in enumerate(self._files[start:], start=start):
            turns = (Turn("user", IMAGE_PLACEHOLDER), Turn("assistant", file.name))
            sample = Sample(file.name, (ImageRef(file.name, path=file),), turns, {"image": file.name})
            yield Row(index, file.name, sample, None, file.name)

    def count(self) -> int:
        """Number of images."""
        return len(self._files)

    def files(self) -> list[Path]:
        """The folder, whose time changes with its list of images, or the image."""
        return [self.path]

    def locate(self, name: str) -> Path | None:
        """The image of that name."""
        return None if self.image_root is None else self.image_root / name

    def write(self, out: Path, keep: Sequence[int], *, link: bool = False) -> WrittenSubset:
        """Not possible: there are no records."""
        del out, keep, link
        raise DataError(f"{self.path} holds images without records, so no subset of it can be written")


def image_files(path: Path) -> list[Path]:
    """The image files that a path means, by name; empty if it is no image and no folder with any."""
    found = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    return [file.absolute() for file in found if file.suffix.lower() in _KNOWN and file.is_file()]
