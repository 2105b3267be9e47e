from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from tests.scorers.scoring import scores_of

from finegold.arrays import Vectors
from finegold.encoders import load_encoder
from finegold.errors import ConfigError
from finegold.samples import ImageRef, Sample, Turn
from finegold.scorers import Batch, Score
from finegold.scorers.clip import Clip

RED = np.array([1, 0, 0, 1], np.float32)


def _batch(rows: list[tuple[str, Vectors | None]]) -> Batch:
    samples = [
        Sample(str(index), () if image is None else (ImageRef("x.png"),), (Turn("assistant", text),), None)
        for index, (text, image) in enumerate(rows)
    ]
    images = [np.full(4, np.nan, np.float32) if image is None else image for _, image in rows]
    return Batch(samples, image_embeddings=np.stack(images))


def _score(scorer: Clip, text: str, image: Vectors | None = RED) -> Score:
    return scores_of(scorer, _batch([(text, image)]))[0]


def _cosine(words: list[int]) -> float:
    text = np.array([*words, 1.0])
    return float(text @ RED / np.linalg.norm(text) / np.sqrt(2))


def test_paper_mode_counts_the_empty_piece_after_the_last_full_stop(colours: str) -> None:
    """Pieces of "red. green red." are "red", " green red" and ""; cosines averaged, times 100, 4 decimals."""
    expected = 100 * (_cosine([1, 0, 0]) + _cosine([1, 1, 0]) + _cosine([0, 0, 0])) / 3
    assert _score(Clip(colours), "red. green red.") == Score.ok(round(expected, 4))


def test_paper_mode_reads_ten_pieces_and_says_so(colours: str) -> None:
    ten = "red." * 9 + "red"
    assert _score(Clip(colours), ten) == Score.ok(100.0)
    more = _score(Clip(colours), f"{ten}. blue. blue.")
    assert more.value == 100.0
    assert more.reason == "only the first 10 of 13 pieces were read"


def test_paper_mode_says_when_a_piece_was_cut(colours: str) -> None:
    found = _score(Clip(colours), "red " * 8 + "blue")
    assert found.reason == "1 of the pieces were cut to what the text tower reads"
    assert found.value == _score(Clip(colours), "red " * 8).value


def test_whole_mode_reads_everything_weighted_by_length(colours: str) -> None:
    text = "red " * 8 + "red " * 8 + "blue " * 4
    found = _score(Clip(colours, mode="whole"), text)
    parts = load_encoder(colours).windows(text)
    weights = [len(part.split()) for part in parts]
    values = [_cosine([part.count("red"), 0, part.count("blue")]) for part in parts]
    assert sum(weights) == 20
    assert found.value == pytest.approx(100 * np.average(values, weights=weights), abs=1e-4)
    assert found.reason is None


@pytest.mark.parametrize("mode", ["paper", "whole"])
def test_the_scale_of_an_image_embedding_does_not_matter(mode: Any, colours: str) -> None:
    scorer = Clip(colours, mode=mode)
    assert _score(scorer, "red. blue.", RED) == _score(scorer, "red. blue.", 7 * RED)


def test_rows_without_an_image_are_skipped_and_without_an_embedding_failed(colours: str) -> None:
    missing = np.full(4, np.nan, np.float32)
    rows = [("red", RED), ("red", None), ("red", missing), ("blue", RED), ("red", 0 * RED)]
    found = scores_of(Clip(colours), _batch(rows))
    assert [score.status for score in found] == ["ok", "skipped", "failed", "ok", "failed"]
    assert found[0] == _score(Clip(colours), "red")
    assert found[3] == _score(Clip(colours), "blue")


def test_a_sentence_is_embedded_once_a_batch(colours: str) -> None:
    scores_of(Clip(colours), _batch([("red. blue.", RED), ("blue. red", RED), ("red", RED)]))
    asked = cast("Any", load_encoder(colours, device="cpu")).texts
    assert sorted(asked) == sorted({"red", " blue", "blue", " red", ""})


def test_another_mode_is_refused() -> None:
    with pytest.raises(ConfigError, match="'paragraph': give one of paper, whole"):
        Clip("offline", mode=cast("Any", "paragraph"))


def test_the_offline_encoder_knows_which_caption_is_whose(shared: Path) -> None:
    names = {
        "1001773457_577c3a7d70.jpg": "Two dogs on pavement moving toward each other.",
        "1000268201_693b08cb0e.jpg": "A little girl in a pink dress going into a wooden cabin.",
        "1016887272_03199f49c4.jpg": "Several climbers in a row are climbing the rock.",
    }
    folder = shared / "data" / "flickr8k" / "images"
    encoder = load_encoder("offline", device="cpu")
    inputs = [encoder.preprocess(Image.open(folder / name)) for name in names]
    images = encoder.encode_images(inputs)
    scorer = Clip("offline")
    table = [
        [cast(float, _score(scorer, caption, image).value) for caption in names.values()] for image in images
    ]
    assert np.argmax(table, axis=1).tolist() == [0, 1, 2]
    one_by_one = np.concatenate([encoder.encode_images([item]) for item in inputs])
    np.testing.assert_allclose(one_by_one, images, atol=1e-3)
