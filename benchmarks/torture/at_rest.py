"""Data at rest under attack: flipped bytes, kills, a full disk and two processes, over the verbs that write.

    python benchmarks/torture/at_rest.py [--rounds 20] [--seed 0]

prints a line for each attack and exits with 1 unless nothing was lost, believed or unexpected.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from finegold.errors import FinegoldError
from finegold.run import check_folder
from finegold.workflow import Run, SelectionSettings, pick


@dataclass(slots=True)
class Tally:
    """What became of the tries of one attack.

    Attributes:
        name: The attack.
        tried: Number of tries.
        found: Tries that ended in a sentence that says what is wrong.
        believed: Tries with another result and no sentence.
        lost: Tries after which the repair or the same command did not give the same result.
        unexpected: Tries that ended in anything else; each with what was seen.
    """

    name: str
    tried: int = 0
    found: int = 0
    believed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was believed, lost or unexpected."""
        return not (self.believed or self.lost or self.unexpected)

    def line(self) -> str:
        """The tally as a line of a table."""
        bad = (len(self.believed), len(self.lost), len(self.unexpected))
        return f"{self.name:<22} {self.tried:>7,} {self.found:>7,} {bad[0]:>9} {bad[1]:>6} {bad[2]:>11}"


def make_pool(folder: Path, rows: int, seed: int = 0) -> Path:
    """Write a LLaVA file of small pictures; returns the JSON file."""
    (folder / "images").mkdir(parents=True)
    rng, records = random.Random(seed), []
    for number in range(rows):
        colour = tuple(rng.randrange(256) for _ in range(3))
        Image.new("RGB", (48, 40), colour).save(folder / "images" / f"{number:04d}.png")
        answer = " ".join(f"Word {rng.randrange(1000)} of {number}." for _ in range(rng.randrange(1, 9)))
        turns = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": answer}]
        records.append({"id": f"r{number:04d}", "image": f"{number:04d}.png", "conversations": turns})
    (folder / "data.json").write_text(json.dumps(records))
    return folder / "data.json"


def flip_bit(path: Path, rng: random.Random) -> None:
    """Flip one bit of a file, or give an empty one a byte."""
    data = bytearray(path.read_bytes() or b"\0")
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def flips(work: Path, rounds: int, seed: int = 0, *, encoder: str | None = "offline") -> Tally:
    """Flip a bit of each file of a run folder, `rounds` times each, and select again.

    Args:
        work: An empty folder.
        rounds: Flips of each file.
        seed: Seed of the flips.
        encoder: `offline` for a preset with embeddings and clusters; None for one without.
    """
    data, run, tally = make_pool(work / "pool", 40, seed), work / "run", Tally("flipped bits")
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
    rng = random.Random(seed)
    files = sorted(path.relative_to(run) for path in run.rglob("*") if path.is_file())
    for name in files * rounds:
        shutil.rmtree(run)
        shutil.copytree(work / "copy", run)
        flip_bit(run / name, rng)
        _judge(tally, str(name), results, whole, repaired)
    return tally


def _judge(tally: Tally, name: str, attempt: Callable[[], Any], whole: Any, again: Callable[[], Any]) -> None:
    """Count one try: the result is as before, or a sentence says what is wrong and its advice helps."""
    tally.tried += 1
    try:
        if attempt() != whole:
            tally.believed.append(name)
        return
    except FinegoldError as error:
        tally.found += 1
        said = str(error)
    except Exception as error:
        tally.unexpected.append(f"{name}: {type(error).__name__}: {error}")
        return
    try:
        if again() != whole:
            tally.lost.append(f"{name}: another result after the repair ({said})")
    except Exception as error:
        tally.lost.append(f"{name}: {said}; then {type(error).__name__}: {error}")


def command(*words: object) -> list[str]:
    """A command line of finegold."""
    return [sys.executable, "-m", "finegold", *map(str, words)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}


def _finish(words: Sequence[str], limit: int | None = None) -> subprocess.CompletedProcess[str]:
    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        words, capture_output=True, text=True, check=False, env=_environment(), preexec_fn=limited
    )


def snapshot(folder: Path) -> dict[str, bytes]:
    """The files of a folder that must be the same after an interruption; no reports, times or logs."""
    names = ("selection.json", "selection.parquet", "data.json", "a.jsonl", "answers/vsr.jsonl")
    return {name: (folder / name).read_bytes() for name in names if (folder / name).exists()}


