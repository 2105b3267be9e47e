import torch
from torch import nn

from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.template import PromptTokens, encode_answer, encode_prompt

QUESTIONS = ["Describe this image in detail.", "What is this? Please describe the picture."]
ANSWERS = ["a dog runs.", "the cat sleeps. a dog runs at me."]


class PlainMiniGPT4(nn.Module):
    """MiniGPT-4's forward pass written straight down, with Hugging Face's own loss."""

    def __init__(self, model: PrefixNetwork) -> None:
        super().__init__()
        self.llama_proj = nn.Linear(6, 16)
        self.llama_proj.load_state_dict(model.projection.state_dict())
        self.model = model

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        m = self.model
        table = m.language_model.get_input_embeddings()
        rows, labels = [], []
        for feature, question, answer in zip(features, QUESTIONS, ANSWERS, strict=True):
            prompt = encode_prompt(m.tokenizer, m.template, question)
            said = encode_answer(m.tokenizer, m.template, answer)
            parts = [table(torch.tensor(ids)) for ids in (prompt.before, prompt.after, said)]
            rows.append(torch.cat([parts[0], self.llama_proj(feature), parts[1], parts[2]]))
            labels.append(torch.tensor([-100] * (len(rows[-1]) - len(said)) + said))
        embedded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        target = nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=-100)
        mask = torch.tensor([[int(i < len(row)) for i in range(embedded.shape[1])] for row in rows])
        loss: torch.Tensor = m.language_model(inputs_embeds=embedded, attention_mask=mask, labels=target).loss
        return loss


def test_loss_and_gradient_equal_a_plain_model(model: PrefixNetwork) -> None:
    features = torch.rand(2, 4, 6)
    model.train_only(everything=False)
    prompts = [encode_prompt(model.tokenizer, model.template, q) for q in QUESTIONS]
    answers = [encode_answer(model.tokenizer, model.template, a) for a in ANSWERS]
    batch = model.collate(prompts, answers)
    loss = model.token_losses(batch, features).mean()
    torch.autograd.backward(loss)
    plain = PlainMiniGPT4(model)
    expected = plain(features)
    torch.autograd.backward(expected)
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        model.projection.weight.grad, plain.llama_proj.weight.grad, rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(model.projection.bias.grad, plain.llama_proj.bias.grad, rtol=1e-5, atol=1e-5)


def test_only_the_projection_learns(model: PrefixNetwork) -> None:
    assert sorted(model.train_only(everything=False)) == ["projection.bias", "projection.weight"]
    assert not any(p.requires_grad for p in model.language_model.parameters())
    assert len(model.train_only(everything=True)) > 2
    assert all(p.requires_grad for p in model.language_model.parameters())


def test_the_published_layout(model: PrefixNetwork) -> None:
    """Labels are on the answer alone; padding is behind it, and its id is kept in answers."""
    prompts = [PromptTokens([1, 10], [20, 21]), PromptTokens([1, 10], [22])]
    batch = model.collate(prompts, [[30, 31, 3997, 32], [40, 41]])
    p = 3997
    assert batch.input_ids.tolist() == [
        [1, 10, p, p, p, p, 20, 21, 30, 31, p, 32],
        [1, 10, p, p, p, p, 22, 40, 41, p, p, p],
    ]
    assert batch.labels.tolist() == [
        [-100] * 8 + [30, 31, 3997, 32],
        [-100] * 7 + [40, 41] + [-100] * 3,
    ]
    assert batch.attention_mask.tolist() == [[1] * 12, [1] * 9 + [0] * 3]
    assert batch.image_places.tolist() == [[False] * 2 + [True] * 4 + [False] * 6] * 2
    assert batch.labels[batch.labels != -100].tolist() == [30, 31, 3997, 32, 40, 41]


def test_generation_pads_on_the_left(model: PrefixNetwork) -> None:
    batch = model.collate([PromptTokens([1], [20, 21]), PromptTokens([1], [22])], [[], []], left=True)
    p = 3997
    assert batch.input_ids.tolist() == [[1, p, p, p, p, 20, 21], [p, 1, p, p, p, p, 22]]
    assert batch.attention_mask.tolist() == [[1] * 7, [0] + [1] * 6]
    assert batch.image_places.sum(1).tolist() == [4, 4]
    assert (batch.labels == -100).all()


def test_a_hidden_image_is_padding_that_nothing_attends_to(model: PrefixNetwork) -> None:
    features = torch.rand(2, 4, 6)
    prompts = [encode_prompt(model.tokenizer, model.template, q) for q in QUESTIONS]
    answers = [encode_answer(model.tokenizer, model.template, a) for a in ANSWERS]
    shown = model.collate(prompts, answers)
    hidden = model.collate(prompts, answers, shown=[True, False])
    assert torch.equal(hidden.input_ids, shown.input_ids)
    assert torch.equal(hidden.labels, shown.labels)
    assert hidden.image_places.sum(1).tolist() == [4, 0]
    assert (shown.attention_mask - hidden.attention_mask).sum(1).tolist() == [0, 4]
    losses = [model.token_losses(hidden, feature[None]) for feature in features]
    first = len(answers[0])
    assert not torch.equal(losses[0][:first], losses[1][:first])
    assert torch.equal(losses[0][first:], losses[1][first:])
