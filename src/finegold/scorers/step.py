"""The step that scores a dataset into the run folder."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from heapq import nsmallest

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from finegold.arrays import Vectors
from finegold.encoders.step import embed, embeddings_of
from finegold.engines import Compute, Engine, Make, Results, ThisProcess, Work, map_ordered
from finegold.engines.memory import is_out_of_memory
from finegold.engines.threads import IN_FLIGHT
from finegold.errors import ConfigError, FinegoldError, RunError
from finegold.llm import Session, session_in_force
from finegold.models.registry import ENDPOINT
from finegold.run import BLOCK_ROWS, Blocks, Columns, PartTable, RunFolder, fill, fingerprint
from finegold.samples import Dataset, Sample
from finegold.samples.step import samples_of_blocks
from finegold.scorers.base import (
    Batch,
    Context,
    Score,
    ScoreBatch,
    Scorer,
    first_image,
    runs_of_images,
)
from finegold.scorers.corpus import read_corpus
from finegold.scorers.registry import scorer_parameters
from finegold.scorers.statements import id_digest

SCHEMA = pa.schema(
    [("sample_id", pa.string()), ("value", pa.float64()), ("status", pa.string()), ("reason", pa.string())]
)
"""Columns of a score table; `value` is null unless `status` is `ok`."""

TURNS_SCHEMA = pa.schema(
    [
        ("sample_id", pa.string()),
        ("turn", pa.int32()),
        ("value", pa.float64()),
        ("reason", pa.string()),
        ("sentences", pa.list_(pa.float64())),
    ]
)
"""Columns of a table of turns: one row for each of a sample's (question, answer) pairs, `turn` from 1.

`sentences` holds the values of the answer's sentences, as `TurnScore` has them; null without any. Tables of
earlier versions lack it.
"""
FEATURES_OF_ROWS = 20_000
"""Rows up to which a model's image features are kept: the offline model's take 46 kB an image, 0.9 GB."""


def scores_table(run: RunFolder, scorer: Scorer, data: str, context: Context | None = None) -> PartTable:
    """The run's table of this scorer, finished or not."""
    return run.table("scores", scorer.name, {"data": data, **scorer_parameters(scorer, context)}, SCHEMA)


def turns_table(run: RunFolder, scorer: Scorer, scores: PartTable) -> PartTable | None:
    """The run's table of the turns beside a table of scores, finished or not; None if the scorer judges none.

    Its parameters are those of the scores: to find them again may hash a model of many gigabytes.
    """
    if not scorer.by_turn:
        return None
    parameters = {name: value for name, value in scores.parameters.items() if name != "name"}
    return run.table("turns", scorer.name, parameters, TURNS_SCHEMA)


@dataclass(frozen=True)
class _Scoring(Work[tuple[Columns, Columns]]):
    """Scoring a dataset's usable rows: makes the columns of scores and those of turns.

    Attributes:
        dataset: The dataset.
        usable: One flag a dataset row.
        scorer: The scorer.
        embeddings: Finished table of the images' embeddings, if the scorer requires them.
        context: What the scorer may use.
        here: Whether it is prepared with this context as it is; in other processes it gets their device and
            threads, and no endpoint.
    """

    dataset: Dataset
    usable: npt.NDArray[np.bool_]
    scorer: Scorer
    embeddings: PartTable | None
    context: Context
    here: bool

    @contextmanager
    def begin(self, compute: Compute) -> Iterator[Make[tuple[Columns, Columns]]]:
        context = self.context
        if self.here:
            yield self._maker(context)
            return
        context = replace(context, device=compute.device, workers=compute.workers)
        with context, session_in_force(_no_session):
            yield self._maker(context)

    def _maker(self, context: Context) -> Make[tuple[Columns, Columns]]:
        score_batch = self.scorer.prepare(context)
        stored = None if self.embeddings is None else lru_cache(maxsize=1)(self.embeddings.part)

        def embedded(block: int, first: int, samples: Sequence[Sample]) -> pa.Table | None:
            """The stored embeddings of samples of a block, of which `first` come before them."""
            if self.embeddings is None or stored is None:
                return None
            part = block // self.embeddings.blocks
            begin = BLOCK_ROWS * self.embeddings.blocks * part
            before = int(self.usable[begin : BLOCK_ROWS * block].sum())
            found = stored(part).slice(before + first, len(samples))
            if found["sample_id"].to_pylist() != [sample.id for sample in samples]:
                raise RunError(
                    f"{self.embeddings.part_path(part)} is of other rows: delete its folder and run again"
                )
            return found

        def make(missing: list[int], advance: Callable[[int], None]) -> Results[tuple[Columns, Columns]]:
            ids: list[str] = []
            scores: list[Score] = []
            waiting: list[Sample] = []
            held = 0
            for block, sample in samples_of_blocks(self.dataset, self.usable, missing):
                # A block is scored as one batch, unless its rows hold too many bytes.
                if sample is not None:
                    waiting.append(sample)
                    held += sample.held_bytes
                    if held <= IN_FLIGHT:
                        continue
                vectors = embedded(block, len(ids), waiting)
                scores += _score_rows(self.scorer, score_batch, waiting, vectors, context.workers)
                ids += [one.id for one in waiting]
                waiting, held = [], 0
                if sample is None:
                    advance(len(ids))
                    yield block, (_columns(ids, scores), _turns(ids, scores))
                    ids, scores = [], []

        return make


