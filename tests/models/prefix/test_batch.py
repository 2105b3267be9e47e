import torch

from finegold.models.prefix.batch import collate
from finegold.models.prefix.template import PromptTokens


def test_the_published_layout() -> None:
    """Labels are on the answer alone; padding is behind it, and its id is kept in answers."""
    prompts = [PromptTokens([1, 10], [20, 21]), PromptTokens([1, 10], [22])]
    batch = collate(prompts, [[30, 31, 3997, 32], [40, 41]], image_tokens=3, padding=3997)
    p = 3997
    assert batch.input_ids.tolist() == [
        [1, 10, p, p, p, 20, 21, 30, 31, p, 32],
        [1, 10, p, p, p, 22, 40, 41, p, p, p],
    ]
    assert batch.labels.tolist() == [
        [-100] * 7 + [30, 31, 3997, 32],
        [-100] * 6 + [40, 41] + [-100] * 3,
    ]
    assert batch.attention_mask.tolist() == [[1] * 11, [1] * 8 + [0] * 3]
    assert batch.image_places.tolist() == [[False] * 2 + [True] * 3 + [False] * 6] * 2
    assert batch.answer_tokens == 6


def test_generation_pads_on_the_left() -> None:
    batch = collate(
        [PromptTokens([1], [20, 21]), PromptTokens([1], [22])], [[], []], image_tokens=2, padding=0, left=True
    )
    assert batch.input_ids.tolist() == [[1, 0, 0, 20, 21], [0, 1, 0, 0, 22]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 1, 1], [0, 1, 1, 1, 1]]
    assert torch.equal(batch.image_places.sum(1), torch.tensor([2, 2]))
    assert batch.answer_tokens == 0
