"""MiniGPT-4's training crop, which LVLM-eHub applied to the images that it evaluated."""

import hashlib
import math
import random

from PIL import Image

SIDE = 224
_AREA = (0.5, 1.0)
_RATIO = (3 / 4, 4 / 3)
_TRIES = 10


def random_crop(image: Image.Image, *, seed: int, item: str) -> Image.Image:
    """Half to all of the area at an aspect ratio of 3:4 to 4:3, resized to 224 by 224 (bicubic).

    The rule of torchvision's `RandomResizedCrop(224, scale=(0.5, 1))`, from draws of its own.

    Args:
        image: RGB.
        seed: Of the run.
        item: Of the image's item, so that a crop does not depend on what ran before.
    """
    digest = hashlib.sha256(f"{seed}/{item}".encode("utf-8", "surrogatepass")).digest()
    rng = random.Random(int.from_bytes(digest[:8], "big"))
    width, height = image.size
    for _ in range(_TRIES):
        area = width * height * rng.uniform(*_AREA)
        ratio = math.exp(rng.uniform(math.log(_RATIO[0]), math.log(_RATIO[1])))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = rng.randint(0, width - w), rng.randint(0, height - h)
            break
    else:
        # A long image: its middle, as wide or as high as the ratio allows.
        w = min(width, round(height * _RATIO[1]))
        h = min(height, round(width / _RATIO[0]))
        left, top = (width - w) // 2, (height - h) // 2
    return image.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=(left, top, left + w, top + h))
