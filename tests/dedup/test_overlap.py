"""Rows that a benchmark's items contain, and those that only look so."""

import io

import numpy as np
from PIL import Image, ImageOps

from finegold.dedup import perceptual_hash
from finegold.dedup.overlap import image_overlap, perceptual_overlap, semantic_overlap, text_overlap

QUESTION = "Which of the two colonies on the map was founded by settlers from the Netherlands in 1624?"


def photo(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (7, 7, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(io.BytesIO(out.getvalue()))


def test_image_files_are_found_among_several() -> None:
    assert {
        row: one.item
        for row, one in image_overlap([["a"], ["x", "b"], [], ["y"]], [["b"], ["a", "c"]]).items()
    } == {
        0: 1,
        1: 0,
    }


def test_re_encoded_and_resized_copies_are_found_and_mirrored_and_other_ones_are_not() -> None:
    items = [photo(seed) for seed in range(40)]
    rows = [
        encoded(items[3], 30),
        items[5].resize((70, 50)),
        ImageOps.mirror(items[9]),
        photo(100),
    ]
    found = perceptual_overlap([*map(perceptual_hash, rows), None], [*map(perceptual_hash, items), None])
    assert {row: one.item for row, one in found.items()} == {0: 3, 1: 5}


def test_the_index_finds_what_a_double_loop_finds() -> None:
    rng = np.random.default_rng(0)
    items = [int.from_bytes(rng.bytes(15), "big") for _ in range(60)]
    flip = [[1 << int(bit) for bit in rng.choice(120, rng.integers(0, 16), replace=False)] for _ in items]
    rows = [code ^ sum(bits) for code, bits in zip(items, flip, strict=True)]
    for radius in (0, 6, 10):
        direct = {
            row for row, code in enumerate(rows) if any((code ^ o).bit_count() <= radius for o in items)
        }
        assert set(perceptual_overlap(rows, items, radius)) == direct


def test_embeddings_find_the_nearest_item_and_none_where_there_is_none() -> None:
    rng = np.random.default_rng(1)
    items = rng.normal(size=(30, 16)).astype(np.float32)
    rows = rng.normal(size=(50, 16)).astype(np.float32)
    rows[4], rows[6] = items[11] * 3 + 0.01, np.nan
    assert {row: one.item for row, one in semantic_overlap(rows, items).items()} == {4: 11}
    assert semantic_overlap(rows, np.empty((0, 16), np.float32)) == {}
    assert semantic_overlap(rows, np.full((2, 16), np.nan, np.float32)) == {}


def test_a_question_is_found_in_other_case_and_with_one_word_changed_and_not_in_other_words() -> None:
    rows = [
        QUESTION.upper() + "\nNew Netherland",
        "Look closely. " + QUESTION.replace("settlers", "farmers"),
        QUESTION.replace("?", " -- ").replace(" ", "  "),
        "From the map, tell which colony Dutch settlers founded in 1624.",
        "Which of the two colonies on the map is larger?",
        "",
    ]
    assert set(text_overlap(rows, [[QUESTION]])) == {0, 2}
    longer = QUESTION + " Give the name that the settlers used for it in letters to their families at home."
    assert set(text_overlap([longer.replace("families", "friends"), *rows], [["x"], [longer]])) == {0}


def test_short_items_and_common_phrases_are_no_overlap() -> None:
    assert text_overlap(["Is there a dog?", "Is there a dog? yes"], [["Is there a dog? yes"]]) == {}
    common = [f"{QUESTION} Answer {n}" for n in range(11)]
    assert text_overlap(common, [[QUESTION]]) == {}
    assert set(text_overlap([common[0]] * 40, [[QUESTION]])) == set(range(40))
