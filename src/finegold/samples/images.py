"""Images from untrusted files: limits before decoding, and every pixel layout as upright 8-bit RGB."""

import hashlib
import io
import stat
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal, TypeVar, get_args

from PIL import Image

from finegold.samples.containers import find_excess, notes_excess, with_end_marker, without_large_notes
from finegold.samples.exclusions import ImageError
from finegold.samples.fetch import fetch
from finegold.samples.image_cache import image_cache, is_remote
from finegold.samples.memory_budget import MemoryBudget
from finegold.samples.pixels import convert_alone, to_rgb

# Sizes are checked below, against a limit under Pillow's own, and damage excludes its row: Pillow's
# warnings about either would only clutter stderr.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

T = TypeVar("T")

SUFFIXES: dict[str, frozenset[str]] = {
    "JPEG": frozenset({".jpg", ".jpeg", ".jpe", ".jfif"}),
    "MPO": frozenset({".jpg", ".jpeg", ".mpo"}),
    "PNG": frozenset({".png", ".apng"}),
    "WEBP": frozenset({".webp"}),
    "BMP": frozenset({".bmp", ".dib"}),
    "GIF": frozenset({".gif"}),
    "TIFF": frozenset({".tif", ".tiff"}),
}
"""File formats that are opened, and the extensions that go with each. MPO is what some phones call a JPEG."""
IMAGE_SUFFIXES = frozenset().union(*SUFFIXES.values())
"""Every extension of an image file."""
_OPENED = tuple(format for format in SUFFIXES if format != "MPO")
"""Pillow's JPEG reader makes the MPO image itself."""
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"BM", b"GIF8", b"II*\0", b"MM\0*")
_CUT_OFF = ("ends before its last pixel: it was cut off", "truncated-image")
_ORIENTATION = 0x0112
LARGE_FILE = 16 << 20
"""Bytes of an encoded image beyond which no other is read beside it."""
MEMORY = MemoryBudget(640 << 20)
"""Bytes that the images which are decoded at the same time may take."""
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class ImageRef:
    """Where one image is; exactly one of `path`, `data` and `url` is set.

    Attributes:
        name: The reference as the record writes it, or the name inside the shard; for messages.
        path: A file, already resolved; it may not exist.
        data: Encoded bytes, from a Parquet cell or a tar member.
        url: An http(s) address.
    """

    name: str
    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    url: str | None = None


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """Limits beyond which an image is refused before it is decoded.

    Attributes:
        pixels: Largest width times height.
        file_bytes: Largest encoded size.
        fetched_bytes: Largest encoded size of an image from an address.
        seconds: Most seconds that a fetch may take, from connecting to the last byte.
    """

    pixels: int = 64_000_000
    file_bytes: int = 256 << 20
    fetched_bytes: int = 64 << 20
    seconds: float = 30.0


DEFAULT_LIMITS = ImageLimits()

