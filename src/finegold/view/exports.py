"""Files to take along: rows as CSV, for Label Studio and for FiftyOne, and a subset as ZIP."""

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from finegold.errors import ConfigError
from finegold.selection.manifest import MANIFEST, TABLE
from finegold.selection.table import SELECTED
from finegold.view.database import RowDatabase

FILE_NAMES = {"csv": "rows.csv", "label-studio": "label-studio.json", "fiftyone": "fiftyone.json"}
"""Name of the file of each format of a filter's rows."""


def as_csv(table: pa.Table) -> bytes:
    """The rows as CSV; the texts of several turns are joined by an empty line."""
    for name in ("question", "answer"):
        joined = pc.binary_join(table[name], "\n\n")
        table = table.set_column(table.column_names.index(name), name, joined)
    out = io.BytesIO()
    pa_csv.write_csv(table.drop_columns(["images"]), out)
    return out.getvalue()


def as_label_studio(table: pa.Table) -> bytes:
    """Tasks of Label Studio: the images by the names that the records have, the marks as annotations.

    `data` holds `image`, `images`, `question`, `answer`, `id` and the columns. A mark is a choice of a
    control named `mark` that belongs to an object named `image`.
    """
    tasks = []
    for row in _rows(table):
        images = [f"/data/local-files/?d={name}" for name in row.pop("images") or []]
        mark, note = row.pop("mark"), row.pop("note")
        questions, answers = row.pop("question") or [], row.pop("answer") or []
        data = {
            "id": row.pop("sample_id"),
            "image": images[0] if images else "",  # an image tag takes no null
            "images": images,
            "question": "\n\n".join(questions),
            "answer": "\n\n".join(answers),
            **row,
        }
        marked = _region("mark", "choices", {"choices": [mark]})
        noted = _region("note", "textarea", {"text": [note]})
        results = ([marked] if mark else []) + ([noted] if note else [])
        tasks.append({"data": data, **({"annotations": [{"result": results}]} if results else {})})
    return json.dumps(tasks, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace")


def _region(control: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    """What a control says of the image as a whole."""
    return {"id": control, "from_name": control, "to_name": "image", "type": kind, "value": value}


def as_fiftyone(table: pa.Table, name: str) -> bytes:
    """What FiftyOne's `Dataset.from_json(FILE, rel_dir=IMAGES)` reads; rows without an image are left out.

    The status and the mark are tags, the columns fields; the texts are `question` and `answer`.
    """
    samples = []
    fields = {
        column.name: "fiftyone.core.fields."
        + (
            "FloatField"
            if pa.types.is_floating(column.type)
            else "IntField"
            if pa.types.is_integer(column.type)
            else "StringField"
        )
        for column in table.schema
        if column.name not in ("images", "mark", "row", "status")
    }
    for row in _rows(table):
        images = row.pop("images") or []
        row.pop("row", None)
        tags = [one for one in (row.pop("status"), row.pop("mark")) if one]
        for key in ("question", "answer"):
            row[key] = "\n\n".join(row[key] or [])
        if images:
            own = {"filepath": images[0], "tags": tags, "metadata": None}
            samples.append(own | {_field(key): value for key, value in row.items()})
    content = {
        "name": name,
        "media_type": "image",
        "num_samples": len(samples),
        "sample_fields": {"filepath": "fiftyone.core.fields.StringField"}
        | {"tags": "fiftyone.core.fields.ListField(fiftyone.core.fields.StringField)"}
        | {_field(key): kind for key, kind in fields.items()},
        "info": {},
        "samples": samples,
    }
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "backslashreplace")


def write_subset_zip(pool: RowDatabase, selection: str, out: IO[bytes]) -> None:
    """The chosen records as they came, their images, and the selection, as a ZIP file.

    Raises:
        ConfigError: If there is no selection.
        DataError: If a record or an image cannot be read any more.
    """
    if not selection:
        raise ConfigError("a subset is written of a selection: choose one from the list")
    kept = pool.rows.folder.path / "selections" / selection
    chosen = pool.query(f"SELECT row FROM {pool.view(selection)} WHERE status = '{SELECTED}' ORDER BY row")
    with tempfile.TemporaryDirectory(prefix="finegold-view-") as made:
        folder = Path(made)
        pool.rows.dataset.write(folder, [row for (row,) in chosen], link=True)
        for name in (MANIFEST, TABLE):
            shutil.copyfile(kept / name, folder / name)
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(folder).as_posix())


def _rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


OWN_FIELDS = frozenset({"id", "filepath", "tags", "metadata", "created_at", "last_modified_at", "media_type"})
"""Names that fields of FiftyOne itself have."""


def _field(name: str) -> str:
    """A name as FiftyOne allows it for a field."""
    found = "".join(c if (c.isascii() and c.isalnum()) or c == "_" else "_" for c in name)
    return f"column_{found}" if found in OWN_FIELDS or not found[:1].isalpha() else found
