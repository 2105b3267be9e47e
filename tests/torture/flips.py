"""A bit of every file of a run folder flipped: found and repaired, or without effect."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.torture.pool import make_pool
from tests.torture.table import Row

from finegold.errors import FinegoldError
from finegold.run import check_folder
from finegold.workflow import Run, SelectionSettings, pick


def flip_bit(path: Path, rng: random.Random) -> None:
    """Flip one bit of a file, or give an empty one a byte."""
    data = bytearray(path.read_bytes() or b"\0")
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def flips(work: Path, rounds: int, seed: int = 0, *, encoder: str | None = "offline") -> tuple[Row, int]:
    """Flip a bit of each file of a run folder, `rounds` times each, and select again.

    Args:
        work: An empty folder.
        rounds: Flips of each file.
        seed: Seed of the flips.
        encoder: `offline` for a preset with embeddings and clusters; None for one without.

    Returns:
        What became of the flips, and how many of them a sentence named.
    """
    data, run, row = make_pool(work / "pool", 40, seed), work / "run", Row("flipped bits")
    preset = "instructiongpt4" if encoder else "length-only"
    asked = SelectionSettings.of(preset, 8, weights="clip=1,length=1" if encoder else None)

    def results() -> dict[str, Any]:
        opened = Run.open(run, data, encoder=encoder)
        picked = opened.pick(asked)
        chosen = opened.select(asked)
        kept = opened.selection(picked.path / "selection.json")
        return {"ids": picked.ids, "table": chosen.table.to_pylist(), "kept": kept.table.to_pylist()}

    def make() -> dict[str, Any]:
        pick(data, 8, work / "out", preset=preset, encoder=encoder, run=run, weights=asked.weights)
        return results()

    def repaired() -> dict[str, Any]:
        for damage in check_folder(run).damages:
            damage.repair()
        return results()

    whole = make()
    shutil.copytree(run, work / "copy")
    rng, named = random.Random(seed), 0
    files = sorted(path.relative_to(run) for path in run.rglob("*") if path.is_file())
    for name in files * rounds:
        shutil.rmtree(run)
        shutil.copytree(work / "copy", run)
        flip_bit(run / name, rng)
        named += _judge(row, str(name), results, whole, repaired)
    return row, named


def _judge(row: Row, name: str, attempt: Callable[[], Any], whole: Any, again: Callable[[], Any]) -> bool:
    """Count one try: the result is as before, or a sentence says what is wrong and its advice helps.

    Returns:
        Whether there was such a sentence.
    """
    row.tried += 1
    try:
        if attempt() != whole:
            row.believed.append(name)
        return False
    except FinegoldError as error:
        said = str(error)
    except Exception as error:
        row.unexpected.append(f"{name}: {type(error).__name__}: {error}")
        return False
    try:
        if again() != whole:
            row.lost.append(f"{name}: another result after the repair ({said})")
    except Exception as error:
        row.lost.append(f"{name}: {said}; then {type(error).__name__}: {error}")
    return True
