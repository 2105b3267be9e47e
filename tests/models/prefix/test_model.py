import torch
from tests.models.conftest import tiny_model
from torch import nn

from finegold.models.prefix.answering import PrefixAnswerer, Sampling
from finegold.models.prefix.network import PrefixNetwork
from finegold.models.prefix.template import encode_answer, encode_prompt

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
            told = encode_answer(m.tokenizer, m.template, answer, 160).ids
            parts = [table(torch.tensor(ids)) for ids in (prompt.before, prompt.after, told)]
            rows.append(torch.cat([parts[0], self.llama_proj(feature), parts[1], parts[2]]))
            labels.append(torch.tensor([-100] * (len(rows[-1]) - len(told)) + told))
        embedded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        target = nn.utils.rnn.pad_sequence(labels, batch_first=True, padding_value=-100)
        mask = torch.tensor([[int(i < len(row)) for i in range(embedded.shape[1])] for row in rows])
        loss: torch.Tensor = m.language_model(inputs_embeds=embedded, attention_mask=mask, labels=target).loss
        return loss


def test_loss_and_gradient_equal_a_plain_model(model: PrefixNetwork) -> None:
    features = torch.rand(2, 4, 6)
    model.train_only("projection")
    prompts = [encode_prompt(model.tokenizer, model.template, q) for q in QUESTIONS]
    answers = [encode_answer(model.tokenizer, model.template, a, 160).ids for a in ANSWERS]
    batch = model.collate(prompts, answers)
    loss = model.loss_sum(batch, features) / batch.answer_tokens
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
    assert sorted(model.train_only("projection")) == ["projection.bias", "projection.weight"]
    assert not any(p.requires_grad for p in model.language_model.parameters())
    assert len(model.train_only("everything")) > 2
    assert all(p.requires_grad for p in model.language_model.parameters())


def test_answers_do_not_depend_on_their_neighbours(model: PrefixNetwork) -> None:
    features = torch.rand(2, 4, 6)
    answerer = PrefixAnswerer(model)
    sampling = Sampling(longest=12)
    together = answerer.answer_features(features, QUESTIONS, sampling)
    alone = [answerer.answer_features(features[i : i + 1], [QUESTIONS[i]], sampling)[0] for i in (0, 1)]
    assert together == alone


def test_draws_are_seeded(model: PrefixNetwork) -> None:
    features = torch.rand(2, 4, 6)
    answerer = PrefixAnswerer(model)
    draws = [
        answerer.answer_features(features, QUESTIONS, Sampling(longest=12, temperature=1.0, seed=seed))
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1]
    assert draws[0] != draws[2]


class Parrot(nn.Module):
    """A head that always says the same tokens, one a call."""

    def __init__(self, told: list[int]) -> None:
        super().__init__()
        self.told, self.said = told, 0

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros(*hidden.shape[:-1], 32000)
        logits[..., self.told[self.said]] = 1.0
        self.said += 1
        return logits


def test_an_answer_stops_before_the_end_symbol() -> None:
    model = tiny_model()
    told = encode_answer(model.tokenizer, model.template, "a dog runs.", 160).ids
    parrot = Parrot([*told, 2, 2])
    model.language_model.set_output_embeddings(parrot)
    answers = PrefixAnswerer(model).answer_features(torch.rand(1, 4, 6), QUESTIONS[:1], Sampling(longest=30))
    assert answers == ["a dog runs."]
    assert parrot.said == len(told)
