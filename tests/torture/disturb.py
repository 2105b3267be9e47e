"""Verbs killed at random moments, on a full disk, and started twice at once.

Each verb runs in a folder of its own. What two undisturbed runs of it leave the same, a disturbed one must
leave the same too.
"""

import contextlib
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet as pq
from tests.llm.server import FakeServer
from tests.torture.table import Row
from tests.torture.verbs import TINY, Verb, honest, make_world

CONCURRENCY = 2
"""Calls that may be in flight at once: so many replies a kill may lose."""
SECONDS = 3600
"""Most that one command may take, however busy the computer is; only one that hangs takes longer."""
TRIES = 6
"""A disturbance that never meets a verb in so many tries is a finding."""

Done = subprocess.CompletedProcess[str]


def snapshot(folder: Path) -> dict[str, str]:
    """Digests of all files of a folder; of tables, of their rows, however these lie in parts."""
    found: dict[str, str] = {}
    tables: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet" and path.name.startswith("part-"):
            tables.setdefault(str(path.parent.relative_to(folder)), []).append(path)
        elif path.is_file() and path.suffix not in (".sqlite3", ".log") and ".lock" not in path.name:
            found[str(path.relative_to(folder))] = hashlib.sha256(_content(path)).hexdigest()
    for name, parts in tables.items():
        rows = pa.concat_tables(pq.read_table(pa.OSFile(str(one))) for one in parts).to_pylist()
        found[name] = hashlib.sha256(repr(sorted(map(repr, rows))).encode()).hexdigest()
    return found


def _content(path: Path) -> bytes:
    """The bytes of a file, without what differs from one undisturbed run to the next."""
    data = path.read_bytes()
    if path.suffix == ".safetensors":
        # The library writes the metadata in another order each time.
        start = 8 + int.from_bytes(data[:8], "little")
        with contextlib.suppress(ValueError):
            return json.dumps(json.loads(data[8:start]), sort_keys=True).encode() + data[start:]
    if path.suffix == ".csv":
        return b"\n".join(line for line in data.split(b"\n") if b",seconds," not in line)
    return data


@dataclass
class Bench:
    """A verb, what it leaves undisturbed, and a place to disturb it in.

    Attributes:
        verb: The verb.
        world: The folder of inputs.
        work: A folder for all tries.
        server: Answers honestly.
        stable: Digests of what two undisturbed runs left the same.
        seconds: How long an undisturbed run takes.
        status: Its exit status.
    """

    verb: Verb
    world: Path
    work: Path
    server: FakeServer
    stable: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    status: int = 0

    def prepare(self) -> None:
        """Run the commands before it once, and the verb itself twice.

        Raises:
            RuntimeError: If the verb does not work even undisturbed, or leaves nothing the same.
        """
        base = self.work / "base"
        base.mkdir(parents=True)
        for words in self.verb.before:
            done = self.run(base, words)
            if done.returncode:
                raise RuntimeError(f"{self.verb.name}: {done.stderr[-500:]}")
        if self.verb.spoilt:
            spoilt = min(base.glob(self.verb.spoilt))
            data = bytearray(spoilt.read_bytes())
            data[len(data) // 2] ^= 1
            spoilt.write_bytes(data)
        kept = []
        for _ in range(2):
            place = self.place()
            begin = time.monotonic()
            done = self.run(place)
            self.seconds, self.status = time.monotonic() - begin, done.returncode
            if done.returncode not in (0, 1) or "defect" in done.stderr:
                raise RuntimeError(
                    f"{self.verb.name}: {done.returncode}: {(done.stdout + done.stderr)[-500:]}"
                )
            kept.append(snapshot(place))
            shutil.rmtree(place)
        first, second = kept
        self.stable = {name: digest for name, digest in first.items() if second.get(name) == digest}
        if not any(PurePath(name).match(self.verb.result) for name in self.stable):
            other = sorted(set(first) - set(self.stable))
            raise RuntimeError(
                f"{self.verb.name}: two runs leave another {self.verb.result}, and others: {other[:9]}"
            )

    def place(self) -> Path:
        """A fresh folder, always of the same name, in which the commands before it were run."""
        place = self.work / "place"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.work / "base", place)
        self.server.charged.clear()
        return place

    def start(
        self, place: Path, words: str | None = None, limit: int | None = None
    ) -> "subprocess.Popen[str]":
        """Start the verb, in a group of processes of its own, where no file may be longer than a limit."""

        def limited() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        line = self.verb.words if words is None else words
        given = [word.format(world=self.world) for word in line.split()]
        if self.verb.asks and words is None:
            given += ["--base-url", self.server.url, "--concurrency", str(CONCURRENCY)]
            given += [] if "endpoint:m" in given else ["--model", "m"]
        paths = os.pathsep.join(str(Path(one).resolve()) for one in sys.path)
        environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        environment |= {
            "FINEGOLD_CACHE": str(place / "cache"),
            "FINEGOLD_LLM_API_KEY": "sk-a-secret-of-torture",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "finegold", *given],
            cwd=place,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=limited,
        )

    def run(self, place: Path, words: str | None = None, limit: int | None = None) -> Done:
        """Run the verb to its end."""
        return end(self.start(place, words, limit))

    def check(self, row: Row, what: str, place: Path, done: Done) -> None:
        """Compare what is there now, after the last run, with what an undisturbed run leaves."""
        what = f"{self.verb.name}: {what}"
        if done.returncode != self.status:
            said = (done.stderr or done.stdout).strip()[-300:]
            row.lost.append(f"{what}: status {done.returncode}: {said}")
            return
        if "defect" in done.stderr:
            row.unexpected.append(f"{what}: {done.stderr.strip()[-300:]}")
        found = snapshot(place)
        other = [name for name, digest in self.stable.items() if found.get(name) != digest]
        if other:
            row.lost.append(f"{what}: another {', '.join(other[:5])}")

    def paid(self, row: Row, what: str, kills: int) -> None:
        """Count the calls paid twice, beyond those that a kill met in flight."""
        again = sum(times - 1 for times in self.server.charged.values())
        if again > kills * CONCURRENCY:
            row.paid.append(f"{self.verb.name}: {what}: {again} calls twice")


