"""Rows that a benchmark's items contain, and those that only look so."""

import io
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from finegold.dedup import perceptual_hash
from finegold.dedup.overlap import (
    Overlaps,
    image_overlap,
    perceptual_overlap,
    semantic_overlap,
    text_overlap,
)

QUESTION = "Which of the two colonies on the map was founded by settlers from the Netherlands in 1624?"


def photo(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(io.BytesIO(out.getvalue()))


def items_of(found: Overlaps) -> dict[int, int]:
    """The item of each row that has one."""
    assert len(found.rows) == len(found.how)
    return dict(zip(found.rows.tolist(), found.items.tolist(), strict=True))


def texts_in(rows: list[str], items: list[list[str]]) -> dict[int, int]:
    """What is found in the rows, which is the same however they are divided."""
    whole = text_overlap([rows], items)
    for size in (1, 3):
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        assert items_of(text_overlap(parts, items)) == items_of(whole)
        assert text_overlap(parts, items).how == whole.how
    return items_of(whole)


def test_image_files_are_found_among_several() -> None:
    assert items_of(image_overlap([["a"], ["x", "b"], [], ["y"]], [["b"], ["a", "c"]])) == {0: 1, 1: 0}
    assert items_of(image_overlap([["c", "b"], ["c"]], [["b"], ["a", "c"]])) == {0: 0, 1: 1}


def test_re_encoded_and_resized_copies_are_found_and_mirrored_and_other_ones_are_not() -> None:
    items = [photo(seed) for seed in range(40)]
    rows = [
        encoded(items[3], 30),
        items[5].resize((70, 50)),
        ImageOps.mirror(items[9]),
        photo(100),
    ]
    found = perceptual_overlap([*map(perceptual_hash, rows), None], [*map(perceptual_hash, items), None])
    assert items_of(found) == {0: 3, 1: 5}


def test_the_index_finds_what_a_double_loop_finds() -> None:
    rng = np.random.default_rng(0)
    items = [int.from_bytes(rng.bytes(15), "big") for _ in range(60)]
    flip = [[1 << int(bit) for bit in rng.choice(120, rng.integers(0, 16), replace=False)] for _ in items]
    rows = [code ^ sum(bits) for code, bits in zip(items, flip, strict=True)]
    for radius in (0, 6, 10):
        direct = {
            row for row, code in enumerate(rows) if any((code ^ o).bit_count() <= radius for o in items)
        }
        assert set(items_of(perceptual_overlap(rows, items, radius))) == direct


def test_the_nearest_item_is_named_and_of_several_the_first() -> None:
    found = perceptual_overlap([0b111, None, 0b1], [0b1111, 0b11, None, 0b111, 0b111, 0b10], 1)
    assert items_of(found) == {0: 3, 2: 1}
    assert found.how[1].as_py() == "has an image whose hash is 1 of 120 bits from that of"


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 4))
def test_texts_are_found_as_the_definition_says(seed: int, common: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [" ".join(rng.choice(list("abc"), rng.integers(0, 7))) for _ in range(rng.integers(1, 30))]
    items = [[" ".join(rng.choice(list("abc"), 6)) for _ in range(rng.integers(0, 3))] for _ in range(4)]

    def grams(text: str) -> set[tuple[str, ...]]:
        words = text.split()
        return set(pairwise(words))

    texts = [(item, grams(text)) for item, several in enumerate(items) for text in several]
    having = {gram: sum(gram in grams(text) for text in set(rows)) for _, known in texts for gram in known}
    expected = {}
    for row, text in enumerate(rows):
        shares = []
        for item, known in texts:
            counted = {gram for gram in known if having[gram] <= common}
            if counted and (hits := len(counted & grams(text))) and hits >= 0.6 * len(counted):
                shares.append((hits / len(counted), item))
        if shares:
            best = max(share for share, _ in shares)
            part = next(item for share, item in shares if share == best)
            expected[row] = (part, f"has {best:.0%} of the 2-word sequences of a text of")

    for size in (1, 4, 30):
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        found = text_overlap(parts, items, n=2, share=0.6, common=common)
        pairs = zip(found.items.tolist(), found.how.to_pylist(), strict=True)
        assert dict(zip(found.rows.tolist(), pairs, strict=True)) == expected


def test_embeddings_find_the_nearest_item_and_none_where_there_is_none() -> None:
    rng = np.random.default_rng(1)
    items = rng.normal(size=(30, 16)).astype(np.float32)
    rows = rng.normal(size=(50, 16)).astype(np.float32)
    rows[4], rows[6] = items[11] * 3 + 0.01, np.nan
    assert items_of(semantic_overlap(rows, items)) == {4: 11}
    assert items_of(semantic_overlap(rows, np.empty((0, 16), np.float32))) == {}
    assert items_of(semantic_overlap(rows, np.full((2, 16), np.nan, np.float32))) == {}


def test_a_question_is_found_in_other_case_and_with_one_word_changed_and_not_in_other_words() -> None:
    rows = [
        QUESTION.upper() + "\nNew Netherland",
        "Look closely. " + QUESTION.replace("settlers", "farmers"),
        QUESTION.replace("?", " -- ").replace(" ", "  "),
        "From the map, tell which colony Dutch settlers founded in 1624.",
        "Which of the two colonies on the map is larger?",
        "",
    ]
    assert set(texts_in(rows, [[QUESTION]])) == {0, 2}
    longer = QUESTION + " Give the name that the settlers used for it in letters to their families at home."
    assert set(texts_in([longer.replace("families", "friends"), *rows], [["x"], [longer]])) == {0}


def test_short_items_and_common_phrases_are_no_overlap() -> None:
    assert texts_in(["Is there a dog?", "Is there a dog? yes"], [["Is there a dog? yes"]]) == {}
    common = [f"{QUESTION} Answer {n}" for n in range(11)]
    assert texts_in(common, [[QUESTION]]) == {}
    assert set(texts_in([common[0]] * 40, [[QUESTION]])) == set(range(40))
