"""The campaigns: what is tried, for how long, and in which process."""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.torture.addresses import addresses
from tests.torture.disturb import Disturbance, disturb, fill_disk, kill, start_twice
from tests.torture.endpoints import faults, injections, limits
from tests.torture.flips import flips
from tests.torture.reading import FORMATS
from tests.torture.reading import campaign as damaged
from tests.torture.table import Row
from tests.torture.verbs import VERBS, named

SHORT_VERBS = ("score by a model",)
"""Verbs of the short form: one that writes tables and pays."""


@dataclass(frozen=True)
class Task:
    """What one process does.

    Attributes:
        work: An empty folder.
        seed: Of everything that is drawn.
        seconds: How long it goes on; everything is tried once, however long that takes.
        short: Whether only a part of everything is tried.
    """

    work: Path
    seed: int
    seconds: float
    short: bool

    def rounds(self) -> "Callable[[], bool]":
        """A function that says whether there is time for another round."""
        end = time.monotonic() + self.seconds
        return lambda: time.monotonic() < end


Campaign = Callable[[Task], Row]


def _again(once: Callable[[Path, random.Random], Row]) -> Campaign:
    """Repeat a campaign, each time with other draws, as long as there is time."""

    def run(task: Task) -> Row:
        more, number = task.rounds(), 0
        whole = Row("")
        while number == 0 or more():
            folder = task.work / str(number)
            folder.mkdir()
            found = once(folder, random.Random(f"{task.seed}/{number}"))
            whole.name, number = found.name, number + 1
            whole.add(found)
        return whole

    return run


def _files(task: Task) -> Row:
    """Damaged files of every format: read, or refused in one sentence."""
    more, row, seed = task.rounds(), Row("damaged files"), task.seed
    while row.tried == 0 or more():
        outcome = damaged((4 if task.short else 40) * len(FORMATS), seed=seed)
        row.tried += outcome.files
        for failure in outcome.failures:
            (row.lost if ": lost" in failure else row.unexpected).append(failure)
        row.peak_bytes = max(row.peak_bytes, outcome.peak_bytes)
        seed += 1
    return row


def _flips(task: Task) -> Row:
    """A bit of every file of a run folder flipped: found and repaired, or without effect."""
    more, row, number = task.rounds(), Row("flipped bits"), 0
    while number == 0 or more():
        folder = task.work / str(number)
        folder.mkdir()
        encoder = None if task.short or number % 2 else "offline"
        row.add(flips(folder, 1, task.seed + number, encoder=encoder)[0])
        number += 1
    return row


def _disturbed(how: Disturbance) -> Campaign:
    def run(task: Task) -> Row:
        verbs = [named(name) for name in SHORT_VERBS] if task.short else VERBS
        return disturb(how, task.work, random.Random(task.seed), verbs, task.rounds())

    return run


CAMPAIGNS: dict[str, tuple[float, Campaign]] = {
    "files": (3, _files),
    "flips": (3, _flips),
    "kills": (8, _disturbed(kill)),
    "disk": (5, _disturbed(fill_disk)),
    "two": (4, _disturbed(start_twice)),
    "endpoint": (2, _again(faults)),
    "limits": (1, _again(limits)),
    "injections": (2, _again(injections)),
    "addresses": (1, _again(addresses)),
}
"""Campaigns by name, each with its share of the time."""


def run(seconds: float, *, seed: int = 0, short: bool = False, only: Sequence[str] = ()) -> list[Row]:
    """Run the campaigns one after the other, each in a process of its own, whose memory is measured.

    Args:
        seconds: For all of them; what is tried once is tried whatever it takes.
        seed: Of everything that is drawn.
        short: Try a part of everything, once.
        only: Names of campaigns; all of them if empty.
    """
    names = list(only or CAMPAIGNS)
    whole = sum(CAMPAIGNS[name][0] for name in names)
    rows = []
    for name in names:
        share = 0.0 if short else seconds * CAMPAIGNS[name][0] / whole
        command = [sys.executable, "-m", "tests.torture", "--worker", name, "--seed", str(seed)]
        command += ["--seconds", str(share), *(["--short"] if short else [])]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        try:
            rows.append(Row(**json.loads(done.stdout.splitlines()[-1])))
        except (IndexError, ValueError):
            rows.append(Row(name, 1, unexpected=[f"the campaign ended with status {done.returncode}"]))
        print(
            f"{name}: {rows[-1].tried:,} tried, {len(rows[-1].problems)} found", file=sys.stderr, flush=True
        )
    return rows


def work(name: str, seed: int, seconds: float, short: bool) -> Row:
    """Run one campaign in this process."""
    with tempfile.TemporaryDirectory(prefix="finegold-torture-") as folder:
        row = CAMPAIGNS[name][1](Task(Path(folder), seed, seconds, short))
    return row.measure()
