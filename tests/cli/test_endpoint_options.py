"""Limits, cache and audit hold on every way to an endpoint, or are refused where nothing reads them."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.test_cli import finegold as process
from tests.docs.desk import finegold
from tests.evaluation import made
from tests.llm.hostile import FAULTS
from tests.llm.server import Answer, Ask, FakeServer, completion

pytest.importorskip("aiohttp")
MakeDataset = Callable[..., Path]

PLUGIN = """
import asyncio
from dataclasses import dataclass

from finegold.llm import LoopThread, ask_until_read, session_from
from finegold.llm.rating import rating_request
from finegold.scorers import Score, Scorer
from finegold.scorers.llm import LlmScorer


@dataclass(frozen=True)
class Mine(LlmScorer):
    name = "mine"


@dataclass(frozen=True)
class Own(Scorer):
    name = "own"
    version = "1"
    requires = frozenset({"answer"})

    def prepare(self, context):
        return self.score

    def score(self, batch):
        # A session and a client of its own for each row.
        return [Score.ok(1.0) if self.ask(sample) else Score.failed("no") for sample in batch.samples]

    def ask(self, sample):
        plain = {"model": "m", "temperature": 0, "max_tokens": 9, "structured": False}
        request = rating_request("?", sample.answer, None, **plain)
        with LoopThread() as loop:
            client = loop.open(session_from())
            asked = ask_until_read(client, lambda _: request, lambda r: (r.answer, ""), asks=1, retry=False)
            found = loop.run(asked)
        return found.value


@dataclass(frozen=True)
class Quiet(Own):
    name = "quiet"

    def ask(self, sample):
        return True
"""


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FINEGOLD_LLM_MODEL", "rater")
    monkeypatch.setenv("FINEGOLD_LLM_API_KEY", "sk-a-very-secret-key")
    monkeypatch.setenv("FINEGOLD_LLM_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.delitem(sys.modules, "plugin", raising=False)
    monkeypatch.chdir(tmp_path)


def rates(ask: Ask) -> Answer:
    return completion("80\nFine.")


@pytest.mark.parametrize(
    "scorer", ["llm", "llm-image", "finegold.scorers.llm:LlmScorer", "plugin:Mine", "plugin:Own"]
)
def test_a_limit_holds_whatever_name_the_scorer_was_given_by(
    make_dataset: MakeDataset, tmp_path: Path, scorer: str
) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    data = make_dataset(12)
    with FakeServer(rates) as server:
        where = ("--base-url", server.url, "--cache", "mine.sqlite", "--max-calls", "3")
        done = finegold("score", "run", "--data", str(data), "--scorer", scorer, *where)
        assert "3 ok, 0 skipped, 9 failed" in done.out, done.out + done.err
        assert len(server.asks) == 3
    assert (tmp_path / "mine.sqlite").exists()
    assert len((tmp_path / "run" / "audit-llm.jsonl").read_text().splitlines()) == 3
    # A scorer of one's own may give another reason than that a call was not sent.
    assert done.status == (0 if scorer == "plugin:Own" else 1)


def test_options_that_nothing_would_read_are_refused(make_dataset: MakeDataset, tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    data = make_dataset(3)
    run = ("score", "run", "--data", str(data), "--scorer")
    made.vsr(tmp_path / "bench")
    bench = ("--task-data", "bench", "--out", "out")
    questions = "q.jsonl"
    Path(questions).write_text('{"question_id": 0, "text": "?"}\n')
    refused = [
        (*run, "length", "--max-calls", "3"),
        (*run, "length", "--model", "m"),
        ("evaluate", "constant:Yes", *bench, "--max-usd", "1"),
        ("evaluate", *bench, "--rescore", "--cache", "c"),
        (
            "generate",
            "spelling-rule",
            "--questions",
            questions,
            "--out",
            "a.jsonl",
            "--base-url",
            "http://h/v1",
        ),
        ("chat", "constant:Yes", "--concurrency", "3"),
        ("judge", "--replay", questions, "--out", "judged", "--max-calls", "1"),
    ]
    for command in refused:
        done = finegold(*command)
        assert done.status == 2, command
        assert len(done.err.strip().splitlines()) == 1, done.err
        assert "defect" not in done.err
    assert not (tmp_path / "run").exists()
    quiet = finegold(*run, "plugin:Quiet", "--max-calls", "3")
    assert quiet.status == 2
    assert "--max-calls would have no effect" in quiet.err
    assert "3 ok" in quiet.out


def test_an_empty_answer_is_asked_for_again_by_retry_failed_alone(tmp_path: Path) -> None:
    made.vsr(tmp_path, [1, 1, 1])
    broken = True

    def script(ask: Ask) -> Answer:
        return FAULTS["tool-calls"].answer("") if broken else completion("<think>No? No.</think> Yes")

    with FakeServer(script) as server:
        command = (
            "evaluate",
            "endpoint:m",
            "--tasks",
            "vsr",
            "--task-data",
            ".",
            "--out",
            "out",
        )
        where = ("--base-url", server.url)
        first = finegold(*command, *where)
        assert first.status == 1
        assert "vsr: 3 failed: the model called a tool instead of giving text: '[{" in first.out
        assert "no item has an answer" in first.out
        assert len(server.asks) == 3
        broken = False
        assert finegold(*command, *where).status == 1
        assert len(server.asks) == 3
        mended = finegold(*command, *where, "--retry-failed")
        assert len(server.asks) == 6
    assert mended.status == 0, mended.out + mended.err
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    for scoring in ("ehub", "strict"):
        assert results["tasks"]["vsr"]["scores"][scoring][0]["value"] == 1.0


def test_a_secret_in_the_query_is_written_nowhere(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(3)
    secret = "query-secret-0123456789"
    for fault in ("malformed-header", "not-http", "malformed-location", "server-error", "cut-connection"):
        with FakeServer(lambda _, fault=fault: FAULTS[fault].answer("80")) as server:  # type: ignore[misc]
            url = f"{server.url}?api-version=2024-10-21&code={secret}"
            done = process(
                *("score", fault, "--data", data, "--scorer", "llm", "--base-url", url, "--max-calls", 4),
                cwd=tmp_path,
            )
        assert done.returncode == 1, done.stdout + done.stderr
        assert "failed" in done.stdout
        assert secret not in done.stdout + done.stderr
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and secret.encode() in f.read_bytes()]


def test_a_model_name_that_cannot_be_sent_is_refused_before_a_call(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    made.vsr(tmp_path / "bench")
    name = b"m\xff".decode("utf-8", "surrogateescape")
    with FakeServer(rates) as server:
        where = ("--base-url", server.url)
        for command in (
            ("score", "run", "--data", make_dataset(2), "--scorer", "llm", "--model", name, *where),
            (
                "evaluate",
                f"endpoint:{name}",
                "--task-data",
                tmp_path / "bench",
                "--out",
                tmp_path / "o",
                *where,
            ),
        ):
            done = process(*command, cwd=tmp_path)
            assert done.returncode == 2
            assert "surrogate pair" in done.stderr, done.stderr
        assert not server.asks
