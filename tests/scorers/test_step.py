import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from finegold.encoders import load_encoder
from finegold.encoders.step import embed
from finegold.errors import ConfigError, ModelError, RunError
from finegold.run import BLOCK_ROWS, RunFolder
from finegold.samples import Dataset, open_dataset
from finegold.scorers import NOT_IN_FINGERPRINT, Batch, Context, Score, ScoreBatch, Scorer
from finegold.scorers.clip import Clip
from finegold.scorers.corpus import read_corpus
from finegold.scorers.length import Length
from finegold.scorers.statements import smallest_hashes
from finegold.scorers.step import score

ROWS = BLOCK_ROWS + 30
USABLE = np.ones(ROWS, np.bool_)
COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Plain colours with right and wrong names; row 2 is text only, the image of row 3 is cut off."""
    folder = tmp_path_factory.mktemp("data")
    for colour in COLOURS:
        Image.new("RGB", (30, 20), "lime" if colour == "green" else colour).save(folder / f"{colour}.png")
    (folder / "cut.png").write_bytes((folder / "red.png").read_bytes()[:60])
    rows = []
    for index in range(ROWS):
        image = {2: None, 3: "cut.png"}.get(index, f"{COLOURS[index % 3]}.png")
        turns = [
            {"from": "human", "value": "What?" if image is None else "<image>\nWhat?"},
            {"from": "gpt", "value": f"It is {COLOURS[index % 2]}. Number {index}."},
        ]
        rows.append({"id": f"r{index:04d}", "conversations": turns} | ({"image": image} if image else {}))
    (folder / "data.json").write_text(json.dumps(rows))
    return open_dataset(folder / "data.json", images=folder, format="llava")


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, {"path": "data.json"})


def test_clip_prefers_right_names_and_says_what_it_left_out(
    dataset: Dataset, run: RunFolder, colours: str
) -> None:
    rows = score(run, dataset, Clip(colours), usable=USABLE, data="d").read().to_pylist()
    assert [row["sample_id"] for row in rows] == [f"r{index:04d}" for index in range(ROWS)]
    assert [row["status"] for row in rows[:5]] == ["ok", "ok", "skipped", "failed", "ok"]
    assert "cut.png" in rows[3]["reason"]
    assert all((row["value"] is None) == (row["status"] != "ok") for row in rows)
    right = [row["value"] for index, row in enumerate(rows) if index % 6 in (0, 1) and index > 3]
    wrong = [row["value"] for index, row in enumerate(rows) if index % 6 not in (0, 1) and index > 3]
    assert min(right) > max(wrong)


def test_a_second_scoring_reuses_embeddings_and_finished_scores(
    dataset: Dataset, run: RunFolder, colours: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = score(run, dataset, Clip(colours), usable=USABLE, data="d")
    monkeypatch.setattr("finegold.encoders.step.with_image", None)
    again = score(run, dataset, Clip(colours), usable=USABLE, data="d")
    whole = score(run, dataset, Clip(colours, mode="whole"), usable=USABLE, data="d")
    assert again.folder == first.folder
    assert whole.folder != first.folder
    assert whole.read()["status"].to_pylist() == first.read()["status"].to_pylist()


@pytest.mark.parametrize("most", [40, ROWS, 10_000])
def test_a_corpus_of_many_rows_is_a_sample_from_which_the_same_is_learnt(
    dataset: Dataset, run: RunFolder, colours: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("finegold.scorers.corpus.REFERENCES", 60)
    table = embed(run, dataset, load_encoder(colours), usable=USABLE, data="d")
    every, some = (read_corpus(dataset, USABLE, table, number) for number in (10_000, most))
    assert len(every.ids) == ROWS
    assert len(some.ids) == {40: 60, ROWS: ROWS, 10_000: ROWS}[most]
    assert list(some.ids) == sorted(some.ids)  # in dataset order
    for whole, sample in ((every, some), (every, read_corpus(dataset, USABLE, None, most))):
        learnt = [
            [(one.ids[row], one.pairs[row]) for row in smallest_hashes(one.ids, 40)]
            for one in (whole, sample)
        ]
        assert learnt[0] == learnt[1]
    assert every.image_embeddings is not None
    assert some.image_embeddings is not None
    pictured = []
    for one, vectors in ((every, every.image_embeddings), (some, some.image_embeddings)):
        rows = np.flatnonzero(np.isfinite(vectors).all(axis=1))
        chosen = rows[smallest_hashes([one.ids[row] for row in rows.tolist()], 60)]
        pictured.append([(one.ids[row], vectors[row].tolist()) for row in chosen.tolist()])
    assert pictured[0] == pictured[1]


def test_missing_parts_are_made_again_to_the_same_bytes(
    dataset: Dataset, run: RunFolder, colours: str
) -> None:
    table = score(run, dataset, Clip(colours), usable=USABLE, data="d")
    before = [path.read_bytes() for path in table.paths()]
    (table.folder / "done.json").unlink()
    table.part_path(1).unlink()
    score(run, dataset, Clip(colours), usable=USABLE, data="d")
    assert [path.read_bytes() for path in table.paths()] == before


def test_embeddings_of_other_rows_are_refused(dataset: Dataset, run: RunFolder, colours: str) -> None:
    fewer = USABLE.copy()
    fewer[0] = False
    score(run, dataset, Clip(colours), usable=fewer, data="d")
    with pytest.raises(RunError, match="is of other rows"):
        score(run, dataset, Clip(colours, mode="whole"), usable=USABLE, data="d")


@dataclass(frozen=True)
class Custom(Scorer):
    """A third party's scorer around a function, whose name stands for it in the fingerprint."""

    name = "custom"
    version = "1"
    requires = frozenset({"answer"})
    function: ScoreBatch = field(metadata=NOT_IN_FINGERPRINT)

    def identity(self, context: Context) -> dict[str, str]:
        return {"function": getattr(self.function, "__name__", "")}

    def prepare(self, context: Context) -> ScoreBatch:
        return self.function


