"""Every verb that writes, killed at random moments, on a full disk, and started twice at once.

Each verb runs in a folder of its own. What two undisturbed runs of it leave the same, a disturbed one must
leave the same too.
"""

import hashlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.torture.at_rest import make_pool
from tests.evaluation import made
from tests.llm.server import Answer, Ask, FakeServer, completion
from tests.torture.table import Row

ROWS = 60
CONCURRENCY = 2
"""Calls that may be in flight at once: so many replies a kill may lose."""
SECONDS = 300
"""Most that one command may take."""

Words = tuple[object, ...]


@dataclass(frozen=True)
class Verb:
    """A command to be disturbed.

    Attributes:
        name: What it is called in messages.
        words: The command; `{world}` stands for the folder of inputs.
        result: The file or table that it is for, below its folder, as a pattern.
        before: Commands that ran before it, undisturbed.
        asks: Whether it asks the endpoint.
        offline: Whether it needs the models of the `offline` extra.
    """

    name: str
    words: Words
    result: str
    before: tuple[Words, ...] = ()
    asks: bool = False
    offline: bool = False


_POOL = "{world}/pool/data.json"
_LENGTH = ("pick", _POOL, "--size", 9, "--preset", "length-only", "--run", "run")
_PICKED: Words = (*_LENGTH, "--out", "picked")
_EMBEDDED: Words = ("pick", _POOL, "--size", 9, "--encoder", "offline", "--run", "run", "--out", "picked")
_ENDPOINT = ("--concurrency", CONCURRENCY)
_QUESTIONS = ("--questions", "{world}/questions.jsonl")
_SHORT = ("--max-new-tokens", 4, "--device", "cpu")

VERBS = (
    Verb("pick", (*_LENGTH, "--out", "out"), "out/selection.json"),
    Verb(
        "score by a model",
        ("score", "run", "--scorer", "llm", *_ENDPOINT),
        "run/scores/llm-*",
        (_PICKED,),
        asks=True,
    ),
    Verb(
        "judge",
        ("judge", "{world}/a.jsonl", "{world}/b.jsonl", *_QUESTIONS, "--out", "out", *_ENDPOINT),
        "out/judge.json",
        asks=True,
    ),
    Verb(
        "evaluate an endpoint",
        ("evaluate", "endpoint:m", "--tasks", "vsr", "--data", "{world}/bench", "--out", "out", *_ENDPOINT),
        "out/answers/vsr.jsonl",
        asks=True,
    ),
    Verb(
        "generate by an endpoint",
        (
            "generate",
            "endpoint:m",
            *_QUESTIONS,
            "--images",
            "{world}/pool/images",
            "--out",
            "a.jsonl",
            "--batch-size",
            4,
            *_ENDPOINT,
        ),
        "a.jsonl",
        asks=True,
    ),
    Verb(
        "select",
        ("select", "run", "--size", 5, "--preset", "random", "--out", "out"),
        "out/selection.json",
        (_PICKED,),
    ),
    Verb(
        "compare",
        (
            "compare",
            "run",
            "--size",
            5,
            "--presets",
            "random,length-only",
            "--csv",
            "c.csv",
            "--encoder",
            "offline",
        ),
        "c.csv",
        (_EMBEDDED,),
        offline=True,
    ),
    Verb(
        "replay",
        ("replay", "picked/selection.json", "--data", _POOL, "--out", "out"),
        "out/data.json",
        (_PICKED,),
    ),
    Verb(
        "report",
        ("report", "run", "--selection", "picked/selection.json", "--out", "r.html"),
        "r.html",
        (_PICKED,),
    ),
    Verb("pick with an encoder", _EMBEDDED, "picked/selection.json", offline=True),
    Verb(
        "cluster",
        ("cluster", "run", "--encoder", "offline", "--clusters", 3),
        "run/clusters/*",
        (_EMBEDDED,),
        offline=True,
    ),
    Verb(
        "tune",
        (
            "tune",
            "{world}/pool",
            "--model",
            "offline",
            "--steps",
            12,
            "--batch",
            4,
            "--device",
            "cpu",
            "--out",
            "out",
            "--cache",
            "features",
        ),
        "out/*.safetensors",
        offline=True,
    ),
    Verb(
        "generate",
        (
            "generate",
            "offline",
            *_QUESTIONS,
            "--images",
            "{world}/pool/images",
            "--out",
            "a.jsonl",
            "--batch-size",
            4,
            *_SHORT,
        ),
        "a.jsonl",
        offline=True,
    ),
    Verb(
        "evaluate",
        ("evaluate", "offline", "--tasks", "vsr", "--data", "{world}/bench", "--out", "out", *_SHORT),
        "out/answers/vsr.jsonl",
        offline=True,
    ),
    Verb(
        "study",
        ("study", "{world}/study.toml", "--out", "out", "--workers", 1, "--device", "cpu"),
        "out/models/*/*.safetensors",
        offline=True,
    ),
)


