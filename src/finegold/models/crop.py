"""MiniGPT-4's random crop: of training until November 2023, and of LVLM-eHub's evaluation.

The rule and the draws are those of torchvision's `RandomResizedCrop(224, scale=(0.5, 1))`: with the seed of
torch's generator the same rectangle comes out. numpy's legacy generator is the same Mersenne Twister, so
torch is not needed.
"""

import hashlib
import math

import numpy as np
from PIL import Image

_AREA = (0.5, 1.0)
_RATIO = (3 / 4, 4 / 3)
_TRIES = 10

Draws = np.random.RandomState
"""Source of draws: `Draws(seed)` draws as torch does after `torch.manual_seed(seed)`."""


def crop_box(size: tuple[int, int], draws: Draws) -> tuple[int, int, int, int]:
    """Draw a rectangle with half to all of the area and a ratio of 3:4 to 4:3 (log-uniform).

    Ten tries, then the largest central rectangle whose ratio is allowed.

    Args:
        size: Width and height of the image.
        draws: Source of the draws.

    Returns:
        Left, top, right and bottom, inside the image.
    """
    width, height = size
    low, high = (float(np.log(np.float32(ratio))) for ratio in _RATIO)
    for _ in range(_TRIES):
        area = width * height * _uniform(draws, *_AREA)
        ratio = float(np.exp(np.float32(_uniform(draws, low, high))))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top, left = _bits(draws) % (height - h + 1), _bits(draws) % (width - w + 1)
            break
    else:
        w, h = min(width, round(height * _RATIO[1])), min(height, round(width / _RATIO[0]))
        left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def random_crop(image: Image.Image, key: str) -> Image.Image:
    """A crop of the image, whose draws are seeded by a text."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return image.crop(crop_box(image.size, Draws(int.from_bytes(digest[:4], "big"))))


def _bits(draws: Draws) -> int:
    return int(draws.randint(0, 1 << 32, dtype=np.uint32))


def _uniform(draws: Draws, low: float, high: float) -> float:
    """A draw as torch's `uniform_` makes it in float32, from the last 24 of 32 bits."""
    share = np.float32((_bits(draws) & 0xFFFFFF) * 2.0**-24)
    return float(share * (np.float32(high) - np.float32(low)) + np.float32(low))
