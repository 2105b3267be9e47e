"""Photos with captions, on which the offline models are trained."""

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from finegold.engines import map_ordered
from finegold.errors import DataError, why_unread
from finegold.run import file_sha256


@dataclass(frozen=True, slots=True)
class CaptionedPhotos:
    """Photos and their captions.

    Attributes:
        folder: Folder of the photos.
        names: File names, sorted.
        captions: Captions of each photo, unchanged, in the order of the file.
    """

    folder: Path
    names: tuple[str, ...]
    captions: tuple[tuple[str, ...], ...]

    @property
    def starts(self) -> list[int]:
        """Position of each photo's first caption in a list of all captions, then the length of that list."""
        return [0, *accumulate(len(captions) for captions in self.captions)]

    def without(self, hashes: Collection[str]) -> "CaptionedPhotos":
        """The photos without those whose file has one of these sha256."""
        found = map_ordered(lambda name: file_sha256(self.folder / name), self.names)
        return self.subset([place for place, sha256 in enumerate(found) if sha256 not in hashes])

    def subset(self, rows: Collection[int]) -> "CaptionedPhotos":
        """The photos at these places."""
        return CaptionedPhotos(
            self.folder, tuple(self.names[i] for i in rows), tuple(self.captions[i] for i in rows)
        )

    def identity(self) -> str:
        """Hex sha256 of names and captions."""
        text = "\n".join("\t".join((n, *c)) for n, c in zip(self.names, self.captions, strict=True))
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_photos(path: Path, folder: Path) -> CaptionedPhotos:
    """Read lines `file name TAB caption`, each photo several times (Flickr8k's layout).

    Raises:
        DataError: If a line is otherwise, or a photo is not in the folder.
    """
    found: dict[str, list[str]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the captions {path} cannot be read ({why_unread(error)}): give a UTF-8 file"
        ) from None
    for number, line in enumerate(lines, 1):
        name, tab, caption = line.partition("\t")
        if not tab or not caption.strip():
            raise DataError(
                f"{path.name} line {number} is {line[:60]!r}, expected a file name, a tab and a caption"
            )
        found.setdefault(name, []).append(caption)
    names = sorted(found)
    for name in names:
        if not (folder / name).is_file():
            raise DataError(f"{path.name} names the photo {name}, which is not in {folder}: give its folder")
    if not names:
        raise DataError(f"{path.name} holds no caption, expected lines of a file name, a tab and a caption")
    return CaptionedPhotos(folder, tuple(names), tuple(tuple(found[name]) for name in names))


def as_sentence(caption: str) -> str:
    """A caption as a sentence: single spaces, none before punctuation, a capital and a full stop."""
    text = re.sub(r"\s+([.,;:!?'])", r"\1", " ".join(caption.split())).strip(' ."')
    return text[:1].upper() + text[1:] + "."
