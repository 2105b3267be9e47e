"""Every mistake of the docs is made, and the command says what the docs say."""

import json
import re
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MakeDataset
from tests.docs.desk import finegold
from tests.evaluation import made

MISTAKES: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_name("mistakes.toml").read_text(encoding="utf-8")
)["mistakes"]


@pytest.fixture
def desk(make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with captions and photos, the captions alone in `apart/`, and questions."""
    data = make_dataset(12)
    folder = tmp_path / "desk"
    for name in ("captions.json", "apart/captions.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data, folder / name)
    shutil.copytree(data.parent / "images", folder / "photos")
    (folder / "questions.jsonl").write_text(json.dumps({"question_id": 1, "text": "What is it?"}) + "\n")
    made.vsr(folder, [1, 0])
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for name in ("FINEGOLD_LLM_BASE_URL", "FINEGOLD_LLM_API_KEY", "OPENAI_API_KEY", "FINEGOLD_LLM_MODEL"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: one["what"][:40])
def test_a_mistake_ends_as_the_docs_say(
    mistake: dict[str, Any], desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = mistake["command"].split()
    run = next((Path(word) for word in words if word.endswith(".run")), None)
    if run is not None:
        made = ["pick", "captions.json", "--images", "photos", "--preset", "length-only", "--size", "3"]
        assert finegold(*made, "--out", run.stem).status == 0
    if "before" in mistake:
        assert finegold(*mistake["before"].split()).status == 0
    for module in mistake.get("absent", ()):
        monkeypatch.setitem(sys.modules, module, None)
    done = finegold(*words)
    assert done.status == mistake["status"], done.out + done.err
    said = done.err if done.status == 2 else done.err + done.out
    expected = ".*".join(map(re.escape, mistake["says"].split("…")))
    assert re.search(expected, said, re.DOTALL), said
    assert "defect" not in said
    assert "Traceback" not in said
    if "then" in mistake:
        corrected = finegold(*mistake["then"].split())
        assert corrected.status == 0, corrected.err