class WithImages(Custom):
    requires = frozenset({"image"})


class WithEmbeddings(Custom):
    requires = frozenset({"image_embedding"})


def _scored(dataset: Dataset, run: RunFolder, scorer: Scorer) -> list[Any]:
    rows: list[Any] = score(run, dataset, scorer, usable=USABLE, data="d").read().to_pylist()
    return rows


def test_a_row_that_breaks_a_scorer_fails_alone(dataset: Dataset, run: RunFolder) -> None:
    def breaks_on_seven(batch: Batch) -> list[Score]:
        if any(sample.id == "r0007" for sample in batch.samples):
            raise ValueError("no sevens")
        return [Score.ok(len(sample.answer)) for sample in batch.samples]

    rows = _scored(dataset, run, Custom(breaks_on_seven))
    failed = [row for row in rows if row["status"] != "ok"]
    assert [(row["sample_id"], row["reason"]) for row in failed] == [
        ("r0007", "the scorer raised ValueError: no sevens")
    ]


def test_a_scorer_that_reads_images_gets_the_first_of_each_row(dataset: Dataset, run: RunFolder) -> None:
    def redness(batch: Batch) -> list[Score]:
        assert batch.images is not None
        return [
            Score.skipped("no image") if image is None else Score.ok(np.asarray(image)[0, 0, 0])
            for image in batch.images
        ]

    rows = _scored(dataset, run, WithImages(redness))
    assert [row["value"] for row in rows[:7]] == [255, 0, None, None, 0, 0, 255]
    assert [row["status"] for row in rows[2:4]] == ["skipped", "failed"]


def test_errors_that_concern_every_row_stop_the_step(dataset: Dataset, run: RunFolder) -> None:
    def lost(batch: Batch) -> list[Score]:
        raise ModelError("the model is gone")

    def short(batch: Batch) -> list[Score]:
        return [Score.ok(1)]

    with pytest.raises(ModelError, match="is gone"):
        _scored(dataset, run, Custom(lost))
    with pytest.raises(RunError, match="returned 1 scores for 256 samples"):
        _scored(dataset, run, Custom(short))
    with pytest.raises(ConfigError, match="no field 'encoder'"):
        _scored(dataset, run, WithEmbeddings(short))


@dataclass(frozen=True)
class Neighbours(Scorer):
    """How many answers of the dataset are equal to the row's; says how often it was prepared and closed."""

    name = "neighbours"
    version = "1"
    requires = frozenset({"answer"})

    def prepare(self, context: Context) -> ScoreBatch:
        counts = Counter(pair.answer[:7] for pairs in context.corpus.pairs for pair in pairs)
        context.notes.append("prepared")
        context.exit.callback(lambda: context.notes.append("closed"))
        return lambda batch: [Score.ok(counts[sample.answer[:7]]) for sample in batch.samples]


def test_a_scorer_learns_from_the_whole_dataset_once_and_is_closed(dataset: Dataset, run: RunFolder) -> None:
    usable = USABLE.copy()
    usable[::2] = False
    context = Context()
    table = score(run, dataset, Neighbours(), usable=usable, data="d", context=context)
    assert context.notes == ["prepared", "closed"]
    assert table.read()["value"].to_pylist() == [usable.sum()] * usable.sum()
    score(run, dataset, Neighbours(), usable=usable, data="d", context=context)
    assert context.notes == ["prepared", "closed"]


def test_length_needs_no_image(dataset: Dataset, run: RunFolder) -> None:
    rows = score(run, dataset, Length("tokens"), usable=USABLE, data="d").read().to_pylist()
    assert {row["status"] for row in rows} == {"ok"}
    assert rows[0]["value"] == 7
