"""The campaigns: what is tried, for how long, and in which process."""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.torture.addresses import addresses
from tests.torture.bombs import BOMBS, explode
from tests.torture.disturb import disturb
from tests.torture.endpoints import faults, injections, limits
from tests.torture.flips import flips
from tests.torture.judged import judged
from tests.torture.reading import FORMATS
from tests.torture.reading import campaign as damaged
from tests.torture.table import Row
from tests.torture.verbs import VERBS, named

SHORT_VERBS = ("score by a model",)
"""Verbs of the short form: one that writes tables and pays."""
AT_ONCE = 2
"""Processes side by side."""


@dataclass(frozen=True)
class Task:
    """What one process does.

    Attributes:
        work: An empty folder.
        seed: Of everything that is drawn.
        seconds: How long it goes on; everything is tried once, however long that takes.
        short: Whether only a part of everything is tried.
        part: The verb of the campaign `verbs`.
    """

    work: Path
    seed: int
    seconds: float
    short: bool
    part: str = ""

    def rounds(self) -> Callable[[], bool]:
        """A function that says whether there is time for another round."""
        end = time.monotonic() + self.seconds
        return lambda: time.monotonic() < end

    def folders(self) -> Iterator[tuple[Path, random.Random]]:
        """An empty folder and another source of draws, once and then as long as there is time."""
        more, number = self.rounds(), 0
        while number == 0 or more():
            folder = self.work / str(number)
            folder.mkdir()
            yield folder, random.Random(f"{self.seed}/{number}")
            number += 1


Campaign = Callable[[Task], list[Row]]


def _again(once: Callable[[Path, random.Random], Row]) -> Campaign:
    """Repeat a campaign, each time with other draws, as long as there is time."""
    return lambda task: [once(folder, rng) for folder, rng in task.folders()]


def _files(task: Task) -> list[Row]:
    """Damaged files of every format: read, or refused in one sentence."""
    row = Row("damaged files")
    for number, _ in enumerate(task.folders()):
        outcome = damaged((4 if task.short else 40) * len(FORMATS), seed=task.seed + number)
        row.tried += outcome.files
        for failure in outcome.failures:
            (row.lost if ": lost" in failure else row.unexpected).append(failure)
        row.peak_bytes = max(row.peak_bytes, outcome.peak_bytes)
    return [row]


def _judged(task: Task) -> list[Row]:
    """Changed files of a judge, and changed selections: read, or refused in one sentence."""
    tries = 40 if task.short else 500
    return [judged(folder, rng, tries) for folder, rng in task.folders()]


def _flips(task: Task) -> list[Row]:
    """A bit of every file of a run folder flipped: found and repaired, or without effect."""
    found = []
    for number, (folder, _) in enumerate(task.folders()):
        encoder = None if task.short or number % 2 else "offline"
        found.append(flips(folder, 1, task.seed + number, encoder=encoder)[0])
    return found


def _bombs(task: Task) -> list[Row]:
    """Photos and files that unpack to far more than they hold, each picked from once."""
    names = [name for name, bomb in BOMBS.items() if bomb.quick or not task.short]
    return [explode(name, task.work / str(number)) for number, name in enumerate(names)]


def _disturbed(task: Task) -> list[Row]:
    """A verb killed, on a full disk, and started twice."""
    return disturb(named(task.part), task.work, random.Random(f"{task.seed}/{task.part}"), task.rounds())


VERBS_NAME = "verbs"
CAMPAIGNS: dict[str, tuple[float, Campaign]] = {
    VERBS_NAME: (16, _disturbed),
    "bombs": (1, _bombs),
    "files": (3, _files),
    "judged": (3, _judged),
    "flips": (3, _flips),
    "endpoint": (2, _again(faults)),
    "limits": (1, _again(limits)),
    "injections": (2, _again(injections)),
    "addresses": (1, _again(addresses)),
}
"""Campaigns by name, each with its share of the time. `verbs` is three rows of the table."""


def run(seconds: float, *, seed: int = 0, short: bool = False, only: Sequence[str] = ()) -> list[Row]:
    """Run the campaigns in processes of their own, two at a time, and measure the memory of each.

    Args:
        seconds: For all of them; what is tried once is tried whatever it takes.
        seed: Of everything that is drawn.
        short: Try a part of everything, once.
        only: Names of campaigns; all of them if empty.
    """
    names = list(only or CAMPAIGNS)
    end, rows = time.monotonic() + seconds, list[Row]()
    if VERBS_NAME in names:
        parts = SHORT_VERBS if short else tuple(verb.name for verb in VERBS)
        share = CAMPAIGNS[VERBS_NAME][0] / sum(CAMPAIGNS[name][0] for name in names)
        each = 0.0 if short else AT_ONCE * seconds * share / len(parts)
        rows += _side_by_side([(VERBS_NAME, part, each) for part in parts], seed, short)
        names.remove(VERBS_NAME)
    # The verbs may have taken more than their share: the others have what is left.
    left = 0.0 if short else AT_ONCE * max(0.0, end - time.monotonic())
    whole = sum(CAMPAIGNS[name][0] for name in names)
    rows += _side_by_side([(name, "", left * CAMPAIGNS[name][0] / whole) for name in names], seed, short)
    return _summed(rows)


def _side_by_side(jobs: Sequence[tuple[str, str, float]], seed: int, short: bool) -> list[Row]:
    """The rows of campaigns, each given by its name, its part and its seconds."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda job: _in_a_process(job, seed, short), jobs)
        return [row for rows in found for row in rows]


def _in_a_process(job: tuple[str, str, float], seed: int, short: bool) -> list[Row]:
    name, part, seconds = job
    command = [sys.executable, "-m", "tests.torture", "--worker", name, "--part", part, "--seed", str(seed)]
    command += ["--seconds", str(seconds), *(["--short"] if short else [])]
    begin = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        rows = [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]
    except (IndexError, ValueError):
        rows = [Row(part or name, 1, unexpected=[f"the campaign ended with status {done.returncode}"])]
    tried, problems = sum(row.tried for row in rows), [one for row in rows for one in row.problems]
    took = time.monotonic() - begin
    said = "".join(f"\n  {one[:600]}" for one in problems[:5])
    print(
        f"{part or name}: {tried:,} tried in {took:,.0f} s, {len(problems)} found{said}",
        file=sys.stderr,
        flush=True,
    )
    return rows


def _summed(rows: Sequence[Row]) -> list[Row]:
    """One row for each name, in the order in which the names first come."""
    found: dict[str, Row] = {}
    for row in rows:
        found.setdefault(row.name, Row(row.name)).add(row)
    return list(found.values())


def work(name: str, part: str, seed: int, seconds: float, short: bool) -> list[Row]:
    """Run one campaign in this process."""
    with tempfile.TemporaryDirectory(prefix="finegold-torture-") as folder:
        rows = CAMPAIGNS[name][1](Task(Path(folder), seed, seconds, short, part))
    return [row.measure() for row in _summed(rows)]
