"""The image root: the folder of the images that records name by path, and how they are copied.

Relative paths are relative to the root. An absolute path is allowed inside the root only. A written subset
holds its records unchanged, so an absolute path in it still names the original file; `write_images`
therefore leaves a file `.moved-from` in the new root that names the former one, one path a line, and
absolute paths below that are looked up in the new root.
"""

# os.path costs a tenth of pathlib, and this runs once an image.
# ruff: noqa: PTH117, PTH118
import os
import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from finegold.errors import DataError
from finegold.samples.exclusions import RowError
from finegold.samples.image_fields import RawImage
from finegold.samples.sample import ImageRef

MOVED_FROM = ".moved-from"
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class ImageRoot:
    """The folder below which images are read, and what else may be read.

    Attributes:
        folder: Absolute, without symbolic links; None if images can only be bytes or URLs.
        allow_urls: Whether a record may name a URL.
        former: The roots that a subset's absolute paths still name, and this root as the user named it.
    """

    folder: Path | None
    allow_urls: bool = False
    former: tuple[str, ...] = ()

    @classmethod
    def at(cls, folder: Path, *, allow_urls: bool = False) -> "ImageRoot":
        """The root at an existing folder; raises DataError if it is none."""
        if not folder.is_dir():
            found = "a file" if folder.exists() else "nothing"
            raise DataError(f"the image folder {folder} is {found}, expected a folder: check --images")
        note = folder / MOVED_FROM
        former = note.read_text("utf-8", "replace").splitlines() if note.is_file() else []
        return cls(folder.resolve(), allow_urls, (*former, str(folder.absolute())))

    def ref(self, image: RawImage) -> ImageRef:
        """Locate an image; the file need not exist.

        Raises:
            RowError: If the path leaves the root, or a URL is not allowed.
        """
        if image.data is not None:
            return ImageRef(image.name, data=image.data)
        if _SCHEME.match(image.name) and not image.name.startswith("file://"):
            return self._url(image.name)
        return ImageRef(image.name, path=self.locate(image.name))

    def locate(self, name: str) -> Path:
        """The file that a path in a record means: inside the root, `..` resolved, symbolic links not.

        Raises:
            RowError: If it lies outside of the root, also through a symbolic link.
        """
        if self.folder is None:
            raise RowError(
                f"the image '{name}' is a path and this dataset has no image folder: name it with --images",
                "outside-root",
            )
        if "\0" in name:
            raise RowError(f"the image path {name!r} holds a null character")
        root = str(self.folder)
        relative = os.path.normpath(name.removeprefix("file://"))
        if os.path.isabs(relative):
            former = next((folder for folder in self.former if _inside(relative, folder)), relative)
            relative = os.path.relpath(relative, former) if former != relative else relative
        path = os.path.normpath(os.path.join(root, relative))
        if not _inside(path, root) or not _inside(os.path.realpath(path), root):
            raise RowError(
                f"the image path '{name}' leaves the image folder {root}: images are read from inside "
                "it only, and --images names another",
                "outside-root",
            )
        return Path(path)

    def find(self, name: str) -> Path | None:
        """The file that a path means, without a look at links as in `locate`; None if there is none."""
        if self.folder is None or "\0" in name:
            return None
        if name.startswith(("file://", os.sep)):
            with suppress(RowError):
                return self.locate(name)
            return None
        return Path(os.path.normpath(f"{self.folder}{os.sep}{name}"))

    def _url(self, url: str) -> ImageRef:
        try:
            host = urlsplit(url).hostname
        except ValueError:
            host = None
        if not url.lower().startswith(("http://", "https://")) or not host:
            raise RowError(f"the image '{url}' is no http or https address", "url-not-allowed")
        if not self.allow_urls:
            raise RowError(f"the image '{url}' is a URL: --allow-urls fetches it", "url-not-allowed")
        return ImageRef(url, url=url)


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(root if root.endswith(os.sep) else root + os.sep)


def write_images(root: ImageRoot, refs: Iterable[ImageRef], target: Path, *, link: bool) -> int:
    """Copy the files that `refs` name to the same place below `target`, each once.

    Bytes and URLs need no copy. `target` is made if there is anything to put there. With `link` the files are
    hard-linked where the file system allows it.

    Returns:
        Number of files copied or linked.

    Raises:
        DataError: If a file cannot be read or written.
    """
    done: set[Path] = set()
    absolute = False
    for ref in refs:
        if ref.path is not None and root.folder is not None:
            absolute = absolute or os.path.isabs(ref.name.removeprefix("file://"))
            if ref.path not in done:
                _copy(ref.path, target / ref.path.relative_to(root.folder), link)
            done.add(ref.path)
    if absolute:
        former = dict.fromkeys((*root.former, str(root.folder)))
        (target / MOVED_FROM).write_text("".join(f"{folder}\n" for folder in former), "utf-8")
    return len(done)


def _copy(source: Path, target: Path, link: bool) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.samefile(source):
            return
        target.unlink(missing_ok=True)
        if link:
            with suppress(OSError):
                os.link(source.resolve(), target)
                return
        shutil.copyfile(source, target)
    except OSError as error:
        raise DataError(
            f"the image {source} could not be copied to {target} ({error.strerror or error}): "
            "check that it is readable and that there is room"
        ) from error
