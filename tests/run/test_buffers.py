import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finegold.run import file_buffer


@pytest.mark.parametrize("content", [b"", b"x", b"abc" * 100_000])
def test_it_holds_the_whole_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert file_buffer(tmp_path / "a").to_pybytes() == content


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        file_buffer(tmp_path / "a")


def test_a_command_ends_while_threads_of_arrow_still_hold_it(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({str(n): range(2000) for n in range(30)}), path, row_group_size=200)
    code = (
        "import sys, pathlib, pyarrow as pa, pyarrow.parquet as pq\n"
        "from finegold.run import file_buffer\n"
        "for _ in range(3): pq.read_table(pa.BufferReader(file_buffer(pathlib.Path(sys.argv[1]))))\n"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
