from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from finegold.errors import ModelError
from finegold.offline.heads import (
    GLOBAL_WIDTH,
    ImageInputs,
    image_head,
    initial_weights,
    load_heads,
    save_heads,
    text_head,
)
from finegold.offline.minilm import TokenStates


def _inputs(n: int) -> tuple[ImageInputs, TokenStates]:
    draw = torch.Generator().manual_seed(1)
    images = ImageInputs(
        torch.randn(n, GLOBAL_WIDTH, generator=draw), torch.randn(n, 49, 320, generator=draw)
    )
    mask = (torch.arange(6) < torch.arange(1, n + 1)[:, None]).float()
    return images, TokenStates(torch.randn(n, 6, 384, generator=draw), mask)


def test_stored_heads_give_nearly_the_same_embeddings(tmp_path: Path) -> None:
    weights = initial_weights(queries=3, hidden=40, dim=24, seed=0)
    save_heads(weights, tmp_path / "heads.safetensors")
    read = load_heads(tmp_path / "heads.safetensors")
    images, texts = _inputs(5)
    for first, second in (
        (image_head(weights, images), image_head(read, images)),
        (text_head(weights, texts), text_head(read, texts)),
    ):
        assert first.shape == (5, 24)
        assert torch.nn.functional.cosine_similarity(first, second).min() > 0.999


def test_padding_tokens_are_not_read() -> None:
    weights = initial_weights(queries=2, hidden=16, dim=8, seed=0)
    _, texts = _inputs(4)
    noisy = TokenStates(texts.states + 9 * (1 - texts.mask[:, :, None]), texts.mask)
    torch.testing.assert_close(text_head(weights, noisy), text_head(weights, texts))


def test_the_place_of_a_thing_can_matter_and_the_row_beside_cannot() -> None:
    weights = initial_weights(queries=2, hidden=16, dim=8, seed=0)
    weights["image.position"][0] += 5
    images, _ = _inputs(3)
    moved = ImageInputs(images.whole, images.places.flip(1))
    assert not torch.allclose(image_head(weights, images), image_head(weights, moved), atol=1e-3)
    alone = ImageInputs(images.whole[1:2], images.places[1:2])
    torch.testing.assert_close(image_head(weights, images)[1:2], image_head(weights, alone))


@pytest.mark.parametrize("content", ["nothing", "text", "other tensors", "missing tensor"])
def test_what_is_no_heads_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "heads.safetensors"
    if content == "text":
        path.write_text("hello")
    elif content == "other tensors":
        save_file({"a": torch.zeros(3)}, path)
    elif content == "missing tensor":
        weights = initial_weights(queries=1, hidden=4, dim=2, seed=0)
        del weights["text.query"]
        save_heads(weights, path)
    with pytest.raises(ModelError, match="train_offline_encoder"):
        load_heads(path)
