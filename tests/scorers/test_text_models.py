import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.scorers.scoring import scores_of

from finegold.errors import ConfigError, ModelError
from finegold.offline import smollm2
from finegold.samples import Sample, Turn
from finegold.scorers import Batch, Context, scorer_parameters
from finegold.scorers.perplexity import Ifd, Perplexity
from finegold.scorers.text_models import CausalLm, length_buckets, load_causal_lm

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEXTS = [
    ("Describe the image.", "A dog runs over the grass."),
    ("What is this?", "A bus."),
    ("Describe the image.", "Two men in red shirts stand beside a wall and talk about the game they saw."),
    ("Say it.", "yes"),
    ("Describe the image.", "dog dog dog dog dog dog dog dog dog dog dog dog dog dog dog"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A random Llama of width 32 that reads characters, with `<s>` as its start token."""
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers

    letters = ["<s>", "<unk>", *map(chr, range(32, 127)), "\n"]
    characters = Tokenizer(
        models.WordLevel({letter: row for row, letter in enumerate(letters)}, unk_token="<unk>")
    )
    characters.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    place = tmp_path_factory.mktemp("tiny-llama")
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=characters, bos_token="<s>", unk_token="<unk>"
    ).save_pretrained(place)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(letters),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        initializer_range=0.5,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(place)
    return str(place)


@pytest.fixture(scope="module")
def model(folder: str) -> CausalLm:
    return load_causal_lm(folder, None, "float32", "cpu")


def one_at_a_time(folder: str, instruction: str | None, answer: str) -> Any:
    """The definition, by the model's own loss with the context masked out."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    context = [tokenizer.bos_token_id]
    if instruction:
        context += tokenizer(instruction + "\n", add_special_tokens=False).input_ids
    target = tokenizer(answer, add_special_tokens=False).input_ids
    with torch.no_grad():
        return network(
            input_ids=torch.tensor([context + target]),
            labels=torch.tensor([[-100] * len(context) + target]),
        ).loss.item()


def samples(*texts: tuple[str, str]) -> Any:
    return Batch(
        [
            Sample(str(row), (), (Turn("user", instruction), Turn("assistant", answer)), None)
            for row, (instruction, answer) in enumerate(texts)
        ]
    )


def test_losses_of_a_batch_equal_the_model_run_on_one_row_at_a_time(folder: str, model: Any) -> None:
    pairs = [*TEXTS, *((None, answer) for _, answer in TEXTS)]

    losses = model.answer_losses(pairs, 200)

    for (instruction, answer), loss in zip(pairs, losses, strict=True):
        assert loss.nats == pytest.approx(one_at_a_time(folder, instruction, answer), abs=1e-4)
        assert loss.tokens == len(answer)
        assert loss.remark is None


def test_a_row_keeps_its_score_in_any_company(folder: str) -> None:
    scorer = Ifd(model=folder)
    together = [score.value for score in scores_of(scorer, samples(*TEXTS))]
    backwards = [score.value for score in scores_of(scorer, samples(*TEXTS[::-1]))][::-1]
    alone = [scores_of(scorer, samples(text))[0].value for text in TEXTS]

    assert backwards == pytest.approx(together, rel=3e-5)
    assert alone == pytest.approx(together, rel=3e-5)


def test_perplexity_and_ifd_follow_their_definitions(folder: str) -> None:
    perplexities = scores_of(Perplexity(model=folder), samples(*TEXTS))
    ratios = scores_of(Ifd(model=folder), samples(*TEXTS))

    for text, first, second in zip(TEXTS, perplexities, ratios, strict=True):
        given, alone = one_at_a_time(folder, *text), one_at_a_time(folder, None, text[1])
        assert first.value == pytest.approx(math.exp(given), rel=1e-4)
        assert second.value == pytest.approx(math.exp(given) / math.exp(alone), rel=1e-4)


def test_rows_without_answer_or_instruction_are_skipped_in_place(folder: str) -> None:
    batch = samples(("Say it.", ""), ("Say it.", "yes"), ("", "yes"), ("", " "))

    perplexities = scores_of(Perplexity(model=folder), batch)
    ratios = scores_of(Ifd(model=folder), batch)

    assert [score.status for score in perplexities] == ["skipped", "ok", "ok", "skipped"]
    assert [score.status for score in ratios] == ["skipped", "ok", "skipped", "skipped"]
    assert [score.reason for score in ratios] == [
        "there is no answer",
        None,
        "there is no instruction",
        "there is no instruction",
    ]


def test_what_is_cut_is_said_and_the_rest_scored(folder: str, model: Any) -> None:
    [loss] = model.answer_losses([("Why " * 20, "Because " * 20)], 30)

    assert loss.remark == (
        "instruction cut to its last 30 of 80 tokens; answer cut to its first 30 of 160 tokens"
    )
    assert loss.nats == pytest.approx(
        one_at_a_time(folder, ("Why " * 20)[-30:], ("Because " * 20)[:30]), abs=1e-4
    )


def test_no_row_exceeds_the_positions_that_the_model_has(model: Any) -> None:
    [loss] = model.answer_losses([("w" * 500, "b" * 500)], 100_000)

    assert loss.tokens == 127  # of 256: one start token, one line feed, and the rest shared


def test_an_answer_that_spells_a_control_token_is_read_as_text(model: Any) -> None:
    [loss] = model.answer_losses([(None, "<s>")], 200)

    assert loss.tokens == 3


def test_a_missing_model_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no model '.*nothing': give the path of a folder"):
        scores_of(Perplexity(model=str(tmp_path / "nothing")), samples(*TEXTS))


def test_a_revision_of_the_offline_model_is_refused() -> None:
    with pytest.raises(ConfigError, match="'smollm2' has one revision"):
        scores_of(Ifd(revision="main"), samples(*TEXTS))


def test_the_fingerprint_follows_the_weights_and_not_the_device(folder: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(other)
    network = transformers.AutoModelForCausalLM.from_pretrained(folder)
    network.lm_head.weight.data += 1
    network.save_pretrained(other)

    same = scorer_parameters(Ifd(model=folder), Context("cpu"))

    assert same == scorer_parameters(Ifd(model=folder), Context("cuda"))
    assert same["model"] != scorer_parameters(Ifd(model=str(other)))["model"]
    assert smollm2.SHA256 in str(scorer_parameters(Perplexity())["model"])


@given(st.lists(st.integers(1, 50), max_size=40), st.integers(1, 120))
def test_buckets_hold_each_row_once_and_stay_within_the_budget(lengths: Any, budget: Any) -> None:
    groups = length_buckets(lengths, budget)

    assert sorted(row for group in groups for row in group) == list(range(len(lengths)))
    for group in groups:
        assert len(group) == 1 or len(group) * max(lengths[row] for row in group) <= budget
