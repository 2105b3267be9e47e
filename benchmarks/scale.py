"""Processor seconds and peak memory from a hundred thousand rows to ten million, and how they grow.

    python benchmarks/scale.py [--cases read,select,...] [--rows 100000,1000000,10000000] [--folder scale]

The rows are made by this script: JSON lines, about 300 bytes each, over 7,000 small photos that rows share.
For `select` the tables of a scored run are written too, without reading a row: what is measured is the choice
alone. Each case runs in a process of its own; `peak` is the VmHWM of that process. `exponent` is that of
the processor seconds between the smallest and the largest number of rows: 1 is linear.

    read     check every row and write the samples table
    repeats  the part of it that needs all rows: find ids and contents that were there before
    select   choose one row in a hundred (at most 100,000) by two scores, and write the selection's table
    report   draw the page of that selection
    map      the same with a map: every row has a place by an embedding of 64 numbers
    choose   choose one row in a hundred at random: what the next three cases do beside
    where    the same of the rows that meet a condition on texts and scores
    dedup    the same without duplicates by content and by perceptual hash: one image in ten is a copy
    without  the same without the rows that are in a benchmark of 500 items
    compare  choose one row in a thousand by two presets, and measure both
"""

import argparse
import json
import math
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from finegold.clustering.table import CLUSTER_SCHEMA, SUMMARY, VERSION, ClusterSummary
from finegold.dedup.table import SCHEMA as HASH_SCHEMA
from finegold.dedup.table import VERSION as HASH_VERSION
from finegold.encoders.step import embeddings_schema
from finegold.engines import Compute
from finegold.report.selection.collect import write_report
from finegold.run import PartTable, RunFolder, write_record
from finegold.samples.check import file_stamp
from finegold.samples.repeats import Repeats
from finegold.samples.step import SCHEMA, ingest, samples_table
from finegold.scorers import make_scorer
from finegold.scorers.step import scores_table
from finegold.selection.manifest import TABLE
from finegold.workflow import DataSource, Run
from finegold.workflow.rows import checked_rows

PHOTOS = 7_000
CHUNK = 65_536
WIDTH = 64
"""Numbers of an embedding."""
WORDS = (
    *("a man", "two dogs", "the red boat", "an old woman", "a child in a coat", "seven sheep", "a train"),
    *("stands near", "runs past", "looks at", "lies beside", "waits behind", "is painted on", "hangs over"),
    *("a wooden fence", "the wet street", "a blue door", "the hill", "a market", "some snow", "the harbour"),
)
QUESTIONS = ("Describe the picture.", "What is happening here?", "What do you see?")


def make_photos(folder: Path) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(PHOTOS):
        pixels = rng.integers(0, 255, (6, 8, 3), np.uint8)
        Image.fromarray(pixels).resize((64, 48)).save(folder / f"{number:05}.jpg", quality=70)


