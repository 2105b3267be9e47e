"""MiniGPT-4's random crop: of training until November 2023, and of LVLM-eHub's evaluation."""

import math
import random

_AREA = (0.5, 1.0)
_RATIO = (3 / 4, 4 / 3)
_TRIES = 10


def crop_box(size: tuple[int, int], draw: random.Random) -> tuple[int, int, int, int]:
    """Draw a rectangle with half to all of the area and a ratio of 3:4 to 4:3 (log-uniform).

    The rule is that of torchvision's `RandomResizedCrop(scale=(0.5, 1))`: ten tries, then the largest central
    rectangle whose ratio is allowed.

    Args:
        size: Width and height of the image.
        draw: Source of the draws.

    Returns:
        Left, top, right and bottom, inside the image.
    """
    width, height = size
    for _ in range(_TRIES):
        area = width * height * draw.uniform(*_AREA)
        ratio = math.exp(draw.uniform(math.log(_RATIO[0]), math.log(_RATIO[1])))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = draw.randint(0, width - w), draw.randint(0, height - h)
            break
    else:
        w, h = min(width, round(height * _RATIO[1])), min(height, round(width / _RATIO[0]))
        left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h