def _no_session() -> Session:
    raise ConfigError(
        "the scorer calls an endpoint, and calls are made by one process, so that their limits hold: leave "
        "--devices and --engine out"
    )


def score(
    run: RunFolder,
    dataset: Dataset,
    scorer: Scorer,
    *,
    usable: npt.NDArray[np.bool_],
    data: str,
    context: Context | None = None,
    engine: Engine | None = None,
) -> PartTable:
    """Score the usable rows, a block at a time, going on where an earlier run stopped.

    A scorer that requires `image_embedding` makes the run embed the images first. Where a scorer raises on a
    batch, each of its samples is scored alone, and those on which it raises are `failed`. Calls to an
    endpoint are made by this process, whatever the engine, so that their limits hold for all of them.

    Args:
        run: Where the table is written.
        dataset: Read from the first row that is missing.
        scorer: Prepared if there is something to do.
        usable: One flag a dataset row, by `Row.index`: whether to score it.
        data: Fingerprint of the dataset.
        context: Device, threads and endpoint. What the scorer opens is closed at the end.
        engine: Who scores and embeds; this process if None, with the context's device and threads.

    Raises:
        ModelError: If a model cannot be loaded.
        ConfigError: If the scorer requires embeddings and names no encoder.
        DataError: If the dataset cannot be read on.
    """
    with context if context is not None else Context() as context:
        table = scores_table(run, scorer, data, context)
        turns = turns_table(run, scorer, table)
        if table.done:
            if turns is None or turns.done:
                return table
            table.drop(range(len(table.paths())))
        here = ThisProcess(Compute(context.device, workers=context.workers))
        engine = engine or here
        embeddings: PartTable | None = None
        if "image_embedding" in scorer.requires:
            name, dtype = getattr(scorer, "encoder", None), getattr(scorer, "dtype", "auto")
            if not isinstance(name, str):
                raise ConfigError(
                    f"the scorer '{scorer.name}' requires image embeddings and has no field 'encoder': "
                    "add one"
                )
            encoder = context.encoder(name, dtype)
            embeddings = embed(run, dataset, encoder, usable=usable, data=data, engine=engine, dtype=dtype)
        ready = replace(
            context,
            read_corpus=partial(read_corpus, dataset, usable, embeddings),
            fixed_samples=partial(_fixed_samples, dataset, usable),
            features=run.path / "features" if usable.sum() <= FEATURES_OF_ROWS else None,
            losses=run.path / "losses" / fingerprint({"model": table.parameters["model"]}),
        )
        if calls_endpoint(scorer):
            here.shard, engine = engine.shard, here
        if not isinstance(engine, ThisProcess):
            ready = replace(ready, open_session=_no_session, opened=[], exit=ExitStack(), notes=[])
        work = _Scoring(dataset, usable, scorer, embeddings, ready, isinstance(engine, ThisProcess))
        making = engine.start(work, table.blocks)

        def make(missing: list[int], advance: Callable[[int], None]) -> Blocks:
            with closing(making.make(missing, advance)) as made:
                for block, found in made:
                    yield block, found if turns is not None else found[0]

        return fill(
            run,
            table,
            make,
            usable=usable,
            step="score",
            label=f"Scoring {scorer.name}",
            load=making.load,
            shard=engine.shard,
            beside=turns,
            scorer=scorer.name,
        )


