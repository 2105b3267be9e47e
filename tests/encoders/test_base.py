from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finegold.arrays import Vectors
from finegold.encoders import ENCODERS, embed_groups, embed_texts, load_encoder
from finegold.encoders.huggingface import HuggingFaceEncoder
from finegold.errors import ConfigError, ModelError


class Recorder:
    """Embeds a text as its length, and remembers what it was asked."""

    name = "recorder"
    dim = 2

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        self.batches.append(list(texts))
        return np.array([[len(text), 1] for text in texts], np.float32)


@given(st.lists(st.sampled_from(["a", "bb", "ccc", "dddd", ""]), min_size=1), st.integers(1, 4))
def test_each_distinct_text_is_embedded_once_and_comes_back_in_order(texts: list[str], size: int) -> None:
    encoder = Recorder()
    vectors = embed_texts(encoder, texts, size)  # type: ignore[arg-type]
    assert vectors[:, 0].tolist() == [len(text) for text in texts]
    asked = [text for batch in encoder.batches for text in batch]
    assert sorted(asked) == sorted(set(texts))
    assert max(map(len, encoder.batches)) <= size


@given(st.lists(st.lists(st.sampled_from(["a", "bb", "ccc"]), max_size=3)))
def test_groups_come_back_as_groups(groups: list[list[str]]) -> None:
    found = embed_groups(Recorder(), groups)  # type: ignore[arg-type]  # it embeds texts only
    assert [vectors[:, 0].tolist() for vectors in found] == [[len(text) for text in g] for g in groups]


def test_a_path_is_a_hugging_face_model(tiny_clip: Path) -> None:
    encoder = load_encoder(str(tiny_clip), device="cpu")
    assert isinstance(encoder, HuggingFaceEncoder)
    assert load_encoder(str(tiny_clip), device="cpu") is encoder


def test_a_third_party_answers_to_its_name_and_prefix() -> None:
    def make_colours(name: str, *, device: str, dtype: str) -> Any:
        return SimpleNamespace(name=f"{name} on {device}", dtype=dtype)

    ENCODERS.add("shades", make_colours)
    assert load_encoder("shades:blue", device="cpu").name == "shades:blue on cpu"


def test_options_that_the_offline_encoder_lacks_are_refused() -> None:
    with pytest.raises(ConfigError, match="float32 and not in float16"):
        load_encoder("offline", dtype="float16")
    with pytest.raises(ConfigError, match="names no file"):
        load_encoder("offline:")
    with pytest.raises(ModelError, match=r"no heads at nowhere\.safetensors"):
        load_encoder("offline:nowhere.safetensors")
