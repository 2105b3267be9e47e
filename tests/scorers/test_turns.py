"""Rows with several turns: each turn is judged alone, kept, and folded by the scorer's rule."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from tests.scorers.scoring import scores_of
from tests.scorers.test_sound import Topics

from finegold.run import BLOCK_ROWS, PartTable, RunFolder
from finegold.samples import Dataset, ImageRef, Pair, Sample, Turn, open_dataset
from finegold.scorers import SCORERS, Batch, Context, Corpus, Score, ScoreBatch, Scorer
from finegold.scorers.base import fold, score_pairs
from finegold.scorers.clip import Clip
from finegold.scorers.detail import Detail
from finegold.scorers.length import Length
from finegold.scorers.measures import Words as CountedWords
from finegold.scorers.novelty import Novelty
from finegold.scorers.phrasing import Phrasing
from finegold.scorers.step import score, turns_table
from finegold.scorers.support import Support

ROWS = BLOCK_ROWS + 20


def sample(key: str, *pairs: tuple[str, str]) -> Sample:
    turns = [Turn(*turn) for asked, said in pairs for turn in (("user", asked), ("assistant", said))]
    return Sample(key, (ImageRef(f"{key}.jpg", data=b"x"),), tuple(turns), None)


def values(scores: Sequence[Score]) -> list[float]:
    assert all(score.status == "ok" for score in scores), scores
    return [score.value for score in scores if score.value is not None]


PAIRS = [
    ("What is it?", "A photo of topic0."),
    ("And?", "It shows topic5 too."),
    ("Sure?", "Yes. It is topic0."),
]


@pytest.fixture
def topics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finegold.scorers.base.load_encoder", lambda *_, **__: Topics())


def corpus_of(rows: Sequence[Sample]) -> tuple[Corpus, np.ndarray]:
    images = (np.eye(Topics.dim)[[row % Topics.dim for row in range(len(rows))]] + 0.05).astype(np.float32)
    return Corpus([row.id for row in rows], [row.pairs for row in rows], images), images


@pytest.mark.parametrize(
    ("scorer", "rule"),
    [
        (Support(cap=None), min),
        (Clip(mode="whole"), np.mean),
        (Length("tokens"), sum),
        (CountedWords(), sum),
    ],
)
def test_a_row_is_folded_from_what_its_turns_would_get_alone(
    topics: None, scorer: Scorer, rule: object
) -> None:
    fillers = [sample(f"r{row:02d}", PAIRS[0]) for row in range(24)]
    corpus, images = corpus_of(fillers)
    rows = [sample("r00", *PAIRS), *(sample("r00", pair) for pair in PAIRS)]
    whole, *alone = scores_of(scorer, Batch(rows, image_embeddings=images[[0] * 4]), corpus=corpus)
    assert whole.value == pytest.approx(rule(values(alone)))  # type: ignore[operator]
    assert [turn.value for turn in whole.turns] == values(alone)
    assert len(set(values(alone))) > 1


def test_detail_counts_the_words_of_all_turns_once() -> None:
    rows = [
        sample("a", ("", "a brown dog runs"), ("", "a red ball")),
        sample("b", ("", "a brown dog runs"), ("", "a brown dog runs")),
        sample("c", ("", "a brown dog runs a red ball")),
        sample("d", ("", "a brown dog runs")),
    ]
    two, same, one, half = values(scores_of(Detail(), rows))
    assert two == pytest.approx(one)
    assert same == pytest.approx(half / 2)


def test_a_turn_that_was_cut_off_sinks_a_conversation() -> None:
    good = [
        sample(f"{row:03d}", ("", f"A dog runs over the grass {row % 3}."), ("", "It is a dog."))
        for row in range(60)
    ]
    cut = sample("cut", ("", "A dog runs over the grass 1."), ("", "It is a"))
    rows = [*good, cut]
    corpus = Corpus([row.id for row in rows], [row.pairs for row in rows])
    *others, last = scores_of(Phrasing(), rows, corpus=corpus)
    assert min(values(others)) > 0.8
    assert last.value is not None
    assert last.value < 0.3
    assert last.turns[0].value == pytest.approx(1.0)


def test_a_turn_that_repeats_another_is_not_new() -> None:
    text = "A brown dog runs over the grass."
    row = sample(
        "a", ("", text), ("", ""), ("", f"{text} A man looks on from afar."), ("", text), ("", "Yes")
    )
    (found,) = scores_of(Novelty(), [row])
    first, empty, half, nothing, short = found.turns
    assert (first.value, nothing.value, short.value) == (1, 0, 1)
    assert empty[:2] == (None, "there is no answer")
    assert half.value is not None
    assert 0 < half.value < 0.1
    assert found.value == values(scores_of(Novelty(), [sample("b", ("", row.answer))]))[0]


def test_every_indicator_of_answers_keeps_the_values_of_turns_but_ratings() -> None:
    """A rating is one call for all turns."""
    # Other tests register scorers of their own.
    classes = [one for one in map(SCORERS.get, SCORERS) if one.__module__.startswith("finegold.")]
    whole = {one.name for one in classes if "answer" in one.requires and not one.by_turn}
    assert whole == {"llm", "turns"}


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5))
def test_folding(numbers: list[float]) -> None:
    turns = [Score.ok(number) for number in numbers]
    assert fold(turns, "weakest").value == min(numbers)
    assert fold(turns, "sum").value == pytest.approx(sum(numbers))
    assert fold(turns, "mean").value == pytest.approx(np.mean(numbers))
    assert fold([Score.skipped("no"), *turns], "weakest").value == min(numbers)
    broken = fold([*turns, Score.failed("it broke")], "sum")
    assert (broken.status, broken.value) == ("failed", None)
    assert broken.reason == f"turn {len(turns) + 1}: it broke"


def test_rows_without_a_turn_to_judge_are_skipped_and_remarks_say_the_turn() -> None:
    assert fold([], "mean") == Score.skipped("there is no answer")
    assert fold([Score.skipped("why")], "mean") == Score.skipped("why")
    assert fold([Score.skipped("why"), Score.skipped("so")], "mean") == Score.skipped("turn 1: why")
    assert fold([Score.ok(1, "cut")], "mean") == Score.ok(1, "cut")
    assert fold([Score.ok(1), Score.ok(2, "cut")], "mean") == Score.ok(1.5, "turn 2: cut")


class TestSupport:
    """Parameters of `support` beside its cap."""

    def scores(self, scorer: Support, *rows: Sample) -> list[Score]:
        corpus, images = corpus_of([sample(f"r{row:02d}", PAIRS[0]) for row in range(36)])
        return scores_of(scorer, Batch(rows, image_embeddings=images[[0] * len(rows)]), corpus=corpus)

    def test_a_cap_of_none_is_no_limit(self, topics: None) -> None:
        row = sample("r00", PAIRS[0])
        (capped,), (free,) = values(self.scores(Support(), row)), values(self.scores(Support(cap=None), row))
        assert capped == 2.5
        assert free > 2.5

    def test_sentences_that_fit_every_image_can_be_left_out_with_a_remark(self, topics: None) -> None:
        rows = [
            sample("r00", ("", "A photo of topic0. There are some things to be seen here.")),
            sample("r00", ("", "There are some things to be seen here.")),
            sample("r00", ("", "A photo of topic0. It shows topic5 as well.")),
        ]
        whole = self.scores(Support(cap=None), *rows)
        mixed, vague, wrong = self.scores(Support(cap=None, clear=3.0), *rows)
        assert mixed.reason == "1 of 2 sentences cannot be judged by the encoder"
        assert values([mixed])[0] > values(whole)[0] + 2
        assert (vague.value, vague.reason) == (
            whole[1].value,
            "1 of 1 sentences cannot be judged by the encoder",
        )
        assert wrong == whole[2]
        # The value of each sentence: the weakest one is the turn's, and None does not count.
        assert mixed.turns[0].sentences == (mixed.value, None)
        assert whole[0].turns[0].sentences[0] == mixed.value
        assert whole[0].turns[0].sentences[1] == whole[0].value
        assert wrong.turns[0].sentences[1] == wrong.value

    def test_a_word_alone_does_not_count_beside_a_longer_answer(self, topics: None) -> None:
        row = sample("r00", PAIRS[0], ("Is it topic5?", "Yes"))
        (found,) = self.scores(Support(cap=None), row)
        (alone,) = self.scores(Support(cap=None), sample("r00", PAIRS[0]))
        assert found.value == alone.value
        assert found.turns[1][:2] == (None, "an answer of under 3 words cannot be judged alone")
        (short,) = self.scores(Support(cap=None, short=1), row)
        assert short.turns[1].value is not None
        assert self.scores(Support(), sample("r00", ("Is it?", "Yes")))[0].status == "ok"

    def test_short_answers_can_be_read_with_their_question(self, topics: None) -> None:
        asked = [
            sample("r00", (f"Is this a topic{topic} here?", said))
            for topic in (0, 5)
            for said in ("Yes", "No.")
        ]
        right_yes, wrong_no, wrong_yes, right_no = values(self.scores(Support(cap=None, short=2), *asked))
        assert right_yes > 2 > wrong_no
        assert right_no > wrong_yes
        assert wrong_no == -right_yes
        alone = values(self.scores(Support(cap=None), *asked))
        assert alone[0] == alone[2]
        named = [sample("r00", ("What is here?", f"topic{topic} .")) for topic in (0, 5)]
        right, wrong = values(self.scores(Support(cap=None, short=2), *named))
        assert right > wrong + 2


@dataclass(frozen=True)
class Words(Scorer):
    """Number of words of each turn; breaks on an answer of seven letters."""

    name = "words"
    version = "1"
    requires = frozenset({"answer"})
    by_turn = True

    def prepare(self, context: Context) -> ScoreBatch:
        return lambda batch: score_pairs(batch.samples, self._score, "sum")

    def _score(self, pairs: Sequence[Pair]) -> list[Score]:
        return [Score.ok(len(pair.answer.split()), "odd" if "odd" in pair.answer else None) for pair in pairs]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("data")
    Image.new("RGB", (30, 20)).save(folder / "a.png")
    rows = []
    for index in range(ROWS):
        turns = []
        for turn in range(1 + index % 3):
            turns.append({"from": "human", "value": "<image>\nWhat?" if turn == 0 else "And?"})
            turns.append({"from": "gpt", "value": f"It is {'odd ' * turn}{index}."})
        rows.append({"id": f"r{index:04d}", "image": "a.png", "conversations": turns})
    (folder / "data.json").write_text(json.dumps(rows))
    return open_dataset(folder / "data.json", images=folder, format="llava")


def scored(dataset: Dataset, run: RunFolder, scorer: Scorer) -> tuple[PartTable, PartTable]:
    table = score(run, dataset, scorer, usable=np.ones(ROWS, np.bool_), data="d")
    turns = turns_table(run, scorer, table)
    assert turns is not None
    return table, turns


def test_a_second_table_keeps_the_value_of_each_turn(dataset: Dataset, tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, {"path": "data.json"})
    table, turns = scored(dataset, run, Words())
    assert turns.folder.parent.name == "turns"
    assert turns.fingerprint == table.fingerprint
    rows = turns.read(["sample_id", "turn", "value", "reason"]).to_pylist()
    assert [row for row in rows if row["sample_id"] == "r0002"] == [
        {"sample_id": "r0002", "turn": 1, "value": 3.0, "reason": None},
        {"sample_id": "r0002", "turn": 2, "value": 4.0, "reason": "odd"},
        {"sample_id": "r0002", "turn": 3, "value": 5.0, "reason": "odd"},
    ]
    assert len(rows) == sum(1 + index % 3 for index in range(ROWS))
    third = table.read().to_pylist()[2]
    assert (third["value"], third["reason"]) == (12.0, "turn 2: odd; turn 3: odd")


def test_a_killed_step_leaves_both_tables_as_an_uninterrupted_one(dataset: Dataset, tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path, {"path": "data.json"})
    table, turns = scored(dataset, run, Words())
    before = [path.read_bytes() for path in (*table.paths(), *turns.paths())]
    # As if killed after the turns of a part were written and before its scores were.
    table.drop([1])
    (turns.folder / "done.json").unlink()
    scored(dataset, run, Words())
    assert [path.read_bytes() for path in (*table.paths(), *turns.paths())] == before
    # As if the folder of the turns was deleted.
    for path in turns.folder.iterdir():
        path.unlink()
    scored(dataset, run, Words())
    assert [path.read_bytes() for path in (*table.paths(), *turns.paths())] == before


def test_a_scorer_of_whole_rows_has_no_table_of_turns(dataset: Dataset, tmp_path: Path) -> None:
    class Whole(Words):
        by_turn = False

    run = RunFolder.create(tmp_path, {"path": "data.json"})
    table = score(run, dataset, Whole(), usable=np.ones(ROWS, np.bool_), data="d")
    assert turns_table(run, Whole(), table) is None
    assert not (tmp_path / "turns").exists()