def named(name: str) -> Verb:
    """The verb of a name."""
    return next(verb for verb in VERBS if verb.name == name)


def make_world(folder: Path) -> Path:
    """Write what all verbs read: a pool, a benchmark, questions, two files of answers and a study."""
    pool = make_pool(folder / "pool", ROWS)
    made.vsr(folder / "bench", [index % 2 for index in range(24)])
    questions, a, b = [], [], []
    for number in range(16):
        question = {"question_id": number, "image": f"{number:04d}.png", "text": f"What is picture {number}?"}
        questions.append(question)
        a.append({"question_id": number, "text": f"It is a plain colour, number {number}."})
        b.append({"question_id": number, "text": f"A picture of number {number} that I do not know."})
    for name, lines in (("questions", questions), ("a", a), ("b", b)):
        made.write_lines(folder / f"{name}.jsonl", lines)
    made.flickr30k(folder / "captions", 4)
    (folder / "study.toml").write_text(_STUDY.format(pool=pool, images=pool.parent / "images", folder=folder))
    return folder


_STUDY = """
about = "Plain colours"
baseline = "random"
seeds = 1
steps = 2
batch = 4
replicates = 100

[[arms]]
name = "random"
preset = "random"
size = 6

[[arms]]
name = "long"
preset = "length-only"
size = 6

[data]
path = "{pool}"
images = "{images}"

[evaluation]
tasks = ["flickr30k"]
data = "{folder}/captions"
batch = 4
"""


def honest(ask: Ask) -> Answer:
    """What the endpoint of the campaigns answers, a little late."""
    numbers = re.findall(r"(?:of|number|cat|picture) (\d+)", ask.text)
    score = 40 + int(numbers[-1] if numbers else 0) % 40
    if "ANSWER 1" in ask.text:
        return completion(json.dumps({"first": 6, "second": 5, "reason": "so"}), delay=0.03)
    return completion(json.dumps({"score": score, "reason": "Yes."}), delay=0.03)


