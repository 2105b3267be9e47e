"""Every pixel layout as 8-bit RGB."""

import numpy as np
from PIL import Image

_STRIP = 4_000_000
"""Pixels that are converted at a time."""


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert a loaded image; 16-bit grey is scaled, transparent pixels are laid on white.

    Raises:
        ValueError: If its pixels have no range that is known.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers without a range")
    if image.width * image.height <= _STRIP:
        return _convert(image)
    # In strips: layers and wide numbers take several times the memory of the picture.
    rgb, height = Image.new("RGB", image.size), max(1, _STRIP // image.width)
    for top in range(0, image.height, height):
        strip = image.crop((0, top, image.width, min(top + height, image.height)))
        rgb.paste(_convert(strip), (0, top))
    return rgb


def convert_alone(image: Image.Image) -> Image.Image:
    """Pillow's conversion to RGB; raises ValueError if it has none."""
    return image.convert("RGB")


def _convert(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _from_integers(image).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, layered).convert("RGB")
    return image.convert("RGB")


def _from_integers(image: Image.Image) -> Image.Image:
    """16-bit grey to 8 bits: value / 257, so that 65535 becomes 255."""
    pixels = np.asarray(image)
    if pixels.size and (pixels.min() < 0 or pixels.max() > 65535):
        raise ValueError("its pixels are 32-bit numbers beyond the 16-bit range")
    return Image.fromarray(((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8))
