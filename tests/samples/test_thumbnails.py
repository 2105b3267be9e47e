from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from finegold.errors import ConfigError
from finegold.samples.thumbnails import data_uri, thumbnail


def make_picture(seed: int, size: tuple[int, int] = (240, 180)) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def opened(encoded: bytes) -> Image.Image:
    return Image.open(BytesIO(encoded))


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "1", "RGBA", "LA", "CMYK", "I;16", "YCbCr"])
def test_every_mode_becomes_a_small_webp_in_its_proportions(mode: str) -> None:
    base = make_picture(1, (600, 300))
    image = Image.new("I;16", base.size, 900) if mode == "I;16" else base.convert(mode)
    small = opened(thumbnail(image, side=100))
    assert (small.format, small.size, small.mode) == ("WEBP", (100, 50), "RGB")
    assert image.size == (600, 300)


def test_noise_still_fits_the_limit() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (900, 900, 3), dtype=np.uint8))
    for limit in (200, 1_000, 8_000):
        assert len(thumbnail(noise, max_bytes=limit)) <= limit


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (5000, 1), (30, 20)])
def test_odd_shapes_are_not_enlarged(size: tuple[int, int]) -> None:
    small = opened(thumbnail(Image.new("RGB", size, "red")))
    assert small.width <= size[0]
    assert small.height <= size[1]


def test_transparent_parts_turn_white() -> None:
    small = opened(thumbnail(Image.new("RGBA", (40, 40), (200, 0, 0, 0)))).convert("RGB")
    red, green, blue = (band.getextrema()[0] for band in small.split())
    assert min(float(np.min(band)) for band in (red, green, blue)) > 245


def test_the_camera_s_metadata_is_left_behind() -> None:
    image = Image.new("RGB", (50, 50))
    exif = image.getexif()
    exif[0x010E] = "a secret place"
    stored = BytesIO()
    image.save(stored, "JPEG", exif=exif)
    assert b"secret" not in thumbnail(Image.open(stored))


def test_the_address_of_a_thumbnail_holds_its_bytes() -> None:
    small = thumbnail(make_picture(1))
    kind, _, text = data_uri(small).partition(",")
    assert kind == "data:image/webp;base64"
    assert b64decode(text) == small


def test_a_limit_that_nothing_fits_is_refused() -> None:
    with pytest.raises(ConfigError, match="200"):
        thumbnail(Image.new("RGB", (9, 9)), max_bytes=10)