def snapshot(folder: Path) -> dict[str, str]:
    """Digests of all files of a folder; of tables, of their rows, however these lie in parts."""
    found: dict[str, str] = {}
    tables: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet" and path.name.startswith("part-"):
            tables.setdefault(str(path.parent.relative_to(folder)), []).append(path)
        elif path.is_file() and path.suffix not in (".sqlite3", ".log") and ".lock" not in path.name:
            found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest()
    for name, parts in tables.items():
        rows = pa.concat_tables(pq.read_table(pa.OSFile(str(one))) for one in parts).to_pylist()
        found[name] = hashlib.sha256(repr(sorted(map(repr, rows))).encode()).hexdigest()
    return found


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
            raise RuntimeError(
                f"{self.verb.name}: two runs leave another {self.verb.result}: {sorted(first)}"
            )

    def place(self) -> Path:
        """A fresh folder, always of the same name, in which the commands before it were run."""
        place = self.work / "place"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.work / "base", place)
        self.server.charged.clear()
        return place

    def start(
        self, place: Path, words: Words | None = None, limit: int | None = None
    ) -> "subprocess.Popen[str]":
        """Start the verb, in a group of processes of its own, where no file may be longer than a limit."""

        def limited() -> None:
            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        given = [str(word).format(world=self.world) for word in (self.verb.words if words is None else words)]
        if self.verb.asks and words is None:
            given += ["--base-url", self.server.url]
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

    def run(
        self, place: Path, words: Words | None = None, limit: int | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run the verb to its end; one that does not end is killed and has status -9."""
        process = self.start(place, words, limit)
        try:
            out, error = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, error = process.communicate()
        return subprocess.CompletedProcess(process.args, process.returncode, out, error)

    def check(self, row: Row, what: str, place: Path, done: "subprocess.CompletedProcess[str]") -> None:
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


def kill(bench: Bench, row: Row, rng: random.Random) -> None:
    """Kill the verb up to twice at random moments, then let it end."""
    place, kills, moments = bench.place(), 0, []
    for _ in range(rng.choice((1, 2))):
        process = bench.start(place)
        moments.append(rng.uniform(0.2, 1.0) * bench.seconds)
        try:
            process.communicate(timeout=moments[-1])
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
    row.tried += 1
    what = f"killed after {', '.join(f'{one:.2f}' for one in moments)} of {bench.seconds:.2f} s"
    bench.check(row, what, place, bench.run(place))
    bench.paid(row, what, kills)


def fill_disk(bench: Bench, row: Row, rng: random.Random) -> None:
    """Let no file grow beyond a random length; then lift the limit and run it again."""
    place, limit = bench.place(), int(10 ** rng.uniform(1.5, 5.0))
    row.tried += 1
    what = f"no file over {limit:,} bytes"
    tight = bench.run(place, limit=limit)
    said = [line for line in tight.stderr.splitlines() if line.startswith("finegold: ")]
    if tight.returncode not in (bench.status, 2) or "defect" in tight.stderr or "Traceback" in tight.stderr:
        row.unexpected.append(f"{bench.verb.name}: {what}: {tight.returncode}: {tight.stderr.strip()[-300:]}")
    elif tight.returncode == 2 and len(said) != 1:
        row.unexpected.append(f"{bench.verb.name}: {what}: {tight.stderr.strip()[-300:]}")
    bench.check(row, what, place, bench.run(place))
    bench.paid(row, what, 1)


def start_twice(bench: Bench, row: Row, rng: random.Random) -> None:
    """Start the verb twice at once: one result, and a sentence for whoever came second."""
    place = bench.place()
    row.tried += 1
    both = [bench.start(place)]
    time.sleep(rng.choice((0.0, 0.0, 0.1, 0.5)))
    both.append(bench.start(place))
    ended = []
    for process in both:
        out, error = process.communicate(timeout=SECONDS)
        ended.append(subprocess.CompletedProcess(process.args, process.returncode, out, error))
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


Disturbance = Callable[[Bench, Row, random.Random], None]
NAMES: dict[Disturbance, str] = {kill: "kills", fill_disk: "full disk", start_twice: "two processes"}


def disturb(
    how: Disturbance,
    work: Path,
    rng: random.Random,
    verbs: Sequence[Verb],
    more: Callable[[], bool] = lambda: False,
) -> Row:
    """Disturb each verb once, then verbs in turn as long as `more` says."""
    row = Row(NAMES[how])
    world = make_world(work / "world")
    with FakeServer(honest) as server:
        benches: list[Bench] = []
        for verb in verbs:
            bench = Bench(verb, world, work / verb.name.replace(" ", "-"), server)
            try:
                bench.prepare()
            except RuntimeError as error:
                row.unexpected.append(str(error))
                continue
            how(bench, row, rng)
            benches.append(bench)
        while benches and more():
            for bench in benches:
                how(bench, row, rng)
                if not more():
                    break
    return row
