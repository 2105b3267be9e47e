"""No text of data, names or replies reaches the terminal as a command to it."""

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.test_cli import finegold
from tests.evaluation import made
from tests.llm.server import Answer, Ask, FakeServer, completion, error

pytest.importorskip("aiohttp")
EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\x7f"


def clean(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed; no character of it is one that a terminal obeys."""
    shown = done.stdout + done.stderr
    obeyed = [c for c in shown if not c.isprintable() and c != "\n"]
    assert not obeyed, (done.args[3:5], shown)
    assert "Traceback" not in shown
    assert "defect" not in shown, shown
    return shown


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FINEGOLD_LLM_MODEL", "rater")
    monkeypatch.setenv("FINEGOLD_LLM_API_KEY", "sk-a-very-secret-key")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """LLaVA rows whose ids, image names and texts hold escape bytes; the last one has no image file."""
    (tmp_path / "images").mkdir()
    records = []
    for number in range(6):
        name = f"{number}{EVIL if number == 5 else ''}.jpg"
        if number < 5:
            Image.effect_noise((32, 32), 50 + number).convert("RGB").save(tmp_path / "images" / name)
        turns = [
            {"from": "human", "value": f"<image>\nWhat {EVIL}?"},
            {"from": "gpt", "value": f"It is {EVIL} number {number}."},
        ]
        records.append({"id": f"{number}{EVIL}", "image": name, "conversations": turns})
    (tmp_path / "data.json").write_text(json.dumps(records))
    return tmp_path / "data.json"


def test_verbs_on_rows(data: Path, tmp_path: Path) -> None:
    images = ("--images", tmp_path / "images")
    pick = ("pick", data, *images, "--size", 2, "--preset", "length-only")
    for command in (
        (*pick, "--out", "out"),
        (*pick, "--out", "strict", "--strict"),
        ("inspect", data, *images),
        ("inspect", data, *images, "--strict"),
        ("score", f"run{EVIL}", "--data", data, *images, "--scorer", "length"),
        ("tune", data, "--model", "offline", "--out", f"tuned{EVIL}", "--recipe", f"no{EVIL}"),
        ("tune", data, *images, "--model", "llava", "--out", "export", "--export", "llama-factory"),
        ("pick", data, "--size", 2, "--preset", f"none{EVIL}", "--out", "x"),
        ("score", "run", "--data", data, "--scorer", f"none{EVIL}"),
    ):
        assert clean(finegold(*command, cwd=tmp_path))
    selection = json.loads((tmp_path / "out" / "selection.json").read_text())
    text = data.read_text().replace("It is", "It was")
    data.write_text(text)
    shown = clean(finegold("replay", "out/selection.json", "--data", data, *images, cwd=tmp_path))
    assert "differ" in shown
    assert len(selection["rows"]) == 2


def test_replies_and_errors_of_an_endpoint(data: Path, tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        number = len(ask.key) and int(ask.chance() * 3)
        replies = (completion(f"{EVIL} no score"), error(400, f"bad {EVIL}"), completion(None, finish=EVIL))
        return replies[number]

    images = ("--images", tmp_path / "images")
    made.vsr(tmp_path / "bench", [1, 0, 1, 0])
    questions = tmp_path / "q.jsonl"
    questions.write_text(json.dumps({"question_id": f"1{EVIL}", "text": f"What {EVIL}?", "category": EVIL}))
    for name in "ab":
        record = {"question_id": f"1{EVIL}", "text": f"It is {name}.", "model_id": f"{name}{EVIL}\ud800"}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(record))
    with FakeServer(script) as server:
        where = ("--base-url", server.url)
        for command in (
            ("score", "run", "--data", data, *images, "--scorer", "llm", *where),
            (
                "evaluate",
                "endpoint:m",
                "--task-data",
                tmp_path / "bench",
                "--tasks",
                "vsr",
                "--out",
                "e",
                *where,
            ),
            ("generate", "endpoint:m", "--questions", questions, "--out", "g.jsonl", *where),
            ("judge", "a.jsonl", "b.jsonl", "--questions", questions, "--out", "j", *where),
        ):
            assert clean(finegold(*command, cwd=tmp_path))
        server.script = lambda _: completion(json.dumps({"first": 9, "second": 5, "reason": EVIL}))
        judged = finegold(
            "judge", "a.jsonl", "b.jsonl", "--questions", questions, "--out", "j", *where, "--retry-failed",
            cwd=tmp_path,
        )  # fmt: skip
        assert clean(judged)
        assert judged.returncode == 0, judged.stdout + judged.stderr
    assert (tmp_path / "j" / "judge.html").exists()
