"""`finegold score --scorer llm` against a real server: plan, limits, failures and their retry."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import chdir
from importlib.util import find_spec
from pathlib import Path
from unittest.mock import patch

import pytest
from tests.docs.desk import Done, finegold
from tests.evaluation import made as evaluated
from tests.llm.server import Answer, Ask, FakeServer, completion
from tests.models.huggingface import made
from tests.models.served import ServedModel
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import ConfigError

pytest.importorskip("aiohttp")
MakeDataset = Callable[..., Path]


def _words(options: tuple[object, ...], run: str) -> list[str]:
    named = () if "--scorer" in options else ("--scorer", "llm")
    cache = () if "--cache" in options else ("--cache", "cache.sqlite")
    return ["score", run, *named, *map(str, options), *cache]


def _endpoint(server: FakeServer) -> dict[str, str]:
    return {
        "FINEGOLD_LLM_BASE_URL": server.url,
        "FINEGOLD_LLM_API_KEY": "sk-very-secret",
        "FINEGOLD_LLM_MODEL": "rater",
    }


def _score(server: FakeServer, folder: Path, *options: object) -> Done:
    with patch.dict(os.environ, _endpoint(server)), chdir(folder):
        return finegold(*_words(options, "run"))


def _score_by_process(
    server: FakeServer, folder: Path, *options: object, run: str = "run"
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **_endpoint(server)}
    command = [sys.executable, "-m", "finegold", *_words(options, run)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)


def _number(ask: Ask) -> int:
    found = re.search(r"number (\d+) on", ask.text)
    assert found is not None
    return int(found.group(1))


def test_plan_limit_failure_and_retry(make_dataset: MakeDataset, tmp_path: Path) -> None:
    confused = True

    def script(ask: Ask) -> Answer:
        if confused and _number(ask) % 4 == 0:
            return completion("I would rather not say.")
        return completion(f"{50 + _number(ask)}\nFine.")

    data = make_dataset(12)
    with FakeServer(script) as server:
        planned = _score(server, tmp_path, "--data", data, "--plan")
        assert planned.status == 0, planned.err
        assert "12" in planned.out
        assert not server.asks

        limited = _score(server, tmp_path, "--max-calls", 5)
        assert limited.status == 1, limited.err
        assert "stopped" in limited.out
        assert len(server.asks) <= 5

        prices = ("--usd-per-m-prompt", 10, "--usd-per-m-completion", 100)
        first = _score(server, tmp_path, "--retry-failed", *prices)
        assert "; spent: $0.0" in first.out
        assert "9 ok" in first.out
        assert "3 failed" in first.out
        asked = len(server.asks)

        confused = False
        second = _score(server, tmp_path, "--retry-failed")
        assert "12 ok" in second.out, second.out + second.err
        assert {_number(ask) for ask in server.asks[asked:]} == {0, 4, 8}
    for shown in (planned, limited, first, second):
        assert "sk-very-secret" not in shown.out + shown.err
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "images" not in path.parts]
    assert not [path for path in files if b"sk-very-secret" in path.read_bytes()]


def test_a_plan_needs_no_endpoint_and_no_key(
    make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FINEGOLD_LLM_BASE_URL", "FINEGOLD_LLM_API_KEY", "OPENAI_API_KEY", "FINEGOLD_LLM_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    asked = [
        "score",
        str(tmp_path / "run"),
        "--data",
        str(make_dataset(3)),
        "--scorer",
        "llm",
        "--model",
        "m",
    ]
    planned = CliRunner().invoke(
        app, [*asked, "--plan", "--usd-per-m-prompt", "1", "--usd-per-m-completion", "2"]
    )
    assert planned.exit_code == 0, planned.output
    assert "calls to send" in planned.stdout
    assert "$" in planned.stdout
    sent = CliRunner().invoke(app, asked).exception
    assert isinstance(sent, ConfigError)
    assert "no LLM endpoint is set" in str(sent)
    (tmp_path / "a.jsonl").write_text('{"question_id": 1, "text": "A dog."}\n')
    answers = [str(tmp_path / "a.jsonl")] * 2
    judged = [
        "judge",
        *answers,
        "--questions",
        answers[0],
        "--out",
        str(tmp_path / "j"),
        "--model",
        "m",
        "--plan",
    ]
    assert CliRunner().invoke(app, judged).exit_code == 0


def test_what_was_spent_is_said_by_every_verb_that_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    evaluated.vsr(tmp_path, [1, 0])
    (tmp_path / "q.jsonl").write_text('{"question_id": 1, "text": "What?"}\n')
    (tmp_path / "a.jsonl").write_text('{"question_id": 1, "text": "A dog."}\n')
    with FakeServer(lambda _: completion('{"first": 5, "second": 5, "reason": "same"}')) as server:
        where = ["--base-url", server.url, "--cache", str(tmp_path / "cache.sqlite")]
        where += ["--usd-per-m-prompt", "10", "--usd-per-m-completion", "100"]
        for words, calls in (
            ("evaluate endpoint:m --task-data . --tasks vsr --out answers", 2),
            ("generate endpoint:m --questions q.jsonl --out g.jsonl", 1),
            ("judge a.jsonl a.jsonl --questions q.jsonl --out judged --model m", 2),
        ):
            done = finegold(*words.split(), *where)
            assert done.status == 0, done.err
            used = f"tokens: {100 * calls:,} sent, {10 * calls} received; spent: ${0.002 * calls:.4f}"
            assert f"calls: {calls}; {used}" in done.out


def test_a_served_model_scores_within_the_limit_and_a_server_without_numbers_is_told(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    made.llava(tmp_path / "model")
    data, endpoint = make_dataset(3), ("--param", "model=endpoint:tiny")
    with FakeServer(ServedModel(tmp_path / "model")) as server:
        limited = _score(
            server, tmp_path, "--data", data, "--scorer", "necessity", *endpoint, "--max-calls", 5
        )
        assert limited.status == 2
        assert "the same command goes on from here" in limited.err
        assert len(server.asks) <= 5
        whole = _score(server, tmp_path, "--scorer", "necessity", *endpoint)
        assert "3 ok" in whole.out, whole.out + whole.err
        assert set(server.charged.values()) == {1}
        local = _score(server, tmp_path, "--scorer", "difficulty", "--param", f"model={tmp_path}/model")
        assert "would have no effect" in local.err
    with FakeServer(lambda _: completion("fine")) as server:
        told = _score(server, tmp_path, "--scorer", "difficulty", *endpoint, "--cache", "other.sqlite")
        assert told.status == 2
        assert "gives no log-probabilities: name an endpoint" in told.err
        by_sentence = _score(server, tmp_path, "--scorer", "gain", *endpoint)
        assert "give --param fold=turn or fold=row" in by_sentence.err


CALLER = """
from dataclasses import dataclass
from finegold.llm import session_from
from finegold.scorers import Score, Scorer

