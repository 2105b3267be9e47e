from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from finegold.models.augment import random_crop


@given(st.integers(1, 400), st.integers(1, 400), st.integers())
def test_a_crop_lies_inside_and_keeps_half_or_more_where_it_can(width: int, height: int, seed: int) -> None:
    crop = random_crop(Image.new("RGB", (width, height)), str(seed))
    assert 1 <= crop.width <= width
    assert 1 <= crop.height <= height
    if width == height and width > 20:
        assert crop.width * crop.height >= 0.45 * width * height


def test_crops_are_seeded_and_differ() -> None:
    image = Image.linear_gradient("L").convert("RGB")
    assert random_crop(image, "a").tobytes() == random_crop(image, "a").tobytes()
    assert random_crop(image, "a").tobytes() != random_crop(image, "b").tobytes()
