import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance

from finegold.dedup import hash_index, perceptual, perceptual_duplicates, perceptual_hash
from finegold.dedup.hash_index import BITS
from finegold.dedup.perceptual import RADIUS


def scene(seed: int) -> Image.Image:
    """Soft colours with shapes in front: structure at several scales, as a photo has."""
    rng = np.random.default_rng(seed)
    image = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize((320, 240))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, width, height = rng.integers(0, 200, 4)
        draw.ellipse((x, y, x + width, y + height), fill=tuple(rng.integers(0, 256, 3).tolist()))
    return image


def code_of(image: Image.Image) -> int:
    code = perceptual_hash(image)
    assert code is not None
    return code


def as_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "jpeg": lambda image: as_jpeg(image, 30),
    "half": lambda image: image.resize((160, 120)),
    "double": lambda image: image.resize((640, 480)),
    "grey": lambda image: image.convert("L"),
    "lighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "transparent": lambda image: image.convert("RGBA"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", range(4))
def test_a_changed_copy_is_within_the_radius(change: str, seed: int) -> None:
    original, changed = code_of(scene(seed)), code_of(CHANGES[change](scene(seed)))

    assert (original ^ changed).bit_count() <= RADIUS


def test_other_pictures_are_not() -> None:
    hashes = [code_of(scene(seed)) for seed in range(60)]

    assert (
        min((one ^ other).bit_count() for row, one in enumerate(hashes) for other in hashes[:row])
        > 2 * RADIUS
    )


def test_photos_and_their_copies_are_paired_and_nothing_else(shared: Path) -> None:
    photos = [Image.open(path) for path in sorted((shared / "data/flickr8k/images").iterdir())[:150]]
    hashes = [perceptual_hash(photo) for photo in photos]
    hashes += [perceptual_hash(as_jpeg(photo.resize((150, 150)), 40)) for photo in photos]

    outcome = perceptual_duplicates(hashes, np.arange(300))

    assert outcome.groups() == {row: [row + 150] for row in range(150)}


def test_flat_images_have_no_structure_to_be_alike_in() -> None:
    assert perceptual_hash(Image.new("RGB", (50, 50), "red")) is None

    outcome = perceptual_duplicates([None, None, 5, 5], np.arange(4))

    assert outcome.groups() == {2: [3]}
    assert outcome.kept.tolist() == [0, 1, 2]


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 24), st.integers(0, 2**32), st.integers(1, 40))
def test_banded_lookup_equals_comparing_all_pairs(greedy: Any, radius: int, seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    centres = [int.from_bytes(rng.bytes(BITS // 8), "big") for _ in range(3)]
    hashes = []
    for _ in range(rows):
        code = centres[rng.integers(3)]
        for bit in rng.choice(BITS, rng.integers(0, 20), replace=False):
            code ^= 1 << int(bit)
        hashes.append(code if rng.random() > 0.1 else None)
    order = rng.permutation(rows)
    asked = rng.integers(0, 3, rows)

    with pytest.MonkeyPatch.context() as patch:  # as if there were many more
        patch.setattr(perceptual, "_AT_ONCE", int(rng.integers(1, 9)))
        patch.setattr(hash_index, "_AT_ONCE", int(rng.integers(1, 9)))
        outcome = perceptual_duplicates(hashes, order, radius)
        by_question = perceptual_duplicates(hashes, order, radius, asked)

    def near(one: Any, other: Any) -> Any:
        both = hashes[one] is not None and hashes[other] is not None
        return both and (hashes[one] ^ hashes[other]).bit_count() <= radius

    assert dict(zip(outcome.removed.tolist(), outcome.because_of.tolist(), strict=True)) == greedy(
        order, near
    )
    for row, kept, distance in zip(outcome.removed, outcome.because_of, outcome.distance, strict=True):
        assert (hashes[row] ^ hashes[kept]).bit_count() == distance
    assert outcome.removed.tolist() == [row for row in order if row in set(outcome.removed)]
    several = [order[asked[order] == one] for one in dict.fromkeys(asked[order].tolist())]
    passes = [perceptual_duplicates(hashes, one, radius) for one in several]
    for name in ("removed", "because_of", "distance"):
        expected = np.concatenate([getattr(one, name) for one in passes])
        assert getattr(by_question, name).tolist() == expected.tolist()
