from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from finegold.arrays import Vectors
from finegold.encoders import embed_texts, load_encoder
from finegold.errors import ModelError
from finegold.offline import encoder as module
from finegold.offline.heads import initial_weights, save_heads


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


@pytest.fixture(scope="module")
def captioned(shared: Path) -> tuple[list[Image.Image], list[str]]:
    """Every 350th photo with its first caption."""
    folder = shared / "data" / "flickr8k"
    lines = (folder / "captions.tsv").read_text(encoding="utf-8").splitlines()[:: 350 * 5]
    pairs = [line.split("\t") for line in lines]
    return [Image.open(folder / "images" / name).convert("RGB") for name, _ in pairs], [
        text for _, text in pairs
    ]


def test_captions_find_their_photos_and_the_batch_size_does_not_matter(
    captioned: tuple[list[Image.Image], list[str]],
) -> None:
    photos, captions = captioned
    encoder = load_encoder("offline", device="cpu")
    inputs = [encoder.preprocess(photo) for photo in photos]
    images = _unit(encoder.encode_images(inputs))
    cosines = _unit(embed_texts(encoder, captions)) @ images.T
    # Most of these photos were trained on, so this says that files and code fit, not how good they are.
    assert (cosines.argmax(1) == np.arange(len(photos))).mean() > 0.7
    singly = _unit(np.concatenate([encoder.encode_images([item]) for item in inputs]))
    texts_singly = _unit(embed_texts(encoder, captions, 1))
    np.testing.assert_allclose(100 * texts_singly @ singly.T, 100 * cosines, atol=1e-3)


def test_the_full_stop_at_the_end_and_spaces_do_not_matter() -> None:
    encoder = load_encoder("offline", device="cpu")
    first, second, third = encoder.encode_texts(["A dog runs", " A dog runs . ", "A cat sleeps."])
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert not np.allclose(first, third, atol=0.1)


def test_long_texts_are_windows_of_single_sentences() -> None:
    encoder = load_encoder("offline", device="cpu")
    long = "snow " * 400
    assert encoder.windows("A dog. It runs! Fast?") == ["A dog.", "It runs!", "Fast?"]
    assert encoder.cuts(long)
    assert not any(encoder.cuts(window) for window in encoder.windows(long))
    assert " ".join(encoder.windows(long)) == long.strip()


def test_other_heads_are_another_encoder(tmp_path: Path) -> None:
    path = tmp_path / "heads.safetensors"
    save_heads(initial_weights(queries=1, hidden=8, dim=5, seed=0), path)
    encoder = load_encoder(f"offline:{path}", device="cpu")
    assert encoder.encode_texts(["a", "b"]).shape == (2, 5)
    assert encoder.identity() != load_encoder("offline", device="cpu").identity()


def test_changed_heads_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = bytearray(module.HEADS.read_bytes())
    changed[-1] ^= 1
    (tmp_path / "heads.safetensors").write_bytes(changed)
    monkeypatch.setattr(module, "HEADS", tmp_path / "heads.safetensors")
    with pytest.raises(ModelError, match=r"have sha256 [0-9a-f]{64} instead of"):
        module.OfflineEncoder()
