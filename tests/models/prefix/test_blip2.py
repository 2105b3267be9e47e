"""MiniGPT-4's image side, on a tiny random BLIP-2 of the real classes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    Blip2Config,
    Blip2ForConditionalGeneration,
    Blip2Model,
    Blip2QFormerConfig,
    Blip2VisionConfig,
    OPTConfig,
)

from finegold.errors import ModelError
from finegold.models.prefix.blip2 import Blip2Features, blip2_pixels, read_parts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    vision = Blip2VisionConfig(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=28,
        patch_size=14,
        initializer_range=0.3,
    )
    qformer = Blip2QFormerConfig(
        hidden_size=12,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        encoder_hidden_size=16,
        vocab_size=20,
        initializer_range=0.3,
    )
    text = OPTConfig(
        vocab_size=30,
        hidden_size=8,
        ffn_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        word_embed_proj_dim=8,
    )
    config = Blip2Config(
        vision_config=vision.to_dict(),
        qformer_config=qformer.to_dict(),
        text_config=text.to_dict(),
        num_query_tokens=5,
    )
    model = Blip2ForConditionalGeneration(config)
    model.query_tokens.data.normal_()
    path = tmp_path_factory.mktemp("blip2")
    model.save_pretrained(path)
    return path


PICTURES = [Image.effect_noise((40, 30), 90).convert("RGB"), Image.new("RGB", (10, 50), (200, 30, 90))]


def test_features_equal_those_of_the_whole_model(folder: Path) -> None:
    model = Blip2Model.from_pretrained(folder).eval()
    model.vision_model.post_layernorm.eps = 1e-5
    pixels = torch.stack([blip2_pixels(picture, 28) for picture in PICTURES])
    with torch.inference_mode():
        expected = model.get_qformer_features(pixel_values=pixels)
    expected = getattr(expected, "last_hidden_state", expected)
    source = Blip2Features(str(folder))
    features = source.encode(PICTURES)
    assert features.shape == (2, 5, 12)
    assert (source.tokens, source.width) == (5, 12)
    torch.testing.assert_close(features, expected, rtol=1e-5, atol=1e-5)


def test_preprocessing_is_the_published_one() -> None:
    picture = PICTURES[0]
    resized = np.asarray(picture.resize((28, 28), Image.Resampling.BICUBIC), np.float64) / 255
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    expected = ((resized - mean) / std).transpose(2, 0, 1)
    np.testing.assert_allclose(blip2_pixels(picture, 28).numpy(), expected, atol=1e-5)


def test_shards_without_vision_parts_are_not_read(folder: Path, tmp_path: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    image = {k: v for k, v in tensors.items() if k.startswith(("vision_model.", "qformer.", "query_tokens"))}
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    save_file(image, tmp_path / "model-00001-of-00002.safetensors")
    names = {
        k: "model-00001-of-00002.safetensors" if k in image else "model-00002-of-00002.safetensors"
        for k in tensors
    }
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    assert read_parts(str(tmp_path)).keys() == image.keys()


def test_a_model_without_qformer_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    save_file({"vision_model.x": torch.ones(1)}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match="no vision tower with a Q-Former"):
        Blip2Features(str(tmp_path)).encode(PICTURES)
