"""Images from untrusted files: limits before decoding, and every pixel layout as upright 8-bit RGB."""

import hashlib
import io
import stat
import warnings
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal, get_args

import numpy as np
from PIL import Image

from finegold.samples.exclusions import ImageError
from finegold.samples.fetch import fetch
from finegold.samples.sample import ImageRef

# Sizes are checked below, against a limit under Pillow's own, and damage excludes its row: Pillow's
# warnings about either would only clutter stderr.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

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
class ImageLimits:
    """Limits beyond which an image is refused before it is decoded.

    Attributes:
        pixels: Largest width times height.
        file_bytes: Largest encoded size.
        seconds: Most seconds that a fetch may take, from connecting to the last byte.
    """

    pixels: int = 64_000_000
    file_bytes: int = 256 << 20
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
    data = read_bytes(ref, limits)
    image = _load(ref, _open(ref, data, limits))
    if decoding == "original":
        try:
            return image.convert("RGB")
        except ValueError as error:
            raise _error(ref, f"cannot be shown as RGB ({error})") from None
    # Only now: Pillow turns a TIFF itself while it loads, and then forgets the orientation.
    turn = _UPRIGHT.get(orientation(image))
    rgb = _to_rgb(ref, image)
    return rgb if turn is None else rgb.transpose(turn)


def check_image(ref: ImageRef, *, limits: ImageLimits = DEFAULT_LIMITS) -> ImageFacts:
    """Find out whether `decode` would succeed, at less cost: a JPEG is decoded at an eighth of its size.

    That still reads the file to its end, so truncation is found.

    Raises:
        ImageError: If the image cannot be used.
    """
    data = read_bytes(ref, limits)
    image = _open(ref, data, limits)
    full = image.size if image.format in ("JPEG", "MPO") else None
    image.draft("RGB", (1, 1))
    loaded = _load(ref, image)
    width, height = full or loaded.size
    if orientation(loaded) >= 5:
        width, height = height, width
    if loaded.mode not in ("RGB", "L"):
        _to_rgb(ref, loaded)
    return ImageFacts(hashlib.sha256(data).hexdigest(), width, height, len(data))


def read_bytes(ref: ImageRef, limits: ImageLimits = DEFAULT_LIMITS) -> bytes:
    """The encoded bytes of an image; raises ImageError if there are none or too many."""
    if ref.data is not None:
        data = ref.data
    elif ref.url is not None:
        data = fetch(ref.url, max_bytes=limits.file_bytes, seconds=limits.seconds)
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


def _read_file(ref: ImageRef, path: Path, limits: ImageLimits) -> bytes:
    try:
        found = path.stat()
        # Before opening: a named pipe would block, a device would not end.
        if not stat.S_ISREG(found.st_mode):
            raise _error(ref, "is a folder or device, not a file")
        _check_size(ref, found.st_size, limits)
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        where = f"is not at {path}: --images names the folder that images are in"
        raise _error(ref, where, "missing-image") from None
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise _error(ref, f"cannot be read ({why})") from None


def _open(ref: ImageRef, data: bytes, limits: ImageLimits) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=_OPENED)
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
    if format != "MPO" and getattr(image, "is_animated", False):
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


def _load(ref: ImageRef, image: Image.Image) -> Image.Image:
    try:
        image.load()
    except Exception as error:
        # Decoders raise whatever a damaged file leads them to, from SyntaxError to struct.error.
        text = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        if "truncated" in text.lower() or isinstance(error, EOFError):
            raise _error(ref, *_CUT_OFF) from None
        if isinstance(error, Image.DecompressionBombError):
            raise _error(ref, "unpacks to too much", "large-image") from None
        raise _error(ref, f"cannot be decoded ({text})") from None
    return image


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(ref: ImageRef, image: Image.Image) -> Image.Image:
    mode, transparent = image.mode, "transparency" in image.info
    try:
        if mode == "RGB" and not transparent:
            return image
        if mode == "I" or mode.startswith("I;16"):
            return _from_integers(image).convert("RGB")
        if mode == "F":
            raise ValueError("its pixels are floating-point numbers without a range")
        if mode in ("RGBA", "LA", "PA", "La", "RGBa") or transparent:
            layered = image.convert("RGBA")
            white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
            return Image.alpha_composite(white, layered).convert("RGB")
        return image.convert("RGB")
    except ValueError as error:
        raise _error(ref, f"cannot be shown as RGB ({error})") from None


def _from_integers(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits: value / 257, so that 65535 becomes 255."""
    pixels = np.asarray(image)
    if pixels.size and (pixels.min() < 0 or pixels.max() > 65535):
        raise ValueError("its pixels are 32-bit numbers beyond the 16-bit range")
    return Image.fromarray(((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8))
