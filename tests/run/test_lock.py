"""Locks between real processes."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from finegold.errors import RunError
from finegold.run import folder_lock, lock_beside

HOLD = (
    "import sys, time; from pathlib import Path; from finegold.run import lock_beside\n"
    "with lock_beside(Path(sys.argv[1]), 'name another'):\n"
    "    print('held', flush=True); time.sleep(60)"
)


def _holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_process_is_told_which_one_writes_and_a_killed_one_frees_the_lock(tmp_path: Path) -> None:
    target = tmp_path / "out"
    process = _holder(target)
    try:
        with pytest.raises(RunError) as error, lock_beside(target, "give --out another folder"):
            pass
        assert f"process {process.pid} on " in str(error.value)
        assert str(error.value).endswith("wait until it ends, or give --out another folder")
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    with lock_beside(target, "give --out another folder"):
        assert (tmp_path / ".out.lock").exists()
    assert not list(tmp_path.iterdir())


def test_a_thread_may_take_a_lock_again_if_it_says_so_and_another_thread_may_not(tmp_path: Path) -> None:
    def other() -> str:
        try:
            with lock_beside(tmp_path / "out", "name another"):
                return "taken"
        except RunError as error:
            return str(error)

    with lock_beside(tmp_path / "out", ""):
        assert f"process {os.getpid()} on " in other()
        with lock_beside(tmp_path / "out", "", again=True):
            pass
        with ThreadPoolExecutor(1) as pool:
            assert f"process {os.getpid()} on " in pool.submit(other).result()
    assert other() == "taken"


def test_a_folder_has_one_writer_also_in_one_process(tmp_path: Path) -> None:
    second = folder_lock(tmp_path, "name another")
    with folder_lock(tmp_path, ""), pytest.raises(RunError, match="another process is writing to"), second:
        pass
    assert not (tmp_path / ".lock").exists()


def test_one_that_may_wait_goes_on_when_the_lock_is_free(tmp_path: Path) -> None:
    def wait() -> bool:
        with folder_lock(tmp_path, "", wait=True):
            return True

    with ThreadPoolExecutor(2) as pool:
        with folder_lock(tmp_path, ""):
            waiting = [pool.submit(wait) for _ in range(2)]
        assert [one.result(timeout=60) for one in waiting] == [True, True]


def test_names_of_any_length_are_locked(tmp_path: Path) -> None:
    with lock_beside(tmp_path / ("\u00e9" * 127), ""), lock_beside(tmp_path / ("\u00e9" * 126 + "e"), ""):
        assert len(list(tmp_path.iterdir())) == 2


def test_a_folder_in_which_nothing_was_written_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="refused"), folder_lock(tmp_path / "a" / "b", ""):
        raise ValueError("refused")
    assert not list(tmp_path.iterdir())
    with folder_lock(tmp_path / "a" / "b", ""):
        (tmp_path / "a" / "b" / "kept").touch()
    (tmp_path / "mine").mkdir()
    with folder_lock(tmp_path / "mine", ""):
        pass
    assert [path.name for path in sorted(tmp_path.rglob("*"))] == ["a", "b", "kept", "mine"]
