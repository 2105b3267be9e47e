"""The image root: the folder of the images that records name by path, and how they are copied.

Relative paths are relative to the root. An absolute path is allowed inside the root only. A written subset
holds its records unchanged, so an absolute path in it still names the original file; `write_images`
therefore leaves a file `.moved-from` in the new root that names the former one, one path a line, and
absolute paths below that are looked up in the new root.

A name with backslashes means separators if no file has that name, and names match in Unicode's composed and
decomposed form, as file systems and archives write either.
"""

# os.path costs a tenth of pathlib, and this runs once an image.
# ruff: noqa: PTH117, PTH118
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from finegold.errors import DataError
from finegold.samples.exclusions import RowError
from finegold.samples.image_cache import image_is_there
from finegold.samples.image_fields import RawImage
from finegold.samples.images import check_image, read_bytes
from finegold.samples.links import allowed_targets, is_inside, leaving_link, link_words
from finegold.samples.sample import ImageRef

MOVED_FROM = ".moved-from"
_NOTE_BYTES = 1 << 16
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


@dataclass(frozen=True)
class ImageRoot:
    """The folder below which images are read, and what else may be read.

    Attributes:
        folder: Absolute, without symbolic links; None if images can only be bytes or URLs.
        allow_urls: Whether a record may name a URL.
        former: The roots that a subset's absolute paths still name, and this root as the user named it.
        targets: The folders into which links may lead, see `allowed_targets`.
    """

    folder: Path | None
    allow_urls: bool = False
    former: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()

    @classmethod
    def at(cls, folder: Path, *, allow_urls: bool = False, allow_links: Path | None = None) -> "ImageRoot":
        """The root at an existing folder; raises DataError if it is none."""
        if not folder.is_dir():
            found = "is a file, expected a folder" if folder.exists() else "does not exist"
            raise DataError(f"the image folder {folder} {found}: check --images")
        former = (*_read_note(folder / MOVED_FROM), str(folder.absolute()))
        return cls(folder.resolve(), allow_urls, former, allowed_targets(folder, allow_links))

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
            former = next((folder for folder in self.former if is_inside(relative, folder)), relative)
            relative = os.path.relpath(relative, former) if former != relative else relative
        path = os.path.normpath(os.path.join(root, relative))
        if (not name.isascii() or "\\" in name) and not os.path.lexists(path):
            path = _other_spelling(root, relative) or path
        if not is_inside(path, root):
            raise RowError(
                f"the image path '{name}' leaves the image folder {root}: images are read from inside "
                "it only, and --images names another",
                "outside-root",
            )
        if (link := leaving_link(path, self.targets or (root,))) is not None:
            raise RowError(f"the image '{name}' is not read: {link_words(link)}", "outside-root")
        return Path(path)

    def find(self, name: str) -> Path | None:
        """The file that a path means, without a look at links as in `locate`; None if there is none."""
        if self.folder is None or "\0" in name:
            return None
        if name.startswith(("file://", os.sep)) or not name.isascii() or "\\" in name:
            with suppress(RowError):
                return self.locate(name)
            return None
        return Path(os.path.normpath(f"{self.folder}{os.sep}{name}"))

    def holds(self, name: str) -> bool:
        """Whether a path means a file that is there, or in its store, and may be read."""
        try:
            return image_is_there(self.locate(name))
        except (RowError, OSError, ValueError):
            return False

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


