import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from finegold.models.crop import Draws, crop_box, random_crop


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 2**32 - 1))
def test_a_crop_lies_inside_and_keeps_half_or_more_where_it_can(width: int, height: int, seed: int) -> None:
    left, top, right, bottom = crop_box((width, height), Draws(seed))
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    if width == height and width > 20:
        assert (right - left) * (bottom - top) >= 0.45 * width * height


@pytest.mark.parametrize(
    ("size", "seed", "box"),
    [
        ((640, 427), 0, (33, 2, 521, 421)),
        ((640, 427), 1, (149, 18, 617, 427)),
        ((640, 427), 42, (30, 7, 526, 388)),
        ((64, 48), 0, (3, 3, 55, 47)),
        ((64, 48), 42, (2, 0, 63, 48)),
        ((30, 400), 0, (0, 180, 30, 220)),
    ],
)
def test_a_crop_is_that_of_torchvision(
    size: tuple[int, int], seed: int, box: tuple[int, int, int, int]
) -> None:
    """From `RandomResizedCrop.get_params` of torchvision 0.28 after `torch.manual_seed(seed)`."""
    assert crop_box(size, Draws(seed)) == box


def test_the_crop_is_cut_before_it_is_resized() -> None:
    """Pixels of torchvision's crop and bicubic resize; a resize of the box mixes in what lies around it."""
    y, x = np.mgrid[:48, :64]
    pixels = np.stack([(x * 37 + y * 11) % 256, (x * x + y * 5) % 256, (x * y * 3) % 256], 2)
    image = Image.fromarray(pixels.astype(np.uint8))
    cropped = image.crop(crop_box(image.size, Draws(42))).resize((224, 224), Image.Resampling.BICUBIC)
    found = [cropped.getpixel(place) for place in ((0, 0), (223, 0), (100, 57), (223, 223))]
    assert found == [(69, 2, 0), (255, 0, 0), (174, 124, 55), (255, 254, 17)]


def test_crops_are_seeded_and_differ() -> None:
    image = Image.linear_gradient("L").resize((256, 200))
    crops = [random_crop(image, seed).tobytes() for seed in ("a", "a", "b")]
    assert crops[0] == crops[1] != crops[2]
