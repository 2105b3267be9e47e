"""Files of a judge and selections with other values, types and bytes: read, or refused in one sentence.

Their seals are made to fit, as whoever forges them would do: a hash alone must not be what stands before a
defect.
"""

import contextlib
import io
import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pyarrow as pa
import pyarrow.parquet as pq
from tests.llm.server import FakeServer
from tests.torture.pool import make_pool
from tests.torture.reading import damage
from tests.torture.table import Row
from tests.torture.verbs import honest, make_world

from finegold.cli import app
from finegold.cli.explain import explain
from finegold.errors import FinegoldError
from finegold.run import FILES, file_sha256, seal
from finegold.run.seal import SEAL

QUESTIONS = 4
"""Questions of the judge; a short file is changed in more of its places."""
REFUSED = "refused"
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 0.5, 10**400, 1e308, 2**63, -(2**63), float("nan"), float("inf"),
    "", "x" * 70_000, "\ud800", "\x00", "\x1b[2J", "../../etc/passwd", "/", "NaN", "2024-13-45",
    [], {}, [None], [[]], {"": None}, [{"x": [1]}],
)  # fmt: skip


def judged(work: Path, rng: random.Random, tries: int) -> Row:
    """Change a file, run a command that reads it, and see how it ends.

    Args:
        work: An empty folder.
        rng: Draws what is changed.
        tries: How often.
    """
    row, whole, place = Row("judge files and selections"), work / "whole", work / "place"
    commands = _make(whole, place)
    for kinds, words in commands.items():
        shutil.copytree(whole / "changed", place)
        if (said := _outcome(words)) is not None:
            row.unexpected.append(f"{kinds}: not even unchanged: {said}")
        shutil.rmtree(place)
    for _ in range(tries):
        kinds, words = rng.choice(list(commands.items()))
        shutil.copytree(whole / "changed", place)
        path = rng.choice(sorted((place / rng.choice(kinds)).iterdir()))
        what = _change(path, rng)
        row.tried += 1
        said = _outcome(words)
        if said is not None and said != REFUSED:
            row.unexpected.append(f"{words.split()[0]}: {path.name} with {what}: {said}")
        shutil.rmtree(place)
    return row