Decoding = Literal["finegold", "original"]
"""How an image file becomes RGB. `original` is Pillow's `convert("RGB")` alone, as MiniGPT-4 and LVLM-eHub
call it: no turning by EXIF, transparent pixels keep the colour that they hide, 16-bit grey is cut at 255."""
DECODINGS: tuple[Decoding, ...] = get_args(Decoding)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What a check found about an image.

    Attributes:
        sha256: Hex sha256 of the encoded bytes.
        width: Width in pixels, upright.
        height: Height in pixels, upright.
        file_bytes: Encoded size in bytes.
    """

    sha256: str
    width: int
    height: int
    file_bytes: int


def decode(
    ref: ImageRef, *, limits: ImageLimits = DEFAULT_LIMITS, decoding: Decoding = "finegold"
) -> Image.Image:
    """Decode an image to RGB, upright by its EXIF orientation.

    16-bit grey is scaled to 8 bits; transparent pixels are laid on white; CMYK and palettes are converted.

    Args:
        ref: The image.
        limits: Limits beyond which it is refused.
        decoding: `original` for Pillow's conversion alone, to compare with other code.

    Raises:
        ImageError: If it cannot be used.
    """
    return with_image(ref, _itself, limits=limits, decoding=decoding)


def with_image(
    ref: ImageRef,
    use: Callable[[Image.Image], T],
    *,
    limits: ImageLimits = DEFAULT_LIMITS,
    decoding: Decoding = "finegold",
) -> T:
    """Decode an image as `decode` does, and give it to a function that keeps no hold of it.

    Threads that decode images so never hold more than `MEMORY` together, unless one image alone needs more.

    Args:
        ref: The image.
        use: Makes something small of it, an embedding's input or a hash. Decodes nothing itself.
        limits: What is refused before it is decoded.
        decoding: As in `decode`.

    Raises:
        ImageError: If the image cannot be used.
    """

    def upright(data: bytes) -> T:
        image = _open(ref, data, limits)
        with _reserve(_memory_of(image, data, image.size), data):
            image = _load(ref, image, data)
            if decoding == "original":
                return use(_shown_as_rgb(ref, convert_alone, image))
            # Only now: Pillow turns a TIFF itself while it loads, and then forgets the orientation.
            turn = _UPRIGHT.get(orientation(image))
            image = _shown_as_rgb(ref, to_rgb, image)
            if turn is not None:
                image = image.transpose(turn)
            return use(image)

    return _with_bytes(ref, limits, upright)


def decoded_bytes(ref: ImageRef) -> int:
    """Bytes that `decode` would return, from the image's header; those of a 12-megapixel photo if unknown.

    0 for an image that cannot be used; `decode` says why.
    """
    if ref.url is not None or (ref.path is not None and is_remote(ref.path)):
        return 48_000_000
    try:
        file = io.BytesIO(ref.data or b"") if ref.path is None else ref.path
        with Image.open(file, formats=_OPENED) as image:
            return 4 * image.width * image.height
    except Exception:
        return 0


def check_image(ref: ImageRef, *, limits: ImageLimits = DEFAULT_LIMITS) -> ImageFacts:
    """Find out whether `decode` would succeed, at less cost: a JPEG is decoded at an eighth of its size.

    That still reads the file to its end, so truncation is found.

    Raises:
        ImageError: If the image cannot be used.
    """

    def facts(data: bytes) -> ImageFacts:
        image = _open(ref, data, limits)
        full = image.size
        image.draft("RGB", (1, 1))
        with _reserve(_memory_of(image, data, full), data):
            loaded = _load(ref, image, data)
            width, height = full if image.format in ("JPEG", "MPO") else loaded.size
            if orientation(loaded) >= 5:
                width, height = height, width
            if loaded.mode in ("I", "F") or loaded.mode.startswith("I;16"):
                _shown_as_rgb(ref, to_rgb, loaded)
        return ImageFacts(hashlib.sha256(data).hexdigest(), width, height, len(data))

    return _with_bytes(ref, limits, facts)


def read_bytes(ref: ImageRef, limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
    """The encoded bytes of an image; raises ImageError if there are none or too many."""
    if ref.data is not None:
        data = ref.data
    elif ref.url is not None:
        data = fetch(ref.url, max_bytes=min(limits.file_bytes, limits.fetched_bytes), seconds=limits.seconds)
    elif ref.path is not None:
        data = _read_file(ref, ref.path, limits)
    else:
        raise ImageError("the image has neither path, bytes nor address", "missing-image")
    if not data:
        raise _error(ref, "has zero bytes", "empty-image")
    _check_size(ref, len(data), limits)
    return data


def by_content(ref: ImageRef) -> ImageRef:
    """The same image without an extension: benchmarks such as LLaVA-Bench name PNG and WebP files `.jpg`.

    Raises:
        ImageError: If the file cannot be read.
    """
    return ImageRef(str(PurePath(ref.name).with_suffix("")), data=read_bytes(ref))


def image_sha256(ref: ImageRef) -> str:
    """Hex sha256 of an image's encoded bytes; raises ImageError as `read_bytes`."""
    return hashlib.sha256(read_bytes(ref)).hexdigest()


def _error(ref: ImageRef, what: str, code: str = "unreadable-image") -> ImageError:
    return ImageError(f"the image {repr(ref.name) if ref.name else 'in the record'} {what}", code)


def _check_size(ref: ImageRef, size: int, limits: ImageLimits) -> None:
    if size > limits.file_bytes:
        raise _error(ref, f"has {size:,} bytes, expected at most {limits.file_bytes:,}", "large-image")


def _file_size(path: Path | None) -> int:
    """Bytes of a file, also of one that has to be fetched; 0 if there is none."""
    try:
        return 0 if path is None else path.stat().st_size
    except (OSError, ValueError):
        return image_cache().size(path) if path and is_remote(path) else 0


def _read_file(ref: ImageRef, path: Path, limits: ImageLimits) -> bytes:
    remote = is_remote(path)
    _check_size(ref, _file_size(path), limits)
    try:
        if remote and (data := image_cache().read(path)) is not None:
            return data
        # Before opening: a named pipe would block, a device would not end.
        if not stat.S_ISREG(path.stat().st_mode):
            raise _error(ref, "is a folder or device, not a file")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        place = "is not beside the remote data" if remote else f"is not at {path}"
        raise _error(ref, f"{place}: --images names the folder that images are in", "missing-image") from None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise _error(ref, f"cannot be read ({why})") from None


def _itself(image: Image.Image) -> Image.Image:
    return image


