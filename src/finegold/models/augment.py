"""The random crop that MiniGPT-4 trained with until November 2023: half to all of the area."""

import math
import random

from PIL import Image


def random_crop(image: Image.Image, seed: str, *, scale: tuple[float, float] = (0.5, 1.0)) -> Image.Image:
    """Cut a random rectangle of the given share of the area, with a ratio between 3:4 and 4:3 (log-uniform).

    The rule is that of torchvision's `RandomResizedCrop`: ten tries, then the largest central rectangle
    whose ratio is allowed. The tower's preprocessing squeezes the result to its input size.

    Args:
        image: RGB.
        seed: Everything that the draw depends on.
        scale: Least and largest share of the area.
    """
    draw = random.Random(seed)
    width, height = image.size
    for _ in range(10):
        area = width * height * draw.uniform(*scale)
        ratio = math.exp(draw.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = draw.randint(0, width - w), draw.randint(0, height - h)
            return image.crop((left, top, left + w, top + h))
    w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    left, top = (width - w) // 2, (height - h) // 2
    return image.crop((left, top, left + w, top + h))
