"""Files that are small and unpack to much, and photos that are large: each is picked from in little memory.

The memory is that of the whole command, in a process of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
from tests.torture.image_bombs import IMAGE_BOMBS
from tests.torture.table import MOST_BYTES, Row
from tests.torture.table_bombs import TABLE_BOMBS

BOMBS = IMAGE_BOMBS | TABLE_BOMBS
"""What is picked from, by name."""
SECONDS = 3600
"""Most that one command may take, however busy the computer is; on two free cores the longest takes 60."""
PROCESSOR_SECONDS = 120
"""Most processor time that one command may take."""


def explode(name: str, work: Path) -> Row:
    """Pick from one bomb, and see what was usable and how much memory and time it took."""
    bomb, row = BOMBS[name], Row("bombs", tried=1)
    work.mkdir(parents=True)
    # Made elsewhere: a process begins with the peak of the one that started it.
    maker = [sys.executable, "-m", "tests.torture.bombs", name, str(work)]
    data = subprocess.run(maker, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    size = max(1, min(2, bomb.usable or 1))
    command = ["pick", data, "--size", str(size), "--out", "out", "--run", "run", "--json"]
    commands = [[*command, *bomb.options.split()], *([bomb.then.split()] if bomb.then else [])]
    for words in commands:
        status, said, peak, seconds = _measured(words, work)
        row.peak_bytes = max(row.peak_bytes, peak)
        what = f"{name}: {words[0]}: status {status}, {seconds:.0f} s of processor time, {peak / 1e6:,.0f} MB"
        print(f"  {what}", file=sys.stderr, flush=True)
        if peak > MOST_BYTES or seconds > PROCESSOR_SECONDS or "defect" in said or "Traceback" in said:
            row.unexpected.append(f"{what}: {said[-300:]}")
        elif status != (2 if not bomb.usable else 0):
            row.lost.append(f"{what}: {said[-300:]}")
    if bomb.usable and not row.lost:
        table = pq.read_table(work / "out" / "selection.parquet", columns=["status"])
        usable = sum(status != "excluded" for status in table["status"].to_pylist())
        if usable != bomb.usable:
            row.lost.append(f"{name}: {usable} usable rows, expected {bomb.usable}")
    return row


def _measured(words: list[str], work: Path) -> tuple[int, str, int, float]:
    """Exit status, what was said, most bytes and seconds of the processor of one command."""
    paths = os.pathsep.join(str(Path(one).resolve()) for one in sys.path)
    environment = {**os.environ, "PYTHONPATH": paths, "FINEGOLD_CACHE": str(work / "cache")}
    with (work / "said").open("w+") as said:
        process = subprocess.Popen(
            ["timeout", str(SECONDS), sys.executable, "-m", "finegold", *words],
            cwd=work, env=environment, stdout=said, stderr=subprocess.STDOUT,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        text = said.read()
    unit = 1 if sys.platform == "darwin" else 1024
    return process.returncode, text, used.ru_maxrss * unit, used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(BOMBS[sys.argv[1]].make(Path(sys.argv[2])))