def _with_bytes(ref: ImageRef, limits: ImageLimits, use: Callable[[bytes], T]) -> T:
    """Read the bytes of an image and use them; those of a large file while nothing else is decoded."""
    if (len(ref.data) if ref.data is not None else _file_size(ref.path)) <= LARGE_FILE:
        return use(read_bytes(ref, limits))
    with MEMORY.reserve(MEMORY.total):
        return use(read_bytes(ref, limits))


def _reserve(size: int, data: bytes) -> AbstractContextManager[None]:
    """Hold memory for decoding; a large file holds all of it already."""
    return MEMORY.reserve(size) if len(data) <= LARGE_FILE else nullcontext()


def _memory_of(image: Image.Image, data: bytes, full: tuple[int, int]) -> int:
    """Bytes that decoding an opened image takes, at most; `full` is its size before `Image.draft`.

    Pillow holds a pixel in four bytes. What is not RGB is converted, and what may lie on its side is turned,
    each into a copy. A WebP is decoded by way of three more, a progressive JPEG by way of its coefficients.
    """
    copies = 1 + (image.mode != "RGB" or "transparency" in image.info) + ("exif" in image.info)
    beside = {"WEBP": 12, "TIFF": 4}.get(image.format or "", 0)
    if image.format in ("JPEG", "MPO"):
        beside = 6 * bool(image.info.get("progressive")) + 12 * (with_end_marker(data) is not None)
    return full[0] * full[1] * beside + image.width * image.height * 4 * copies


def _open(ref: ImageRef, data: bytes, limits: ImageLimits) -> Image.Image:
    if excess := find_excess(data):
        raise _error(ref, excess, "large-image")
    try:
        image = Image.open(io.BytesIO(without_large_notes(data)), formats=_OPENED)
    except Image.DecompressionBombError:
        raise _error(ref, f"has more than {limits.pixels:,} pixels", "large-image") from None
    except Exception:
        raise _unreadable(ref, data) from None
    if image.width * image.height > limits.pixels:
        size = f"{image.width} x {image.height}"
        raise _error(ref, f"is {size}, expected at most {limits.pixels:,} pixels", "large-image")
    suffix, format = (ref.path or Path(ref.name)).suffix.lower(), image.format or ""
    if suffix in IMAGE_SUFFIXES and suffix not in SUFFIXES[format] and ref.url is None:
        raise _error(ref, f"is a {format} file", "wrong-extension")
    try:
        animated = format != "MPO" and getattr(image, "is_animated", False)
    except Exception:
        raise _unreadable(ref, data) from None
    if animated:
        what = "several pages" if format == "TIFF" else "several frames"
        raise _error(ref, f"has {what}, expected one picture", "animated-image")
    return image


def _unreadable(ref: ImageRef, data: bytes) -> ImageError:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP" and int.from_bytes(data[4:8], "little") + 8 > len(data):
        return _error(ref, *_CUT_OFF)
    if data.startswith(_MAGIC):
        return _error(ref, "has a damaged or cut-off header")
    start = ascii(data[:12].decode("latin-1"))
    return _error(ref, f"is none of {', '.join(_OPENED)}: its bytes start with {start}")


def _load(ref: ImageRef, image: Image.Image, data: bytes) -> Image.Image:
    size = image.size
    try:
        image.load()
    except Exception as error:
        if (ended := _load_endless(data, size)) is not None:
            return ended
        # Decoders raise whatever a damaged file leads them to, from SyntaxError to struct.error.
        text = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        if "truncated" in text.lower() or isinstance(error, EOFError):
            raise _error(ref, *_CUT_OFF) from None
        if isinstance(error, Image.DecompressionBombError):
            raise _error(ref, "unpacks to too much", "large-image") from None
        raise _error(ref, f"cannot be decoded ({text})") from None
    # A WebP keeps its decoder, which has two more copies of the picture.
    return image.copy() if image.format == "WEBP" else image


def _load_endless(data: bytes, size: tuple[int, int]) -> Image.Image | None:
    """The picture of a JPEG that lacks its end marker but no pixel; None for anything else."""
    if (endings := with_end_marker(data)) is None:
        return None
    pictures = [Image.open(io.BytesIO(ending), formats=("JPEG",)) for ending in endings]
    try:
        for picture in pictures:
            picture.load()
    except Exception:
        return None
    one = pictures[0]
    rows = ((0, top, one.width, top + 1) for top in range(one.height))
    if any(len({picture.crop(row).tobytes() for picture in pictures}) > 1 for row in rows):
        return None
    small = Image.open(io.BytesIO(endings[0]), formats=("JPEG",))
    small.draft("RGB", size)
    small.load()
    return small if small.size == size else one


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    if notes_excess(image.info):
        return 1
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _shown_as_rgb(
    ref: ImageRef, convert: Callable[[Image.Image], Image.Image], image: Image.Image
) -> Image.Image:
    try:
        return convert(image)
    except ValueError as error:
        raise _error(ref, f"cannot be shown as RGB ({error})") from None
