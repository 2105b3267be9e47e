"""The three indicators of the preset `sound`: what wins and what does not."""

import math
import random
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scorers.scoring import scores_of

from finegold.arrays import Vectors
from finegold.errors import ConfigError
from finegold.samples import ImageRef, Pair, Sample, Turn
from finegold.samples.words import whole_sentences
from finegold.scorers import Batch, Corpus, Scorer
from finegold.scorers.detail import Detail
from finegold.scorers.phrasing import Bigrams, Phrasing
from finegold.scorers.support import Support


def _sample(key: str, answer: str, *, image: bool = True) -> Sample:
    images = (ImageRef(f"{key}.jpg", data=b"x"),) if image else ()
    return Sample(key, images, (Turn("user", "What is this?"), Turn("assistant", answer)), None)


def _values(
    scorer: Scorer, samples: list[Sample], images: Vectors | None = None, corpus: Corpus | None = None
) -> list[float]:
    scores = scores_of(scorer, Batch(samples, image_embeddings=images), corpus=corpus)
    assert all(score.status == "ok" and score.value is not None for score in scores)
    return [score.value for score in scores if score.value is not None]


def _corpus(ids: list[str], answers: list[str]) -> Corpus:
    return Corpus(ids, [[Pair("What is this?", answer)] for answer in answers])


class Topics:
    """An encoder whose texts lie where their topic word says: a perfect one, without weights."""

    name, dim = "topics", 12

    def identity(self) -> dict[str, str]:
        return {}

    def load(self) -> None: ...

    def windows(self, text: str) -> list[str]:
        return [text]

    def encode_texts(self, texts: list[str]) -> Vectors:
        seeds = [list(text.encode()) for text in texts]
        noise = np.stack([np.random.default_rng(seed).normal(scale=0.01, size=self.dim) for seed in seeds])
        for row, text in enumerate(texts):
            for topic in range(self.dim):
                noise[row, topic] += f"topic{topic} " in f"{text} ".replace(".", " ")
        return noise.astype(np.float32)


@pytest.fixture
def support(monkeypatch: pytest.MonkeyPatch) -> Support:
    monkeypatch.setattr("finegold.scorers.base.load_encoder", lambda *_, **__: Topics())
    return Support()


def _images(topics: list[int]) -> Vectors:
    return (np.eye(Topics.dim)[topics] + 0.05).astype(np.float32)


def test_one_wrong_sentence_sinks_an_answer_and_a_vague_one_gives_nothing(support: Support) -> None:
    topics = [row % Topics.dim for row in range(36)]
    images = _images(topics)
    ids = [f"r{row:02d}" for row in range(36)]
    corpus = Corpus(ids, [()] * 36, images)
    answers = [
        "A photo of topic0. Much of it is topic0. Truly topic0 again.",
        "A photo of topic0. It shows topic5. Also a topic7.",
        "It shows topic5. Also a topic5.",
        "There are some things here.",
    ]
    samples = [_sample("r00", answer) for answer in answers]
    right, half, wrong, vague = _values(support, samples, images[[0] * 4], corpus)
    assert right > 2
    assert half < 1
    assert wrong < 1
    assert abs(vague) < 1.5
    assert right > max(half, wrong, vague) + 1


def test_support_does_not_depend_on_batch_or_row_order(support: Support) -> None:
    topics = [row % 7 for row in range(40)]
    images, ids = _images(topics), [f"r{row:02d}" for row in range(40)]
    samples = [
        _sample(key, f"This is topic{topic}. And topic{(topic + row % 2) % 7}.")
        for row, (key, topic) in enumerate(zip(ids, topics, strict=True))
    ]
    whole = _values(support, samples, images, Corpus(ids, [()] * 40, images))
    order = random.Random(0).sample(range(40), 40)
    shuffled = Corpus([ids[row] for row in order], [()] * 40, images[order])
    single = [_values(support, [samples[row]], images[row : row + 1], shuffled)[0] for row in range(40)]
    assert whole == pytest.approx(single, abs=1e-3)


def test_rows_without_an_image_are_skipped_and_too_few_images_are_refused(support: Support) -> None:
    images = _images([0] * 10)
    images[9] = np.nan
    corpus = Corpus([str(row) for row in range(10)], [()] * 10, images)
    batch = Batch([_sample("9", "Words.", image=False)], image_embeddings=images[9:])
    assert scores_of(support, batch, corpus=corpus)[0].status == "skipped"
    with pytest.raises(ConfigError, match="at least 8"):
        scores_of(support, batch, corpus=Corpus(["a", "b"], [(), ()], images[:2]))


