import random

import torch

from finegold.study.stage1.captioner import by_agreement
from finegold.study.stage1.network import BOS, END, IMAGE_TOKENS, Batch, Model
from finegold.study.stage1.photos import as_sentence


def test_captions_that_share_a_prompt_have_the_loss_they_have_alone() -> None:
    torch.manual_seed(0)
    draw = random.Random(0)
    model = Model(torch.rand(1280), torch.rand(1280) + 0.5).eval()
    features = torch.rand(2, IMAGE_TOKENS, 1280)
    prompts = [[5, 6, 7], [8, 9, 10, 11]]
    answers = [
        [[draw.randint(3, 3999) for _ in range(n)] + [END] for n in lengths]
        for lengths in ((4, 7), (6, 1, 3))
    ]
    with torch.inference_mode():
        packed = model.token_losses(Batch([0, 1], prompts, answers), features).sum()
        alone = sum(
            float(model.token_losses(Batch([row], [prompts[row]], [[answer]]), features[[row]]).sum())
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
        first = model.token_losses(Batch([0], [prompts[0]], [answers[0][:1]]), features[:1]).sum()
    torch.testing.assert_close(packed, torch.as_tensor(alone), rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(first, plain, rtol=1e-5, atol=1e-4)


def test_the_folded_projection_takes_features_as_they_are() -> None:
    model = Model(torch.rand(1280), torch.rand(1280) + 0.5)
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
