"""`finegold score --scorer llm` against a real server: plan, limits, failures and their retry."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.llm.server import Answer, Ask, FakeServer, completion
from tests.models.huggingface import made
from tests.models.served import ServedModel

pytest.importorskip("aiohttp")
MakeDataset = Callable[..., Path]


def _score(server: FakeServer, folder: Path, *options: object) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "FINEGOLD_LLM_BASE_URL": server.url,
        "FINEGOLD_LLM_API_KEY": "sk-very-secret",
        "FINEGOLD_LLM_MODEL": "rater",
    }
    named = () if "--scorer" in options else ("--scorer", "llm")
    command = [sys.executable, "-m", "finegold", "score", "run", *named, *map(str, options)]
    return subprocess.run(
        [*command, *(() if "--cache" in options else ("--cache", "cache.sqlite"))],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=folder,
    )


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
        assert planned.returncode == 0, planned.stderr
        assert "12" in planned.stdout
        assert not server.asks

        limited = _score(server, tmp_path, "--max-calls", 5)
        assert limited.returncode == 0, limited.stderr
        assert "stopped" in limited.stdout
        assert len(server.asks) <= 5

        first = _score(server, tmp_path, "--retry-failed")
        assert "9 ok" in first.stdout
        assert "3 failed" in first.stdout
        asked = len(server.asks)

        confused = False
        second = _score(server, tmp_path, "--retry-failed")
        assert "12 ok" in second.stdout, second.stdout + second.stderr
        assert {_number(ask) for ask in server.asks[asked:]} == {0, 4, 8}
    for shown in (planned, limited, first, second):
        assert "sk-very-secret" not in shown.stdout + shown.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file() and "images" not in path.parts]
    assert not [path for path in files if b"sk-very-secret" in path.read_bytes()]


def test_a_served_model_scores_within_the_limit_and_a_server_without_numbers_is_told(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    made.llava(tmp_path / "model")
    data, endpoint = make_dataset(3), ("--param", "model=endpoint:tiny")
    with FakeServer(ServedModel(tmp_path / "model")) as server:
        limited = _score(
            server, tmp_path, "--data", data, "--scorer", "necessity", *endpoint, "--max-calls", 5
        )
        assert limited.returncode == 2
        assert "the same command goes on from here" in limited.stderr
        assert len(server.asks) <= 5
        whole = _score(server, tmp_path, "--scorer", "necessity", *endpoint)
        assert "3 ok" in whole.stdout, whole.stdout + whole.stderr
        assert set(server.charged.values()) == {1}
        local = _score(server, tmp_path, "--scorer", "difficulty", "--param", f"model={tmp_path}/model")
        assert "would have no effect" in local.stderr
    with FakeServer(lambda _: completion("fine")) as server:
        told = _score(server, tmp_path, "--scorer", "difficulty", *endpoint, "--cache", "other.sqlite")
        assert told.returncode == 2
        assert "gives no log-probabilities: name an endpoint" in told.stderr
        by_sentence = _score(server, tmp_path, "--scorer", "gain", *endpoint)
        assert "give --param fold=turn or fold=row" in by_sentence.stderr
