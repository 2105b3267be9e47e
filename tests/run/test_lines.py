"""Appending lines: whole, or not at all."""

import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from finegold.run import LineFile, sealed_line


def test_a_last_line_that_was_cut_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": ' + b"x" * 200_000)
    with LineFile(path) as file:
        file.write(b'{"a": 2}\n')
    assert path.read_bytes() == b'{"a": 1}\n{"a": 2}\n'


@pytest.mark.parametrize("content", [b"", b"no end", b"\n"])
def test_files_of_less_than_a_line_are_cut_too(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    LineFile(path).close()
    assert path.read_bytes() == content[: content.rfind(b"\n") + 1]


def test_a_write_that_takes_fewer_bytes_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system = os.write
    monkeypatch.setattr(os, "write", lambda file, data: system(file, bytes(data[:3])))
    with LineFile(tmp_path / "a.jsonl") as file:
        file.write(sealed_line({"a": "0123456789"}))
    assert (tmp_path / "a.jsonl").read_bytes() == sealed_line({"a": "0123456789"})


def test_a_full_disk_leaves_whole_lines_and_one_sentence(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import resource
        from pathlib import Path
        from finegold.errors import RunError
        from finegold.run import LineFile
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        with LineFile(Path({str(tmp_path / "a.jsonl")!r})) as file:
            try:
                while True:
                    file.write(b"x" * 299 + b"\\n")
            except RunError as error:
                print(error)
        """
    )
    assert resource.RLIMIT_FSIZE is not None
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "cannot be written (File too large): make room" in done.stdout
    assert (tmp_path / "a.jsonl").read_bytes() == (b"x" * 299 + b"\n") * 3


def test_two_processes_append_whole_lines(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from finegold.run import LineFile\n"
        f"path = Path({str(tmp_path / 'a.jsonl')!r})\n"
        "for _ in range(60):\n"
        "    with LineFile(path) as file: file.write(sys.argv[1].encode() * 3000 + b'\\n')\n"
    )
    several = [subprocess.Popen([sys.executable, "-c", script, letter]) for letter in "ab"]
    assert [one.wait() for one in several] == [0, 0]
    lines = (tmp_path / "a.jsonl").read_bytes().splitlines()
    assert sorted(lines) == [b"a" * 3000] * 60 + [b"b" * 3000] * 60