@dataclass(frozen=True)
class Caller(Scorer):
    name = "caller"
    version = "1"
    requires = frozenset({"answer"})

    def prepare(self, context):
        session_from()
        return lambda batch: [Score.ok(1.0) for _ in batch.samples]
"""


def test_limits_hold_over_shards_of_answers(tmp_path: Path) -> None:
    questions, replies = tmp_path / "q.jsonl", tmp_path / "cache.sqlite"
    questions.write_text("".join(f'{{"question_id": {n}, "text": "Number {n}?"}}\n' for n in range(8)))
    with FakeServer(lambda _: completion("Fine.")) as server:
        given = ["--questions", questions, "--out", tmp_path / "g.jsonl", "--base-url", server.url]
        given += ["--cache", replies, "--batch-size", 1, "--max-calls", 4]
        for shard in ("1/2", "2/2"):
            words = ["generate", "endpoint:m", *given, "--shard", shard]
            assert CliRunner().invoke(app, list(map(str, words))).exit_code
        assert len(server.asks) == 4


def test_limits_hold_over_devices_and_shards(make_dataset: MakeDataset, tmp_path: Path) -> None:
    with FakeServer(lambda ask: completion(f"{_number(ask) % 100}\nFine.")) as server:
        data = make_dataset(12)
        scored = _score_by_process(server, tmp_path, "--data", data, "--max-calls", 5, "--devices", "cpu*2")
        assert "stopped" in scored.stdout
        assert len(server.asks) <= 5
        # Five answers are in the cache now. No cluster is started: the command itself asks.
        ray = ("--engine", "ray") if find_spec("ray") else ()
        scored = _score_by_process(server, tmp_path, "--data", data, "--max-calls", 5, *ray, run="ray")
        assert "stopped" in scored.stdout
        assert len(server.asks) <= 10
        # A part each: two calls for one of them, three for the other.
        asked, more = len(server.asks), make_dataset(300, name="more")
        for shard in ("1/2", "2/2"):
            words = ("--data", more, "--max-calls", 5, "--shard", shard)
            scored = _score_by_process(server, tmp_path, *words, "--param", "max_tokens=99", run="other")
            assert "stopped" in scored.stdout
        assert len(server.asks) - asked <= 5
        (tmp_path / "caller.py").write_text(CALLER)
        refused = _score_by_process(server, tmp_path, "--scorer", "caller:Caller", "--devices", "cpu*2")
        assert refused.returncode == 2
        assert "calls are made by one process, so that their limits hold" in refused.stderr
        assert "12 ok" in _score_by_process(server, tmp_path, "--scorer", "caller:Caller").stdout
