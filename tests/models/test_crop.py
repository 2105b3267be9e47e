import random

from hypothesis import given
from hypothesis import strategies as st

from finegold.models.crop import crop_box


@given(st.integers(1, 400), st.integers(1, 400), st.integers())
def test_a_crop_lies_inside_and_keeps_half_or_more_where_it_can(width: int, height: int, seed: int) -> None:
    left, top, right, bottom = crop_box((width, height), random.Random(seed))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    if width == height and width > 20:
        assert (right - left) * (bottom - top) >= 0.45 * width * height


def test_crops_are_seeded_and_differ() -> None:
    boxes = [crop_box((256, 200), random.Random(seed)) for seed in ("a", "a", "b")]
    assert boxes[0] == boxes[1] != boxes[2]
