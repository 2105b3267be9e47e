"""What a bomb is: a dataset that is small and unpacks to much, with what must come of it."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TURNS = [
    {"role": "user", "content": "<image>What is it?"},
    {"role": "assistant", "content": "A plain picture."},
]


@dataclass(frozen=True)
class Bomb:
    """A dataset, and what must come of it.

    Attributes:
        make: Writes it to a folder; returns the file or folder to open.
        usable: Rows that can be used; None if the command must refuse it in one sentence.
        options: Options of `pick`.
        then: A further command on the run folder.
        quick: Whether the short form has it too.
    """

    make: Callable[[Path], Path]
    usable: int | None
    options: str = "--preset length-only"
    then: str = ""
    quick: bool = True


def photo(width: int, height: int, shade: int = 0) -> Image.Image:
    """A picture of plain colours that any format packs well."""
    across = np.linspace(0, 255, width).astype(np.uint8)
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = across[None, :, None]
    pixels[:, :, 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    pixels[:, :, 2] = 37 * shade % 256
    return Image.fromarray(pixels)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """An image as a file of a format."""
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()