def test_short_pieces_are_no_sentences_of_their_own() -> None:
    assert whole_sentences("Mr. Brown walks his dog. It barks at a cat.") == [
        "Mr. Brown walks his dog.",
        "It barks at a cat.",
    ]


@given(st.text(max_size=300))
def test_sentences_lose_nothing(text: str) -> None:
    assert "".join(" ".join(whole_sentences(text)).split()) == "".join(text.split())


def test_saying_it_again_adds_no_detail() -> None:
    once = "A brown dog runs over the green grass."
    more = f"{once} Its tongue hangs out and a red ball lies in front of it."
    values = _values(
        Detail(), [_sample("a", text) for text in (once, " ".join([once] * 6), more, "dog " * 60)]
    )
    assert values[1] < 0.5 * values[0]
    assert values[3] < 0.2 * values[0]
    assert values[2] > values[0]


def test_padding_of_any_length_cannot_win_by_support_and_detail_together() -> None:
    assert _values(Detail(), [_sample("a", "")]) == [0]


ADJECTIVES = ("brown", "small", "happy", "old", "black", "young")
NOUNS = ("dog", "man", "girl", "horse", "boy", "cat")
ENDS = ("runs over the grass", "sits on a bench in the park", "looks at the camera", "plays with a red ball")


def _captions(number: int) -> list[str]:
    rng = random.Random(0)
    return [f"A {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} {rng.choice(ENDS)}." for _ in range(number)]


def test_shuffled_words_are_told_from_sentences() -> None:
    captions = _captions(150)
    rng = random.Random(1)
    shuffled = []
    for caption in captions[:20]:
        words = caption.rstrip(".").split()
        rng.shuffle(words)
        shuffled.append(" ".join(words) + ".")
    listed = [", ".join(sorted(caption.rstrip(".").split())) + "." for caption in captions[20:40]]
    answers = captions + shuffled + listed
    ids = [f"{row:03d}" for row in range(len(answers))]
    samples = [_sample(key, answer) for key, answer in zip(ids, answers, strict=True)]
    values = _values(Phrasing(), samples, corpus=_corpus(ids, answers))
    assert min(values[:150]) > 0.6
    assert float(np.mean(values[150:170])) < 0.35
    assert float(np.mean(values[170:])) < 0.35


def test_a_dataset_too_small_to_tell_lets_every_row_pass_and_says_so() -> None:
    answers = ["Quick brown foxes jump.", "Seven wizards sleep deeply.", "Nothing resembles these words."]
    samples = [_sample(key, answer) for key, answer in zip("abc", answers, strict=True)]
    scores = scores_of(Phrasing(), samples, corpus=_corpus(["a", "b", "c"], answers))
    assert [score.value for score in scores] == [1, 1, 1]
    assert all(score.reason for score in scores)


def test_an_answer_that_was_cut_off_is_told_from_one_that_ends() -> None:
    captions = _captions(150)
    cut = [" ".join(caption.split()[: 3 + row % 3]) for row, caption in enumerate(captions[:30])]
    for whole in (captions, [caption.rstrip(".") for caption in captions]):
        answers = whole + cut
        ids = [f"{row:03d}" for row in range(len(answers))]
        samples = [_sample(key, answer) for key, answer in zip(ids, answers, strict=True)]
        values = _values(Phrasing(), samples, corpus=_corpus(ids, answers))
        assert float(np.mean(values[:150])) > 0.9
        assert max(values[150:]) < 0.3


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=8), min_size=2, max_size=6))
def test_the_gains_without_a_row_equal_those_of_a_model_counted_without_it(rows: list[list[str]]) -> None:
    """Against a direct computation; the numbers of different words are those of all rows, as in the code."""
    model = Bigrams.count({str(row): [words] for row, words in enumerate(rows)})
    padded = [["\n", *words, "\n\n"] for words in rows]
    others = padded[1:]
    pairs = Counter(pair for words in others for pair in pairwise(words))
    words = Counter(word for row in others for word in row[1:])
    firsts = Counter(word for row in others for word in row[:-1])
    everything = {pair for row in padded for pair in pairwise(row)}
    vocabulary = len({word for row in padded for word in row[1:]})
    gains = []
    for first, word in pairwise(padded[0]):
        alone = (words[word] + 1) / (words.total() + vocabulary + 1)
        kinds = max(1, len({second for before, second in everything if before == first}))
        gains.append(math.log((pairs[first, word] + kinds * alone) / (firsts[first] + kinds) / alone))
    (found,) = model.gains(rows[:1], "0")
    assert found.order == pytest.approx(sum(gains[:-1]) / len(gains[:-1]))
    assert found.end == pytest.approx(gains[-1])
