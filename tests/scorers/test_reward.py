from pathlib import Path
from typing import Any

import pytest
from tests.scorers.scoring import scores_of
from tests.scorers.tiny_reward import save_deberta

from finegold.errors import ModelError
from finegold.samples import Sample, Turn
from finegold.scorers import Batch
from finegold.scorers.reward import Reward

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEXTS = [
    ("Describe the image.", "A dog runs over the grass."),
    ("Describe the image.", "Two men stand beside a wall."),
    ("What?", "A bus."),
    ("", "No instruction came with this answer."),
    ("Describe the image.", "word " * 40),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return save_deberta(tmp_path_factory.mktemp("tiny-deberta"))


def one_at_a_time(folder: str, instruction: str | None, answer: str) -> Any:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokens = tokenizer(instruction, answer, truncation=True, max_length=128, return_tensors="pt")
    with torch.no_grad():
        return network(**tokens).logits[0, 0].item()


def samples(texts: Any) -> Any:
    return Batch(
        [
            Sample(str(row), (), (Turn("user", instruction), Turn("assistant", answer)), None)
            for row, (instruction, answer) in enumerate(texts)
        ]
    )


def test_batched_rewards_equal_the_one_at_a_time_loop(folder: str) -> None:
    texts = TEXTS * 9  # several padded batches
    scores = scores_of(Reward(model=folder), samples(texts))

    expected = {text: one_at_a_time(folder, *text) for text in TEXTS}
    assert len(set(expected.values())) == len(TEXTS)
    for text, score in zip(texts, scores, strict=True):
        assert score.value == pytest.approx(expected[text], abs=1e-4)


def test_truncation_is_said(folder: str) -> None:
    scores = scores_of(Reward(model=folder), samples(TEXTS))

    assert [score.reason for score in scores] == [None] * 4 + ["cut to 128 of 221 tokens"]
    cut = scores_of(Reward(model=folder, max_tokens=20), samples(TEXTS))
    assert cut[0].reason == "cut to 20 of 48 tokens"


def test_a_row_without_an_answer_is_skipped_in_place(folder: str) -> None:
    scores = scores_of(Reward(model=folder), samples([TEXTS[0], ("Why?", " "), TEXTS[1]]))

    assert [score.status for score in scores] == ["ok", "skipped", "ok"]
    assert scores[1].reason == "there is no answer"


def test_a_model_without_a_trained_head_is_refused(folder: str, tmp_path: Path) -> None:
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    transformers.AutoModelForSequenceClassification.from_pretrained(folder).deberta.save_pretrained(tmp_path)

    with pytest.raises(ModelError, match=r"lacks trained weights for classifier.*which would be random"):
        scores_of(Reward(model=str(tmp_path)), samples(TEXTS))


def test_a_missing_model_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no model '.*nothing': give the path of a folder"):
        scores_of(Reward(model=str(tmp_path / "nothing")), samples(TEXTS))
