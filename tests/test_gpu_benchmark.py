"""The benchmark for a GPU runs from its start to its table, in its small form on a CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(SCRIPT), "--device", "cpu", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_its_small_form_measures_every_part(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    ended = _run("--tiny", "--out", str(out))
    assert ended.returncode == 0, ended.stderr
    found = json.loads(out.read_text())
    assert [row["part"] for row in found["rows"]] == ["stage 2"] * 3 + ["encoders"] * 2 + ["lora"] + [
        "losses"
    ] * 2 + ["graph"]
    cases = [row["case"] for row in found["rows"][:3]]
    assert cases == ["features from the cache", "features computed", "answers, 4 at a time"]
    assert all(value > 0 for row in found["rows"] for value in row.values() if isinstance(value, float))
    assert found["command"].startswith("python benchmarks/gpu.py")
    assert "share_of_bound" in ended.stdout


def test_the_real_sizes_are_refused_on_a_cpu() -> None:
    ended = _run()
    assert ended.returncode == 2
    assert "there is no GPU here: give --tiny" in ended.stderr
