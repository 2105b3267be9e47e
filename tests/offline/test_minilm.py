import torch

from finegold.offline import minilm


def _similarity(first: str, second: str) -> float:
    pooled = minilm.load_minilm()([first, second]).pooled
    return float(torch.nn.functional.cosine_similarity(pooled[0], pooled[1], dim=0))


def test_published_similarity() -> None:
    """The pair on the model's card, and its cosine there."""
    assert abs(_similarity("That is a happy person", "That is a happy dog") - 0.695) < 0.005


def test_padding_does_not_reach_the_embedding() -> None:
    model = minilm.load_minilm()
    short, long = "A dog.", "A brown dog runs over the green grass towards a small lake in the mountains."
    together = model([short, long])
    torch.testing.assert_close(together.pooled[:1], model([short]).pooled, atol=1e-5, rtol=1e-4)
    assert together.mask.sum(1).tolist() == [model.count_tokens(short), model.count_tokens(long)]


def test_a_text_beyond_the_limit_is_cut_there() -> None:
    model = minilm.load_minilm()
    assert model.count_tokens("dog " * 500) == 502
    assert model(["dog " * 500]).states.shape == (1, minilm.MAX_TOKENS, minilm.WIDTH)
