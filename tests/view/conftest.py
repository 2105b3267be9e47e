"""A run that needs no model: made pictures, scores and embeddings from a file, and one selection."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw

from finegold.samples.words import whole_sentences
from finegold.scorers import Context, Score, ScoreBatch, Scorer, make_scorer
from finegold.scorers.base import fold
from finegold.workflow import Run, SelectionSettings

ROWS = 90
TOKEN = "a-token-of-the-tests"
MADE = "made"
"""Name of the brought embeddings."""
COLOURS = ("red", "green", "blue")
HOSTILE = '<img src=x onerror="document.title=1">'


@dataclass(frozen=True)
class WeakestWord(Scorer):
    """Finds fault with the word "ground"."""

    name = "weakest-word"
    version = "1"
    requires = frozenset({"answer"})

    def prepare(self, context: Context) -> ScoreBatch:
        remark = "weakest: 'ground' against 'sky'"
        return lambda batch: [
            Score.ok(0.5, remark if "ground" in sample.answer else None) for sample in batch.samples
        ]


@dataclass(frozen=True, slots=True)
class Brevity(Scorer):
    """Words of the shortest sentence, and of each sentence of each turn."""

    name = "brevity"
    version = "1"
    by_turn = True
    requires = frozenset({"answer"})

    def prepare(self, context: Context) -> ScoreBatch:
        def turn(answer: str) -> Score:
            words = tuple(float(len(one.split())) for one in whole_sentences(answer))
            return replace(Score.ok(min(words)), sentences=words)

        return lambda batch: [
            fold([turn(pair.answer) for pair in sample.pairs], "weakest") for sample in batch.samples
        ]


def make_run(folder: Path, rows: int = ROWS) -> Path:
    """A run folder of `rows` rows in three colours; r0003 has no image file, r0006 repeats r0007."""
    images = folder / "images"
    images.mkdir(parents=True)
    records: list[dict[str, Any]] = []
    for at in range(rows):
        colour, file = COLOURS[at % 3], f"{at:04d}.png"
        picture = Image.new("RGB", (96, 64), "white")
        ImageDraw.Draw(picture).ellipse((8 + at % 20, 8, 56, 56), fill=colour)
        picture.save(images / file)
        said = [
            (
                f"<image>\nWhat is picture {at}?",
                f"A {colour} ellipse, picture {at}. " + "It is round. " * (at % 5),
            )
        ]
        if at % 4 == 0:
            said += [
                ("Anything else?", f"No. The ground is white, and {colour} stands out well in number {at}.")
            ]
        if at == 5:
            said[0] = (said[0][0], f"{HOSTILE} zebra zebra words")
        turns = [
            {"from": who, "value": text}
            for pair in said
            for who, text in zip(("human", "gpt"), pair, strict=True)
        ]
        records.append({"id": f"r{at:04d}", "image": file, "conversations": turns})
    records[7] = {**records[6], "id": "r0007", "licence": "unknown"}
    (images / "0003.png").unlink()
    data = folder / "data.json"
    data.write_text(json.dumps(records))
    generator = np.random.default_rng(0)
    vectors = [np.eye(4)[at % 3] + generator.normal(0, 0.05, 4) for at in range(rows)]
    table = {
        "id": [f"r{at:04d}" for at in range(rows)],
        MADE: vectors,
        "taste": [(at * 7 % 50) / 10 for at in range(rows)],
    }
    pq.write_table(pa.table(table), folder / "columns.parquet")
    run = Run.open(folder / "made.run", data, images=images, encoder=MADE)
    run.bring_column(folder / "columns.parquet", MADE)
    run.bring_column(folder / "columns.parquet", "taste")
    run.score(make_scorer("length"))
    run.score(make_scorer("detail"))
    run.score(WeakestWord())
    run.score(Brevity())
    run.select(settings())
    return folder / "made.run"


def settings(**others: Any) -> SelectionSettings:
    """Twelve rows by length and taste, in three clusters, duplicates out."""
    return SelectionSettings.of(
        "instructiongpt4", 12, "length=1,taste=1", clusters=3, dedup="exact", **others
    )


class Client:
    """Sends plain HTTP requests to a view."""

    def __init__(self, address: str) -> None:
        self.origin = address.partition("/?")[0]

    def send(
        self, path: str, body: Any = None, token: str = TOKEN, method: str | None = None, **headers: str
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of the answer; a body is sent as JSON, bytes as they are."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.origin}{path}", data, method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read(), dict(answer.headers.items())
        except urllib.error.HTTPError as error:
            return error.code, error.read(), dict(error.headers.items())

    def get(self, path: str) -> Any:
        """The JSON of an answer that must be good."""
        status, body, _ = self.send(path)
        assert status == 200, body
        return json.loads(body)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("view"))


@contextmanager
def viewing(*folders: Path, **options: Any) -> Iterator[Client]:
    """A view that answers during the block."""
    pytest.importorskip("duckdb")
    pytest.importorskip("uvicorn")
    from finegold.view import open_view

    with open_view(*folders, token=TOKEN, **options) as server:
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            yield Client(server.address)
        finally:
            server.stop()
            thread.join(30)


@pytest.fixture(scope="module")
def client(run_folder: Path) -> Iterator[Client]:
    """A view that answers during the tests of a module."""
    with viewing(run_folder) as found:
        yield found
