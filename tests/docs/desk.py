"""A working folder with small files of every name that the pages use, and what runs a command there."""

import filecmp
import json
import os
import random
import shutil
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from PIL import Image, ImageDraw

from finegold.cli import main

ROWS = 208
"""More than the 200 rows that most commands choose."""
COLOURS = ("red", "green", "blue", "orange", "purple", "black", "white", "grey")
THINGS = ("ball", "box", "plate", "lamp", "tree", "kite")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str


def finegold(*words: str, stdin: str = "") -> Done:
    """Run a command of finegold in this process, as a shell would in the current folder."""
    out, err = StringIO(), StringIO()
    status = 0
    with (
        patch.object(sys, "argv", ["finegold", *words]),
        patch.object(sys, "stdin", StringIO(stdin)),
        patch.dict(os.environ, {"COLUMNS": "1000", "NO_COLOR": "1"}),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    return Done(status, out.getvalue(), err.getvalue())


def succeed(*words: str) -> None:
    """Run a command that has to work."""
    done = finegold(*words)
    assert done.status == 0, f"finegold {' '.join(words)}\n{done.out}{done.err}"


def photo(file: Path, seed: int) -> None:
    """A picture of three shapes on a coloured ground, the same for the same seed."""
    rng = random.Random(seed)

    def colour() -> tuple[int, int, int]:
        return rng.randrange(256), rng.randrange(256), rng.randrange(256)

    image = Image.new("RGB", (64, 48), colour())
    draw = ImageDraw.Draw(image)
    for _ in range(3):
        left, top = rng.randrange(50), rng.randrange(40)
        draw.ellipse((left, top, left + rng.randrange(6, 30), top + rng.randrange(6, 30)), fill=colour())
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file, quality=90)


def rows(count: int, start: int = 1) -> list[dict[str, object]]:
    """Rows of LLaVA's form, each with a question of its own, from two sources."""
    made: list[dict[str, object]] = []
    for number in range(start, start + count):
        rng = random.Random(number)
        colour, thing = rng.choice(COLOURS), rng.choice(THINGS)
        more = f" It stands near a {rng.choice(COLOURS)} {rng.choice(THINGS)}." if number % 2 else ""
        made.append(
            {
                "id": str(number),
                "image": f"{number}.jpg",
                "meta": {"dataset": "coco" if number % 3 else "gqa"},
                "conversations": [
                    {"from": "human", "value": f"<image>\nWhat does picture number {number} show?"},
                    {"from": "gpt", "value": f"The picture shows a {colour} {thing} in a room.{more}"},
                ],
            }
        )
    return made


def restore(desk: Path, pristine: Path) -> None:
    """Make a folder what it was. Only what changed is written, so that the data stays untouched."""
    found = filecmp.dircmp(pristine, desk)
    for name in (*found.right_only, *found.common_funny):
        path = desk / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for name in (*found.left_only, *found.diff_files, *found.common_funny):
        copy = shutil.copytree if (pristine / name).is_dir() else shutil.copy2
        copy(pristine / name, desk / name)
    for name in found.common_dirs:
        restore(desk / name, pristine / name)


def write_rows(file: Path, count: int, start: int = 1) -> None:
    """Write rows as one JSON file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(rows(count, start)), encoding="utf-8")


def make_desk(desk: Path) -> None:
    """Make the files that many pages use, in the current folder: data, images, and what a pick leaves.

    `captions.json`, `photos/`, `subset/` and `subset.run/` equal `DATA`, `DIR`, `OUT` and `OUT.run`. Scores
    and embeddings are named by content, so the second run folder takes those of the first.
    """
    for number in range(1, ROWS + 1):
        photo(desk / "photos" / f"{number}.jpg", number)
    shutil.copytree(desk / "photos", desk / "DIR")
    shutil.copyfile(desk / "photos/1.jpg", desk / "photo.jpg")
    write_rows(desk / "captions.json", ROWS)
    write_rows(desk / "DATA", ROWS)
    choose = ["--encoder", "offline", "--size", "200", "--out"]
    succeed("pick", "captions.json", "--images", "photos/", *choose, "subset/")
    succeed("pick", "DATA", "--images", "DIR", "--preset", "length-only", "--size", "10", "--out", "OUT")
    succeed("score", "subset.run", "--scorer", "necessity")
    for tables in (desk / "subset.run").iterdir():
        if tables.is_dir() and tables.name not in ("samples", "selections"):
            shutil.copytree(tables, desk / "OUT.run" / tables.name, dirs_exist_ok=True)
    shutil.rmtree(desk / "OUT")
    succeed("pick", "DATA", "--images", "DIR", *choose, "OUT")
