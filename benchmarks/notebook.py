"""The README's job as one cell of a notebook, beside the same job in a shell: processor seconds.

python -m benchmarks.notebook [--rows 100] [--rounds 2]

Small pictures and rows are made; both ways begin with an empty cache of finegold. Processor seconds of the
program and the system are taken, with starting Python or the kernel, so that other work on the machine counts
little.
"""

import argparse
import os
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import nbformat
from nbclient import NotebookClient
from tests.docs.desk import photo, write_rows

CELL = """import finegold

data = finegold.open_dataset("captions.json", images="photos/")
print(len(data), data[0].sample.answer)
found = finegold.inspect(data)
print(found.usable, found.codes)
selection = finegold.pick("captions.json", 20, "subset/", images="photos/", encoder="offline")
print(selection.ids[:3])
table = selection.to_pandas()
print(table[table.status == "excluded"][["sample_id", "code", "reason"]])"""
"""The first snippet of docs/python.md."""
COMMANDS = (
    ("inspect", "captions.json", "--images", "photos/"),
    (
        "pick",
        "captions.json",
        "--images",
        "photos/",
        "--encoder",
        "offline",
        "--size",
        "20",
        "--out",
        "shell/",
    ),
)


def seconds() -> float:
    """Processor seconds of the processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_notebook(desk: Path) -> None:
    """Run the cell in a kernel of its own."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    place = {"metadata": {"path": str(desk)}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()


def in_shell(desk: Path) -> None:
    """Run the commands one after the other."""
    for words in COMMANDS:
        command = [sys.executable, "-m", "finegold", *words]
        subprocess.run(command, cwd=desk, check=True, capture_output=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=2)
    asked = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    for number in range(1, asked.rounds + 1):
        for name, way in (("notebook", in_notebook), ("shell", in_shell)):
            with TemporaryDirectory() as folder:
                desk = Path(folder)
                os.environ["FINEGOLD_CACHE"] = str(desk / "cache")
                for one in range(1, asked.rows + 1):
                    photo(desk / "photos" / f"{one}.jpg", one)
                write_rows(desk / "captions.json", asked.rows)
                before = seconds()
                way(desk)
                print(f"round {number}, {name}: {seconds() - before:.1f} processor seconds")


if __name__ == "__main__":
    main()