def find_image_root(
    bases: Sequence[Path],
    subfolders: Sequence[str],
    names: Sequence[str],
    *,
    allow_urls: bool = False,
    allow_links: Path | None = None,
) -> ImageRoot:
    """The folder that holds most of some images: a subfolder of a base, or a base itself.

    Args:
        bases: Folders of a dataset.
        subfolders: Names of folders in them that may hold its images.
        names: Names of images, as records have them.
        allow_urls: Whether a record may name a URL.
        allow_links: A folder into which links may lead.

    Returns:
        The first of the best; without any image, the first that exists. A subfolder that is a link out of its
        base is passed over.

    Raises:
        DataError: If only a link out of the dataset holds the images.
    """
    relative = [name for name in names if "\0" not in name and not Path(name).is_absolute()]
    best: tuple[int, ImageRoot] | None = None
    left: tuple[int, Path] | None = None
    for base in bases:
        for folder in (*(base / name for name in subfolders), base):
            if not folder.is_dir():
                continue
            root = ImageRoot.at(folder, allow_urls=allow_urls, allow_links=allow_links)
            held = sum(map(root.holds, relative))
            if folder != base and leaving_link(str(folder), allowed_targets(base, allow_links)) is not None:
                left = max(left or (held, folder), (held, folder), key=lambda one: one[0])
            elif best is None or held > best[0]:
                best = held, root
    assert best is not None  # a base is a folder that holds data
    if left is not None and left[0] > best[0]:
        raise DataError(
            f"{left[1]} is a link out of the dataset, to {left[1].resolve()}, and holds its images: name it "
            "with --images if you trust the data"
        )
    return best[1]


def _read_note(note: Path) -> list[str]:
    """The absolute paths in the note of a moved root; a link, or a file that is no such note, has none."""
    try:
        number = os.open(note, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    with os.fdopen(number, "rb") as file:
        if not stat.S_ISREG(os.fstat(number).st_mode):
            return []
        text = file.read(_NOTE_BYTES + 1)
    lines = text.decode("utf-8", "replace").splitlines() if len(text) <= _NOTE_BYTES else []
    return lines if all(map(os.path.isabs, lines)) else []


def _other_spelling(root: str, name: str) -> str | None:
    """The file inside the root that a name means with `/` for backslashes, or in another Unicode form."""
    for spelling in dict.fromkeys((name, name.replace("\\", os.sep))):
        path = os.path.normpath(os.path.join(root, spelling))
        if not is_inside(path, root):
            continue
        folder = root
        for part in Path(path).relative_to(root).parts:
            there = os.path.join(folder, part)
            if not os.path.lexists(there):
                same = None if part.isascii() else _composed_names(folder, _changed(folder))
                if same is None or (form := same.get(unicodedata.normalize("NFC", part))) is None:
                    break
                there = os.path.join(folder, form)
            folder = there
        else:
            return folder
    return None


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns  # noqa: PTH116 - as above
    except OSError:
        return 0


@lru_cache(maxsize=32)
def _composed_names(folder: str, changed: int) -> dict[str, str]:
    """The names in a folder that are not ASCII, by their composed form."""
    del changed  # a folder is listed again when it has changed
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are what is asked for
    except OSError:
        return {}
    return {unicodedata.normalize("NFC", name): name for name in sorted(names) if not name.isascii()}


def write_images(root: ImageRoot, refs: Iterable[ImageRef], target: Path, *, link: bool) -> int:
    """Copy the images that `refs` name to the same place below `target`, each once.

    A file that cannot be decoded as an image is not copied. Bytes and URLs need no copy. `target` is made if
    there is anything to put there. With `link` the files are hard-linked where the file system allows it.

    Returns:
        Number of files copied or linked.

    Raises:
        DataError: If a file is no image, or cannot be read or written.
    """
    done: set[Path] = set()
    absolute = False
    for ref in refs:
        if ref.path is not None and root.folder is not None:
            absolute = absolute or os.path.isabs(ref.name.removeprefix("file://"))
            if ref.path not in done:
                _copy(ref, ref.path, target / ref.path.relative_to(root.folder), link)
            done.add(ref.path)
    if absolute:
        former = dict.fromkeys((*root.former, str(root.folder)))
        (target / MOVED_FROM).write_text("".join(f"{folder}\n" for folder in former), "utf-8")
    return len(done)


def _copy(ref: ImageRef, source: Path, target: Path, link: bool) -> None:
    # The bytes that are decoded are those that are written, so that nothing else gets into a subset.
    data = read_bytes(ref)
    check_image(ImageRef(ref.name, data=data))
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.samefile(source):
            return
        target.unlink(missing_ok=True)
        if link:
            with suppress(OSError):
                os.link(source.resolve(), target)
                return
        target.write_bytes(data)
    except OSError as error:
        raise DataError(
            f"the image {source} could not be copied to {target} ({error.strerror or error}): "
            "check that it is readable and that there is room"
        ) from error