def end(process: "subprocess.Popen[str]", seconds: float = SECONDS) -> Done:
    """Wait for a process; one that does not end in time is killed and has status -9."""
    try:
        out, error = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, error = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def kill(bench: Bench, row: Row, rng: random.Random) -> bool:
    """Kill the verb once or twice at random moments, then let it end."""
    place, kills, moments = bench.place(), 0, []
    for _ in range(rng.choice((1, 2))):
        moments.append(rng.uniform(0.2, 1.0) * bench.seconds)
        kills += end(bench.start(place), moments[-1]).returncode == -signal.SIGKILL
    what = f"killed after {', '.join(f'{one:.2f}' for one in moments)} of {bench.seconds:.2f} s"
    bench.check(row, what, place, bench.run(place))
    bench.paid(row, what, kills)
    return kills > 0


def fill_disk(bench: Bench, row: Row, rng: random.Random) -> bool:
    """Let no file grow beyond a random length; then lift the limit and run it again."""
    place, limit = bench.place(), int(10 ** rng.uniform(1.5, 5.0))
    what = f"no file over {limit:,} bytes"
    tight = bench.run(place, limit=limit)
    said = [line for line in tight.stderr.splitlines() if line.startswith("finegold: ")]
    if tight.returncode not in (bench.status, 2) or "defect" in tight.stderr or "Traceback" in tight.stderr:
        row.unexpected.append(f"{bench.verb.name}: {what}: {tight.returncode}: {tight.stderr.strip()[-300:]}")
    elif tight.returncode == 2 and len(said) != 1:
        row.unexpected.append(f"{bench.verb.name}: {what}: {tight.stderr.strip()[-300:]}")
    bench.check(row, what, place, bench.run(place))
    bench.paid(row, what, 1)
    return tight.returncode != bench.status


def start_twice(bench: Bench, row: Row, rng: random.Random) -> bool:
    """Start the verb twice at once: one result, and a sentence for whoever came second."""
    place = bench.place()
    both = [bench.start(place)]
    time.sleep(rng.choice((0.0, 0.0, 0.1, 0.5)))
    both.append(bench.start(place))
    ended = [end(process) for process in both]
    codes = sorted(done.returncode for done in ended)
    refused = [done for done in ended if done.returncode == 2]
    told = [done for done in refused if "another process is writing to" in done.stderr]
    if codes not in ([bench.status] * 2, sorted((bench.status, 2))) or len(told) != len(refused):
        text = " | ".join(done.stderr.strip()[-200:] for done in ended)
        row.unexpected.append(f"{bench.verb.name}: two at once: {codes}: {text}")
    for done in ended:
        if done.returncode == bench.status:
            bench.check(row, "two at once", place, done)
            break
    bench.paid(row, "two at once", 0)
    return True


Disturbance = Callable[[Bench, Row, random.Random], bool]
"""Disturbs a verb, and says whether that met it before its end."""
NAMES: dict[Disturbance, str] = {kill: "kills", fill_disk: "full disk", start_twice: "two processes"}


def disturb(
    verb: Verb,
    work: Path,
    rng: random.Random,
    more: Callable[[], bool] = lambda: False,
    ways: Iterable[Disturbance] = tuple(NAMES),
) -> list[Row]:
    """Disturb a verb in each way once, then in turn as long as `more` says."""
    rows = {how: Row(NAMES[how]) for how in ways}
    world = make_world(work / "world", model=TINY in verb.words)
    with FakeServer(honest) as server:
        bench = Bench(verb, world, work / "bench", server)
        try:
            bench.prepare()
        except RuntimeError as error:
            for row in rows.values():
                row.unexpected.append(str(error))
            return list(rows.values())
        for how, row in rows.items():
            if how is fill_disk and not verb.grows:
                continue
            if any(how(bench, row, rng) for _ in range(TRIES)):
                row.tried += 1
            else:
                row.unexpected.append(f"{verb.name}: ended {TRIES} times before it was disturbed")
        while more():
            for how, row in rows.items():
                row.tried += (verb.grows or how is not fill_disk) and how(bench, row, rng)
    return list(rows.values())