def _make(whole: Path, place: Path) -> dict[tuple[str, ...], str]:
    """Write whole files below `whole/changed`, a folder for each kind.

    Returns:
        Commands that read them below `place`, by the kinds that they read.
    """
    world, kept = make_world(whole / "world"), whole / "changed"
    about = [
        json.dumps({"image": f"{n:04d}.png", "caption": ["plain", "a colour"]}) for n in range(QUESTIONS)
    ]
    files = {
        name: (world / f"{name}.jsonl").read_text().splitlines()[:QUESTIONS]
        for name in ("questions", "a", "b")
    }
    for name, lines in {**files, "context": about}.items():
        (kept / name).mkdir(parents=True)
        (kept / name / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    judge = "judge {0}/a/a.jsonl {0}/b/b.jsonl --questions {0}/questions/questions.jsonl"
    judge += " --context {0}/context/context.jsonl --model m"
    data = make_pool(whole / "pool", 8)
    with FakeServer(honest) as server:
        asked = f"--base-url {server.url} --cache {whole}/cache.sqlite3 --out {whole}/verdicts"
        made = [_outcome(f"{judge.format(kept)} {asked}")]
    made.append(_outcome(f"pick {data} --size 3 --preset length-only --run {whole}/run --out {whole}/picked"))
    if made != [None, None]:
        raise RuntimeError(f"what is changed cannot be made: {made}")
    for name, source in {"audit": "verdicts/audit.jsonl", "selection": "picked/selection.json"}.items():
        (kept / name).mkdir()
        shutil.copy(whole / source, kept / name)
    shutil.copy(whole / "picked" / "selection.parquet", kept / "selection")
    unused = "--base-url http://127.0.0.1:9/v1"
    selection = f"{place}/selection/selection.json"
    return {
        ("a", "b", "questions", "context"): f"{judge.format(place)} --out {place}/out --plan {unused}",
        ("audit",): f"judge --replay {place}/audit/audit.jsonl --out {place}/out",
        ("selection",): f"replay {selection} --data {data}",
        ("selection",) * 2: f"report {whole}/run --selection {selection} --out {place}/r.html",
        ("selection",) * 3: f"select {whole}/run --size 2 --preset {selection} --out {place}/out",
        ("selection",)
        * 4: f"export {whole}/run --table selection --selection {selection} --out {place}/t.csv",
    }


def _outcome(words: str) -> str | None:
    """What a command, run in this process, ends with: None, `REFUSED`, or what was not expected."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            app(words.split(), standalone_mode=False)
    except FinegoldError as error:
        return REFUSED if str(error).strip() else "an error without a word"
    except click.ClickException as error:
        return f"wrong usage: {error.format_message()}"
    except click.exceptions.Exit:
        return None
    except Exception as error:
        return REFUSED if explain(error) else f"{type(error).__name__}: {str(error)[:300]}"
    return None


def _change(path: Path, rng: random.Random) -> str:
    """Change a file; returns what was done to it."""
    if rng.random() < 0.3:
        path.write_bytes(damage(path.read_bytes(), rng))
        return "other bytes"
    if path.suffix == ".parquet":
        return _change_table(path, rng)
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    number = rng.randrange(len(lines))
    record = json.loads(lines[number])
    what = _change_value(record, rng)
    sealed = isinstance(record, dict) and SEAL in record and rng.random() < 0.9
    with contextlib.suppress(ValueError, RecursionError):
        record = seal(record) if sealed else record
    lines[number] = json.dumps(record)
    path.write_text("\n".join(lines) + "\n")
    return what


def _change_value(record: Any, rng: random.Random) -> str:
    """Give a member of a JSON value another value, take it out, name it otherwise, or put it twice."""
    places = list(_places(record))
    parent, key = rng.choice([one for one in places if one[1] != SEAL] or places)
    odd = rng.choice(ODD)
    match rng.randrange(5):
        case 0:
            del parent[key]
            return f"no {key!r}"
        case 1 if isinstance(parent, list):
            parent.append(parent[key])
            return f"{key} twice"
        case 1:
            parent[f"{key}x"] = parent.pop(key)
            return f"another name for {key!r}"
        case 2:
            parent[key] = {str(key): parent[key]} if rng.random() < 0.5 else [parent[key]]
            return f"{key!r} in another value"
    parent[key] = odd
    return f"{key!r} = {repr(odd)[:40]}"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every member of a JSON value, with what it is a member of."""
    for key in (
        list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    ):
        yield value, key
        yield from _places(value[key])


def _change_table(path: Path, rng: random.Random) -> str:
    """Take out a column of a selection's table, or give it nulls or another type; its hash fits again."""
    table = pq.read_table(pa.OSFile(str(path)))
    place = rng.randrange(table.num_columns)
    name, rows = table.column_names[place], table.num_rows
    values: list[Any] = [
        pa.nulls(rows),
        pa.array(["x"] * rows),
        pa.array([[1]] * rows),
        pa.array([-7] * rows),
    ]
    match rng.randrange(4):
        case 0:
            table, what = table.drop_columns([name]), f"no column {name}"
        case 1:
            table, what = pa.concat_tables([table, table.slice(0, 1)]), "a row twice"
        case 2:
            table, what = table.slice(1), "a row less"
        case _:
            other = rng.choice(values)
            table, what = table.set_column(place, name, other), f"{name} of the type {other.type}"
    with pa.OSFile(str(path), "wb") as file:
        pq.write_table(table, file)
    manifest = path.with_suffix(".json")
    record = json.loads(manifest.read_text())
    record[FILES][path.name] = file_sha256(path)
    manifest.write_text(json.dumps(seal(record)))
    return what