def kills(work: Path, words: Callable[[Path], Sequence[str]], rounds: int, seed: int = 0) -> Tally:
    """Kill a command at random moments until it ends by itself; its result is that of a whole run.

    Args:
        work: An empty folder.
        words: The command for an output folder.
        rounds: Number of results that are compared.
        seed: Seed of the moments.
    """
    tally, rng = Tally("kills"), random.Random(seed)
    begin = time.monotonic()
    first = _finish(words(work / "whole"))
    seconds = time.monotonic() - begin
    whole = snapshot(work / "whole")
    assert first.returncode == 0, first.stderr
    assert whole
    for number in range(rounds):
        out = work / f"killed{number}"
        for _ in range(2):
            tally.tried += 1
            process = subprocess.Popen(
                words(out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_environment()
            )
            try:
                process.wait(timeout=rng.uniform(0.3, 1.0) * seconds)
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                tally.found += 1
        last = _finish(words(out))
        if last.returncode != 0:
            tally.lost.append(f"round {number}: {last.stderr.strip()}")
        elif snapshot(out) != whole:
            tally.lost.append(f"round {number}: another result")
    return tally


def full_disk(work: Path, words: Callable[[Path], Sequence[str]], limits: Sequence[int]) -> Tally:
    """Run a command where no file may be longer than a limit, then again without the limit.

    Args:
        work: An empty folder.
        words: The command for an output folder.
        limits: Largest sizes of a file in bytes.
    """
    tally = Tally("full disk")
    first = _finish(words(work / "whole"))
    whole = snapshot(work / "whole")
    assert first.returncode == 0, first.stderr
    assert whole
    for limit in limits:
        out = work / f"limit{limit}"
        tally.tried += 1
        tight = _finish(words(out), limit)
        if tight.returncode == 0 and snapshot(out) == whole:
            continue
        said = [line for line in tight.stderr.splitlines() if line.startswith("finegold: ")]
        if tight.returncode != 2 or len(said) != 1 or "defect" in said[0]:
            tally.unexpected.append(f"{limit}: {tight.returncode}: {tight.stderr.strip()[-300:]}")
        tally.found += len(said)
        last = _finish(words(out))
        if last.returncode != 0 or snapshot(out) != whole:
            tally.lost.append(f"{limit}: {last.stderr.strip()[-300:] or 'another result'}")
    return tally


def two_processes(
    work: Path, words: Callable[[Path, int], Sequence[str]], rounds: int, whole: dict[str, bytes]
) -> Tally:
    """Start the same command twice at once: one result, and a sentence for whoever came second.

    Args:
        work: A folder.
        words: The command for an output folder and one of two processes.
        rounds: Number of tries.
        whole: `snapshot` of an undisturbed run.
    """
    tally = Tally("two processes")
    for number in range(rounds):
        out = work / f"two{number}"
        both = [
            subprocess.Popen(words(out, one), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                             env=_environment())
            for one in (0, 1)
        ]  # fmt: skip
        errors = [one.communicate()[1] for one in both]
        codes = sorted(one.returncode for one in both)
        tally.tried += 1
        refused = [text for text in errors if "another process is writing to" in text]
        tally.found += len(refused)
        if codes not in ([0, 0], [0, 2]) or len(refused) != codes.count(2):
            tally.unexpected.append(f"{codes}: {' | '.join(errors)[-400:]}")
        if snapshot(out) != whole:
            tally.lost.append(f"round {number}: another result")
    return tally


def _campaign(work: Path, rounds: int, seed: int) -> list[Tally]:
    data = make_pool(work / "data", 600, seed)

    def picking(out: Path, one: int | None = None) -> list[str]:
        run = out.with_name(f"{out.name}.run{'' if one is None else one}")
        return command("pick", data, "--size", 40, "--preset", "length-only", "--out", out, "--run", run)

    def fresh(name: str) -> Path:
        (work / name).mkdir()
        return work / name

    found = [
        flips(fresh("flips"), rounds, seed),
        kills(fresh("kills"), picking, rounds, seed),
        full_disk(fresh("disk"), picking, [400, 3_000, 10_000, 20_000, 40_000, 80_000]),
    ]
    whole = snapshot(work / "kills" / "whole")
    return [*found, two_processes(fresh("two"), picking, rounds, whole)]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as work:
        tallies = _campaign(Path(work), given.rounds, given.seed)
    print(f"{'attack':<22} {'tried':>7} {'found':>7} {'believed':>9} {'lost':>6} {'unexpected':>11}")
    for tally in tallies:
        print(tally.line())
        for problem in (*tally.believed, *tally.lost, *tally.unexpected)[:12]:
            print(f"  {problem}")
    sys.exit(not all(tally.clean for tally in tallies))


if __name__ == "__main__":
    main()
