import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from finegold.encoders.huggingface import HuggingFaceEncoder
from finegold.errors import ConfigError, ModelError
from finegold.samples.words import sentences

TEXTS = ["A dog runs.", "Two people ride a horse over the snow", ""]


@pytest.mark.parametrize("kind", ["tiny_clip", "tiny_siglip"])
def test_embeddings_are_those_of_transformers_itself(
    kind: str, request: pytest.FixtureRequest, photos: list[Image.Image]
) -> None:
    folder: Path = request.getfixturevalue(kind)
    encoder = HuggingFaceEncoder(str(folder), device="cpu")
    images = encoder.encode_images([encoder.preprocess(photo) for photo in photos])
    texts = encoder.encode_texts(TEXTS)

    model = transformers.AutoModel.from_pretrained(folder).eval()
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        for photo, found in zip(photos, images, strict=True):
            pixels = processor(images=photo, return_tensors="pt")
            expected = model.get_image_features(**pixels).pooler_output[0]
            np.testing.assert_allclose(found, expected, atol=1e-5)
        for text, found in zip(TEXTS, texts, strict=True):
            options = {} if kind == "tiny_clip" else {"padding": "max_length"}
            tokens = tokenizer(text, return_tensors="pt", truncation=True, **options)
            expected = model.get_text_features(input_ids=tokens["input_ids"]).pooler_output[0]
            np.testing.assert_allclose(found, expected, atol=1e-5)
    assert images.dtype == texts.dtype == np.float32
    assert images.shape == (5, encoder.dim)
    assert texts.shape == (3, encoder.dim)


@pytest.mark.parametrize("kind", ["tiny_clip", "tiny_siglip"])
def test_windows_hold_the_whole_text_and_fit_the_tower(kind: str, request: pytest.FixtureRequest) -> None:
    encoder = HuggingFaceEncoder(str(request.getfixturevalue(kind)), device="cpu")
    text = "A dog runs. It is red. Two people ride a horse over the snow of a grey mountain and on! Yes."
    windows = encoder.windows(text)
    assert "".join(windows).replace(" ", "") == text.replace(" ", "")
    assert not any(encoder.cuts(window) for window in windows)
    assert encoder.cuts(text)
    assert 1 < len(windows) < len(text.split())
    assert windows[0].startswith(sentences(text)[0])


def test_identity_follows_the_weights_and_the_precision(tiny_clip: Path, tmp_path: Path) -> None:
    name = str(tiny_clip)
    assert (
        HuggingFaceEncoder(name, device="cpu").identity() == HuggingFaceEncoder(name, device="cpu").identity()
    )
    low = HuggingFaceEncoder(name, device="cpu", dtype="bfloat16")
    assert low.identity() != HuggingFaceEncoder(name, device="cpu").identity()
    other = transformers.CLIPModel.from_pretrained(tiny_clip)
    with torch.no_grad():
        other.visual_projection.weight[0, 0] += 1
    other.save_pretrained(tmp_path)
    for file in tiny_clip.iterdir():
        if not (tmp_path / file.name).exists():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    assert HuggingFaceEncoder(str(tmp_path), device="cpu").identity() != low.identity() | {"dtype": "float32"}


def test_lower_precision_stays_near(tiny_clip: Path, photos: list[Image.Image]) -> None:
    encoders = [
        HuggingFaceEncoder(str(tiny_clip), device="cpu", dtype=kind) for kind in ("float32", "bfloat16")
    ]
    high, low = (
        encoder.encode_images([encoder.preprocess(photo) for photo in photos]) for encoder in encoders
    )
    assert low.dtype == np.float32
    cosine = (high * low).sum(1) / np.linalg.norm(high, axis=1) / np.linalg.norm(low, axis=1)
    assert cosine.min() > 0.99
    assert not np.array_equal(high, low)


def test_an_unreachable_hub_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match=r"some-team/no-such-clip.*local folder.*--encoder offline"):
        HuggingFaceEncoder("some-team/no-such-clip", device="cpu").load()


def test_a_folder_without_weights_is_said(tiny_clip: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_bytes((tiny_clip / "config.json").read_bytes())
    with pytest.raises(ModelError, match="--encoder offline"):
        HuggingFaceEncoder(str(tmp_path), device="cpu").load()


def test_missing_weights_are_not_made_up(tiny_clip: Path, tmp_path: Path) -> None:
    for file in tiny_clip.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    tensors = load_file(tiny_clip / "model.safetensors")
    del tensors["visual_projection.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 1 weights, among them visual_projection\.weight"):
        HuggingFaceEncoder(str(tmp_path), device="cpu").load()


def test_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    transformers.BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1).save_pretrained(
        tmp_path
    )
    with pytest.raises(ModelError, match="is a bert model"):
        HuggingFaceEncoder(str(tmp_path), device="cpu")


def test_a_dtype_or_device_that_is_not_there_is_refused(tiny_clip: Path) -> None:
    with pytest.raises(ConfigError, match="float32, float16, bfloat16"):
        HuggingFaceEncoder(str(tiny_clip), dtype="int3")
    with pytest.raises(ConfigError, match="give auto or cpu"):
        HuggingFaceEncoder(str(tiny_clip), device="cuda:77")


def test_a_hub_model_is_named_by_its_commit(
    tiny_clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef" * 2 + "01234567"
    cached = tmp_path / "models--some-team--tiny"
    shutil.copytree(tiny_clip, cached / "snapshots" / commit)
    (cached / "refs").mkdir()
    (cached / "refs/main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    encoder = HuggingFaceEncoder("some-team/tiny", device="cpu")
    assert encoder.identity()["revision"] == commit
    assert encoder.encode_texts(["a dog"]).shape == (1, encoder.dim)