class Rows:
    """Columns of the rows from `start` on, the same however they are cut."""

    def __init__(self, start: int, count: int) -> None:
        number = np.arange(start, start + count)
        # A multiplicative hash: in no order, and each once.
        self.ids = pa.array((number * 2_654_435_761) % (1 << 32)).cast(pa.string())
        self.photo = pa.array(number * 48_271 % PHOTOS)
        self.images = _join("", pc.utf8_lpad(self.photo.cast(pa.string()), 5, "0"), ".jpg")
        self.question = pa.array(QUESTIONS).take(pa.array(number % len(QUESTIONS)))
        words = pa.array(WORDS)
        picks = [words.take(pa.array(number // 7**at * 31 % 7 + 7 * (at % 3))) for at in range(9)]
        self.answer = _join(" ", *picks, pc.cast(pa.array(number), pa.string()))

    def lines(self) -> bytes:
        """The rows as JSON lines."""
        text = _join(
            "",
            *('{"id": "', self.ids, '", "image": "', self.images, '", "conversations": [{"from": "human", '),
            *('"value": "<image>\\n', self.question, '"}, {"from": "gpt", "value": "', self.answer, '"}]}'),
        )
        return "\n".join(text.to_pylist()).encode() + b"\n"

    def table(self, start: int, stamps: pa.Array) -> pa.Table:
        """The rows as the step that checks them writes them; only the content's hash is made up."""
        n = len(self.ids)
        number = pa.array(np.arange(start, start + n))
        content = _hexadecimal(np.random.default_rng(start).integers(0, 256, (n, 32), np.uint8))
        lists = {"instruction": self.question, "answer": self.answer, "images": self.images}
        known: dict[str, pa.Array] = {
            "row": number,
            "sample_id": self.ids,
            "place": _join("", "rows.jsonl line ", pc.add(number, 1).cast(pa.string())),
            "answer_chars": pc.utf8_length(self.answer),
            "content_hash": content,
            **{name: _single(values) for name, values in lists.items()},
            "image_stamps": _single(stamps.take(self.photo)),
        }
        constant = {"status": "ok", "turns": 2, "n_images": 1, "width": 64, "height": 48}
        constant |= {"image_bytes": 900, "source": "rows", "kind": "short-caption"}
        for field in SCHEMA:
            if field.name not in known:
                known[field.name] = pa.repeat(pa.scalar(constant.get(field.name), field.type), n)
        return pa.table({field.name: known[field.name].cast(field.type) for field in SCHEMA})


def _join(between: str, *parts: str | pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*parts, between)


def _single(values: pa.Array) -> pa.Array:
    """A list of one value a row."""
    return pa.ListArray.from_arrays(np.arange(len(values) + 1, dtype=np.int32), values)


def write_data(folder: Path, rows: int) -> DataSource:
    """The rows as JSON lines beside the photos."""
    images = folder / "images"
    if not images.exists():
        make_photos(images)
    data = folder / f"{rows}" / "rows.jsonl"
    if not data.exists():
        data.parent.mkdir(parents=True, exist_ok=True)
        with data.with_suffix(".part").open("wb") as file:
            for start in range(0, rows, CHUNK):
                file.write(Rows(start, min(CHUNK, rows - start)).lines())
        data.with_suffix(".part").rename(data)
    return DataSource(str(data), images=str(images))


def write_run(folder: Path, rows: int) -> Path:
    """A run folder with the rows and two scores of each."""
    source, path = write_data(folder, rows), folder / f"{rows}" / "scored.run"
    if (path / "whole").exists():
        return path
    shutil.rmtree(path, ignore_errors=True)
    dataset = source.open()
    run = RunFolder.create(path, source.to_json())
    run.size_parts(rows, dataset.files()[0].stat().st_size)
    stamps = pa.array([file_stamp(folder / "images" / f"{number:05}.jpg") for number in range(PHOTOS)])
    table = samples_table(run, dataset)
    _fill(table, rows, run.part_rows, lambda start, count: Rows(start, count).table(start, stamps))
    sequence = checked_rows(run, dataset, Compute()).sequence
    for seed, name in enumerate(("length", "detail")):

        def scores(start: int, count: int, seed: int = seed) -> pa.Table:
            values = np.random.default_rng([seed, start]).normal(size=count)
            return pa.table(
                {
                    "sample_id": Rows(start, count).ids,
                    "value": values,
                    "status": pa.repeat("ok", count),
                    "reason": pa.nulls(count, pa.string()),
                }
            )

        _fill(scores_table(run, make_scorer(name), sequence), rows, run.part_rows, scores)
    (path / "whole").touch()
    return path


def write_hashes(folder: Path, rows: int) -> Path:
    """The scored run with the hashes of an image of its own for each row."""
    path = write_run(folder, rows)
    found = Run.open(path)
    parameters = {"data": found.rows().sequence, "version": HASH_VERSION}
    table = found.folder.table("hashes", "images", parameters, HASH_SCHEMA)

    def hashes(start: int, count: int) -> pa.Table:
        rng = np.random.default_rng([7, start])
        codes = rng.integers(0, 256, (count, 15), np.uint8)
        codes[9::10] = codes[8 : count - 1 : 10][: len(codes[9::10])] ^ np.eye(15, dtype=np.uint8)[0]
        images = rng.integers(0, 256, (count, 32), np.uint8)
        return pa.table(
            {
                "sample_id": Rows(start, count).ids,
                "images": _single(_hexadecimal(images)),
                "perceptual": _hexadecimal(codes),
                "reason": pa.nulls(count, pa.string()),
            }
        )

    if not table.done:
        _fill(table, rows, found.folder.part_rows, hashes)
    return path


def write_clusters(folder: Path, rows: int) -> Path:
    """The scored run with vectors of four numbers and clusters of its rows."""
    path = write_run(folder, rows)
    found = Run.open(path)
    data, brought = found.rows().sequence, {"kind": "column", "file": "made"}
    vectors = found.folder.table("embeddings", "made", {"data": data, "model": brought}, embeddings_schema(4))
    depends = {"version": VERSION, "data": data, "embeddings": vectors.fingerprint}
    parameters = {"method": "spectral", "clusters": 10, "seed": 0, "neighbours": 10, **depends}
    clusters = found.folder.table("clusters", "spectral", parameters, CLUSTER_SCHEMA)

    def embeddings(start: int, count: int) -> pa.Table:
        made = np.random.default_rng([8, start]).normal(size=count * 4).astype(np.float32)
        columns = {
            "embedding": pa.FixedSizeListArray.from_arrays(made, 4),
            "reason": pa.nulls(count, pa.string()),
        }
        return pa.table({"sample_id": Rows(start, count).ids, **columns})

    def labels(start: int, count: int) -> pa.Table:
        return pa.table(
            {"sample_id": Rows(start, count).ids, "cluster": np.arange(start, start + count) % 10}
        )

    if not clusters.done:
        _fill(vectors, rows, found.folder.part_rows, embeddings)
        _fill(clusters, rows, found.folder.part_rows, labels)
        write_record(clusters.folder / SUMMARY, ClusterSummary((rows // 10,) * 10, 1, (), ""))
        _fill(clusters, rows, found.folder.part_rows, labels)
    return path


def write_benchmark(folder: Path, rows: int) -> Path:
    """500 items without images: each second one is a text of the rows."""
    path = folder / f"{rows}" / "benchmark.jsonl"
    if not path.exists():
        found = Rows(rows // 3, 250)
        mine = [f"{one} {two}" for one, two in zip(found.question, found.answer, strict=True)]
        other = [
            f"What does the sign beside door number {n} of the long red house say today?" for n in range(250)
        ]
        lines = [
            {"id": f"{n}", "instruction": text, "output": "nothing at all"}
            for n, text in enumerate(mine + other)
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _hexadecimal(values: np.ndarray[tuple[int, int], np.dtype[np.uint8]]) -> pa.Array:
    """The bytes of each row as hexadecimal digits."""
    n, width = values.shape
    digits = np.frombuffer(b"0123456789abcdef", np.uint8)
    text = np.stack([digits[values >> 4], digits[values & 15]], axis=2)
    offsets = pa.array(np.arange(n + 1, dtype=np.int32) * np.int32(2 * width)).buffers()[1]
    return pa.Array.from_buffers(pa.string(), n, [None, offsets, pa.py_buffer(text.tobytes())])


def _fill(table: PartTable, rows: int, size: int, make: Callable[[int, int], pa.Table]) -> None:
    for part, start in enumerate(range(0, rows, size)):
        table.write(part, make(start, min(size, rows - start)))
    table.finish(math.ceil(rows / size))


def read(folder: Path, rows: int) -> Callable[[], object]:
    source = write_data(folder, rows)
    path = folder / f"{rows}" / "read.run"
    shutil.rmtree(path, ignore_errors=True)
    return lambda: ingest(RunFolder.create(path, source.to_json()), source.open())


def repeats(_: Path, rows: int) -> Callable[[], object]:
    def note() -> None:
        seen = Repeats()
        for number in range(rows):
            assert seen.add(f"{number}", f"{number:064x}", f"rows.jsonl line {number + 1}") is None

    return note


def select(folder: Path, rows: int) -> Callable[[], object]:
    path = write_run(folder, rows)
    size = min(100_000, rows // 100)
    return lambda: Run.open(path).select(size, preset="no-clusters", weights="length=1,detail=1")


def report(folder: Path, rows: int, embedded: bool = False) -> Callable[[], object]:
    run = Run.open(write_run(folder, rows))
    kept = next((run.folder.path / "selections").glob(f"*/{TABLE}")).with_name("selection.json")
    selection, page = run.selection(kept), folder / f"{rows}" / "report.html"
    embeddings = write_embeddings(run.folder, rows) if embedded else None

    def draw() -> None:
        write_report(run.folder, run.dataset, selection.manifest, selection.table, embeddings, page)
        print(f"{page.stat().st_size / 1e6:.1f} MB", file=sys.stderr)

    return draw


def with_map(folder: Path, rows: int) -> Callable[[], object]:
    draw = report(folder, rows, embedded=True)
    shutil.rmtree(folder / f"{rows}" / "scored.run" / "layout", ignore_errors=True)
    return draw


def write_embeddings(run: RunFolder, rows: int) -> PartTable:
    """Made-up embeddings in 200 groups."""
    table = run.table("embeddings", "made-up", {"data": "made-up"}, embeddings_schema(WIDTH))
    middles = 2 * np.random.default_rng(0).standard_normal((200, WIDTH), np.float32)

    def make(start: int, count: int) -> pa.Table:
        rng = np.random.default_rng([2, start])
        points = middles[rng.integers(0, 200, count)] + rng.standard_normal((count, WIDTH), np.float32)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), WIDTH)
        columns = {"sample_id": Rows(start, count).ids, "embedding": vectors}
        return pa.table({**columns, "reason": pa.nulls(count, pa.string())})

    if not table.done:
        _fill(table, rows, run.part_rows, make)
    return table


def choose(path: Path, rows: int, **options: str) -> Callable[[], object]:
    return lambda: Run.open(path).select(min(100_000, rows // 100), preset="random", **options)


def compare(folder: Path, rows: int) -> Callable[[], object]:
    path = write_clusters(folder, rows)
    return lambda: Run.open(path).compare(["random", "length-only"], rows // 1000, seeds=2)


WHERE = 'length > -1 and kind == "short-caption" and sample_id != "7" and detail < quantile(detail, 0.9)'
CASES: dict[str, Callable[[Path, int], Callable[[], object]]] = {
    "read": read,
    "repeats": repeats,
    "select": select,
    "report": report,
    "map": with_map,
    "choose": lambda folder, rows: choose(write_run(folder, rows), rows),
    "where": lambda folder, rows: choose(write_run(folder, rows), rows, where=WHERE),
    "dedup": lambda folder, rows: choose(write_hashes(folder, rows), rows, dedup="exact,perceptual"),
    "without": lambda folder, rows: choose(
        write_hashes(folder, rows), rows, without=str(write_benchmark(folder, rows))
    ),
    "compare": compare,
}


def peak_megabytes() -> float:
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def measure(case: str, folder: Path, rows: int) -> dict[str, float]:
    """Run a case in a process of its own; what it needs is made in another one, so that it does not count."""
    command = [sys.executable, __file__, "--folder", str(folder), "--case", case, "--rows", str(rows)]
    subprocess.run([*command, "--prepare"], check=True)
    found = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    result: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--rows", default="100000,1000000,10000000")
    parser.add_argument("--folder", type=Path, default=Path("scale"))
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--prepare", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    folder = options.folder.resolve()
    if options.case:
        action = CASES[options.case](folder, int(options.rows))
        if not options.prepare:
            worked, start = time.process_time(), time.perf_counter()
            action()
            found = {"cpu": time.process_time() - worked, "wall": time.perf_counter() - start}
            print(json.dumps({**found, "peak": peak_megabytes()}))
        return
    counts = [int(text) for text in options.rows.split(",")]
    print(
        "| case | rows | processor s | ms a row | wall s | peak MB |\n| --- | --- | --- | --- | --- | --- |"
    )
    for case in options.cases.split(","):
        cpu = {}
        for rows in counts:
            found = measure(case, folder, rows)
            cpu[rows] = found["cpu"]
            print(
                f"| {case} | {rows:,} | {found['cpu']:.1f} | {found['cpu'] / rows * 1e3:.4f} "
                f"| {found['wall']:.1f} | {found['peak']:,.0f} |",
                flush=True,
            )
        if len(counts) > 1:
            first, last = min(counts), max(counts)
            exponent = math.log(cpu[last] / cpu[first]) / math.log(last / first)
            print(f"\n{case}: exponent {exponent:.2f}\n", flush=True)


if __name__ == "__main__":
    main()
