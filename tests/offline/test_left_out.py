"""A build may leave out the weights that finegold trained: everything else works, and `offline` says so."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import MakeDataset

import finegold


def test_a_build_without_the_trained_weights_says_what_is_missing(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    package = Path(finegold.__file__).parent
    shutil.copytree(package, tmp_path / "src/finegold", ignore=shutil.ignore_patterns("trained"))

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "finegold", *map(str, arguments)],
            env=os.environ | {"PYTHONPATH": str(tmp_path / "src"), "COLUMNS": "1000"},
            capture_output=True,
            text=True,
            check=False,
        )

    data = make_dataset(6)
    pick = f"pick {data} --size 2 --encoder offline --preset clip-only --out {tmp_path}/a".split()
    ask = f"chat offline --image {Path(__file__).parents[2]}/docs/report.png".split()
    for done in (run(*pick), run(*ask)):
        assert done.returncode == 2
        assert "install finegold from a wheel that holds them, or name another model" in done.stderr
    assert run("pick", data, "--size", 2, "--preset", "random", "--out", tmp_path / "c").returncode == 0
