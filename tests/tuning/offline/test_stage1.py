import random
from pathlib import Path

import pytest
import torch

from finegold.metrics import CiderReferences, cider_d
from finegold.offline.captioner import ONE_SENTENCE
from finegold.tuning.offline import captioner
from finegold.tuning.offline.captioner import (
    MAX_NEW_TOKENS,
    SAMPLES,
    by_agreement,
    caption_data,
    learn_from_reward,
    new_model,
    products,
    sample,
)
from finegold.tuning.offline.network import BOS, END, IMAGE_TOKENS, CaptionerNetwork, TrainingBatch
from finegold.tuning.offline.photos import CaptionedPhotos, as_sentence


def test_captions_that_share_a_prompt_have_the_loss_they_have_alone() -> None:
    torch.manual_seed(0)
    draw = random.Random(0)
    model = CaptionerNetwork(torch.rand(1280), torch.rand(1280) + 0.5).eval()
    features = torch.rand(2, IMAGE_TOKENS, 1280)
    prompts = [[5, 6, 7], [8, 9, 10, 11]]
    answers = [
        [[draw.randint(3, 3999) for _ in range(n)] + [END] for n in lengths]
        for lengths in ((4, 7), (6, 1, 3))
    ]
    with torch.inference_mode():
        packed = model.token_losses(TrainingBatch.of_answers([0, 1], prompts, answers), features).sum()
        alone = sum(
            float(
                model.token_losses(
                    TrainingBatch.of_answers([row], [prompts[row]], [[answer]]), features[[row]]
                ).sum()
            )
            for row in (0, 1)
            for answer in answers[row]
        )
        ids = torch.tensor([[BOS, *[0] * IMAGE_TOKENS, *prompts[0], *answers[0][0]]])
        table = model.language_model.get_input_embeddings()(ids)
        image = model.projection((features[:1] - model.mean) / model.spread)
        embedded = torch.cat([table[:, :1], image, table[:, 1 + IMAGE_TOKENS :]], 1)
        labels = ids.clone()
        labels[:, : -len(answers[0][0])] = -100
        plain = model.language_model(inputs_embeds=embedded, labels=labels).loss * len(answers[0][0])
        first = model.token_losses(
            TrainingBatch.of_answers([0], [prompts[0]], [answers[0][:1]]), features[:1]
        ).sum()
    torch.testing.assert_close(packed, torch.as_tensor(alone), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(first, plain, rtol=1e-5, atol=1e-4)


def test_the_folded_projection_takes_features_as_they_are() -> None:
    model = CaptionerNetwork(torch.rand(1280), torch.rand(1280) + 0.5)
    features = torch.rand(3, 1280)
    weight, bias = model.folded()
    expected = model.projection((features - model.mean) / model.spread)
    torch.testing.assert_close(features @ weight.T + bias, expected, rtol=1e-4, atol=1e-4)


def test_captions_become_sentences() -> None:
    assert as_sentence(" a dog , brown ,  runs .") == "A dog, brown, runs."
    assert as_sentence('"Two kids"') == "Two kids."


def test_captions_that_agree_with_the_others_come_first() -> None:
    texts = [
        ["Two kids laugh.", "A dog runs on grass.", "A dog runs on the grass.", "A dog runs on wet grass."],
        ["A man rides a red bike.", "A man rides a bike."],
        ["A boat."],
    ]
    order = by_agreement(texts)
    assert [sorted(places) for places in order] == [[0, 1, 2, 3], [0, 1], [0]]
    assert order[0][-1] == 0


def test_a_better_sample_becomes_likelier_than_a_worse_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each photo's samples one is its caption and the others are of another; nothing else is learnt."""
    torch.manual_seed(0)
    kinds = ["A dog runs.", "A cat sleeps."] * 2
    photos = CaptionedPhotos(Path(), tuple("abcd"), tuple((text, text) for text in kinds))
    features = torch.rand(4, IMAGE_TOKENS, 1280).half()
    data, tokenizer = caption_data(photos, [features, features])
    model = new_model(data)
    tokens = {text: [*tokenizer.encode(text), END] for text in kinds}
    prompt = data.prompts[ONE_SENTENCE]

    def losses() -> list[float]:
        """Of the first photo's caption, and of another's."""
        batch = TrainingBatch.of_answers([0, 0], [prompt] * 2, [[tokens[text]] for text in kinds[:2]])
        with torch.inference_mode():
            found = model.eval().token_losses(batch, features[[0, 0]].float())
        first = len(tokens[kinds[0]])
        return [float(found[:first].sum()), float(found[first:].sum())]

    monkeypatch.setattr(captioner, "KEPT", 0.0)
    monkeypatch.setattr(captioner, "REWARDED_WARMUP", 1)
    order: list[int] = []

    def fixed(_: CaptionerNetwork, shown: torch.Tensor, _prompt: list[int]) -> list[list[list[int]]]:
        order.append(len(shown))
        rows = [int((features.float() - one).abs().sum((1, 2)).argmin()) for one in shown]
        return [[tokens[kinds[row]], *[tokens[kinds[1 - row % 2]]] * (SAMPLES - 1)] for row in rows]

    monkeypatch.setattr(captioner, "sample", fixed)
    right, wrong = losses()
    learn_from_reward(model, data, tokenizer, photos.captions, 6, random.Random(0))
    after_right, after_wrong = losses()
    assert order == [4] * 6
    assert after_right - right < after_wrong - wrong - 0.01


def test_samples_end_with_the_end_symbol_or_are_cut() -> None:
    torch.manual_seed(0)
    model = CaptionerNetwork(torch.zeros(1280), torch.ones(1280)).eval()
    samples = sample(model, torch.rand(2, IMAGE_TOKENS, 1280), [5, 6, 7])
    assert [len(drawn) for drawn in samples] == [SAMPLES, SAMPLES]
    assert all(ids[-1] == END or len(ids) == MAX_NEW_TOKENS for drawn in samples for ids in drawn)
    assert all(END not in ids[:-1] for drawn in samples for ids in drawn)


def test_one_set_of_references_scores_as_many_captions_as_there_are() -> None:
    references = [["a dog runs", "the dog runs"], ["a cat sleeps", "one cat"]]
    tokens = [[text.split() for text in several] for several in references]
    metric = CiderReferences(tokens)
    for captions in (["a dog", "a cat"], ["the dog runs", "a bird"]):
        together = cider_d([text.split() for text in captions], tokens)
        assert [metric.score(i, text.split()) for i, text in enumerate(captions)] == list(together)


@pytest.mark.parametrize(
    ("processor", "precision"),
    [("AVX512", torch.bfloat16), ("AVX2", torch.float32), ("DEFAULT", torch.float32)],
)
def test_products_are_in_half_precision_only_where_the_processor_is_made_for_it(
    processor: str, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: processor)
    with products():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == precision
