"""Images alone, as a dataset: what a selection may move towards. Nothing is chosen from it or written."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.samples.dataset import DataFiles, Dataset
from finegold.samples.image_fields import RawImage
from finegold.samples.images import IMAGE_SUFFIXES
from finegold.samples.records import Parsed
from finegold.samples.roots import ImageRoot
from finegold.samples.sample import IMAGE_PLACEHOLDER, ImageRef, Row, Sample, Turn


class ImageFiles(Dataset):
    """The images of one folder, by name, or one image; folders below are not entered."""

    format = "images"

    def __init__(self, path: Path) -> None:
        super().__init__(DataFiles(path, [path]))
        self._files = image_files(path)

    @classmethod
    def fit(cls, source: DataFiles) -> float:
        """Never: `open_dataset` takes no folder of images."""
        del source
        return 0.0

    def find_root(self) -> ImageRoot:
        """The folder itself, or the folder of the image."""
        return ImageRoot(self.path if self.path.is_dir() else self.path.parent)

    def count(self) -> int:
        """Number of images."""
        return len(self._files)

    def records(self, start: int = 0) -> Iterator[tuple[str, Any]]:
        """One record an image."""
        return ((file.name, {"image": file.name}) for file in self._files[start:])

    def parse(self, record: Any) -> Parsed:
        """The image; its id and its answer are the file's name."""
        name = record["image"]
        return Parsed(name, (RawImage(name),), (Turn("user", IMAGE_PLACEHOLDER), Turn("assistant", name)))

    def locate_image(self, image: RawImage) -> ImageRef:
        """The file of that name, also where it is a link that leaves the folder."""
        return ImageRef(image.name, path=self.locate(image.name))

    def write_records(self, out: Path, keep: set[int]) -> tuple[Path, int]:
        """Refuse: a folder of images has no records. Raises DataError."""
        del out, keep
        raise DataError(f"{self.path} holds images without records, so no subset of it can be written")


class ImageList(Dataset):
    """Images from anywhere, one a row, to be hashed and embedded; their ids are their positions."""

    format = "images"

    def __init__(self, images: Sequence[ImageRef]) -> None:
        super().__init__(DataFiles(Path(), []), ImageRoot(None))
        self._images = images

    @classmethod
    def fit(cls, source: DataFiles) -> float:
        """Never: it is made of images, not of files."""
        del source
        return 0.0

    def count(self) -> int:
        """Number of images."""
        return len(self._images)

    def records(self, start: int = 0) -> Iterator[tuple[str, Any]]:
        """One record an image."""
        return ((image.name, image) for image in self._images[start:])

    def row(self, index: int, place: str, record: Any) -> Row:
        """The row of an image."""
        return Row(index, place, Sample(str(index), (record,), (), record), None, str(index))

    def write_records(self, out: Path, keep: set[int]) -> tuple[Path, int]:
        """Refuse: images without records. Raises DataError."""
        del out, keep
        raise DataError("images without records are no dataset, so no subset of them can be written")


def image_files(path: Path) -> list[Path]:
    """The image files that a path means, by name; empty if it is no image and no folder with any."""
    found = [path] if path.is_file() else sorted(path.iterdir()) if path.is_dir() else []
    return [file.absolute() for file in found if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()]
