"""Small pictures inside the HTML file."""

from base64 import b64encode
from io import BytesIO

from PIL import Image

from finegold.errors import ConfigError
from finegold.samples.pixels import to_rgb

SIDE = 168
MAX_BYTES = 8_000


def thumbnail(image: Image.Image, *, side: int = SIDE, max_bytes: int = MAX_BYTES) -> bytes:
    """Shrink an image to WebP bytes of bounded size, keeping its aspect ratio and no metadata.

    Args:
        image: Decoded image, which is not changed. Transparent parts become white.
        side: Longest side in pixels; a smaller image is not enlarged.
        max_bytes: Quality, then size, is lowered until the result fits.

    Raises:
        ConfigError: If `max_bytes` is below 200, where an image may not fit.
    """
    if max_bytes < 200:
        raise ConfigError(f"a thumbnail was limited to {max_bytes} bytes; allow at least 200")
    small = to_rgb(image)
    while True:
        # Copies: `thumbnail` works in place and would leave the next, smaller try with a twice-shrunk image.
        candidate = small.copy()
        candidate.thumbnail((side, side), Image.Resampling.LANCZOS)
        for quality in (72, 55, 35, 15):
            encoded = BytesIO()
            candidate.save(encoded, "WEBP", quality=quality, method=2)
            if encoded.tell() <= max_bytes:
                return encoded.getvalue()
        side = max(side // 2, 1)


def data_uri(webp: bytes) -> str:
    """A thumbnail as a `data:` address."""
    return f"data:image/webp;base64,{b64encode(webp).decode('ascii')}"