def calls_endpoint(scorer: Scorer) -> bool:
    """Whether a scorer calls an endpoint, by itself or by its model."""
    return scorer.uses_endpoint or str(getattr(scorer, "model", "")).startswith(ENDPOINT)


def _columns(ids: Sequence[str], scores: Sequence[Score]) -> dict[str, list[object]]:
    """Columns of the table of scores."""
    return {
        "sample_id": list(ids),
        "value": [score.value for score in scores],
        "status": [score.status for score in scores],
        "reason": [score.reason for score in scores],
    }


def _turns(ids: Sequence[str], scores: Sequence[Score]) -> dict[str, list[object]]:
    """Columns of the table of turns."""
    rows = [
        (sample_id, number, turn.value, turn.reason, turn.sentences or None)
        for sample_id, score in zip(ids, scores, strict=True)
        for number, turn in enumerate(score.turns, 1)
    ]
    return {name: [row[place] for row in rows] for place, name in enumerate(TURNS_SCHEMA.names)}


def _fixed_samples(dataset: Dataset, usable: npt.NDArray[np.bool_], number: int) -> list[Sample]:
    """The usable rows with an image whose ids have the smallest hashes, the smallest first."""
    rows = (row.sample for row in dataset.rows() if usable[row.index] and row.sample is not None)
    shown = (sample for sample in rows if sample.images)
    return nsmallest(number, shown, key=lambda sample: id_digest(sample.id))


def _score_rows(
    scorer: Scorer,
    score_batch: ScoreBatch,
    samples: Sequence[Sample],
    stored: pa.Table | None,
    workers: int | None,
) -> list[Score]:
    """Scores of samples; the scorer is not shown those whose images or stored embeddings failed."""
    vectors: Vectors | None = None
    reasons: list[str | None] = [None] * len(samples)
    if stored is not None:
        vectors = embeddings_of(stored)
        reasons = stored["reason"].to_pylist()
    shown = "image" in scorer.requires
    scores: list[Score] = []
    for start, end in runs_of_images(samples) if shown else [(0, len(samples))]:
        failures = {row: reason for row, reason in enumerate(reasons[start:end]) if reason is not None}
        some, images = samples[start:end], None
        if shown:
            found = list(map_ordered(first_image, some, workers=workers))
            failures |= {row: image for row, image in enumerate(found) if isinstance(image, str)}
            images = [None if isinstance(image, str) else image for image in found]
        kept = [row for row in range(len(some)) if row not in failures]
        batch = Batch(some, images, None if vectors is None else vectors[start:end]).take(kept)
        scored = iter(_score_batch(scorer.name, score_batch, batch))
        scores += [
            Score.failed(failures[row]) if row in failures else next(scored) for row in range(len(some))
        ]
    return scores


def _score_batch(name: str, score_batch: ScoreBatch, batch: Batch) -> list[Score]:
    if not batch.samples:
        return []
    rows = range(len(batch.samples))
    try:
        scores = score_batch(batch)
    except FinegoldError:
        raise
    except Exception as error:
        if len(rows) == 1:
            return [Score.failed(f"the scorer raised {type(error).__name__}: {error}")]
        size = (len(rows) + 1) // 2 if is_out_of_memory(error) else 1
        if size > 1:
            print(f"finegold: {len(rows)} rows at a time do not fit into memory: {size}", file=sys.stderr)
        pieces = [rows[start : start + size] for start in range(0, len(rows), size)]
        return [one for some in pieces for one in _score_batch(name, score_batch, batch.take(some))]
    if len(scores) != len(rows):
        raise RunError(
            f"the scorer '{name}' returned {len(scores)} scores for {len(rows)} samples: "
            "repair it to return one a sample"
        )
    return scores
