"""The answers to what the page asks: each a function of a request that runs in a thread."""

import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from itertools import islice
from typing import IO, Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from finegold.errors import ConfigError, DataError
from finegold.version import __version__
from finegold.view.again import choose_again, difference
from finegold.view.browse import Browser
from finegold.view.database import NO_SELECTION, RowDatabase
from finegold.view.detail import nearest_rows, record_text, row_detail
from finegold.view.exports import FILE_NAMES, as_csv, as_fiftyone, as_label_studio, write_subset_zip
from finegold.view.filters import RowFilter
from finegold.view.guard import MOST_IMAGE
from finegold.view.maps import points_of_map
from finegold.view.marks import WORDS, Marks
from finegold.view.pictures import Pictures
from finegold.view.places import Places
from finegold.workflow import Run

PICTURES_STAY = {"cache-control": "private, max-age=3600"}
LAST_ACTIONS = 20


class Answers:
    """Answers about the rows of one run, and changes of its marks."""

    def __init__(
        self,
        run: Run,
        pool: RowDatabase,
        browser: Browser,
        places: Places,
        pictures: Pictures,
        marks: Marks,
        models: Sequence[str],
        *,
        read_only: bool,
    ) -> None:
        self.models = models
        self.run, self.pool, self.browser, self.places = run, pool, browser, places
        self.pictures, self.marks, self.read_only = pictures, marks, read_only
        self.changing = threading.Lock()
        pool.set_marks(marks.rows)

    def selection(self, request: Request) -> str:
        """The selection that an address names: a name of the run folder; the first one without a name."""
        known = self.pool.selection_names()
        name = request.query_params.get("selection")
        if name is None:
            return known[0] if known else NO_SELECTION
        if name and name not in known:
            raise DataError(f"the run folder has no selection '{name}': choose one of the list")
        return str(name)

    def filter(self, request: Request, selection: str) -> RowFilter:
        """The filter of an address."""
        other = self.other(request)
        return RowFilter.read(request.query_params.multi_items(), self.browser.columns(selection, other))

    def other(self, request: Request) -> str:
        """The selection that the rows are compared with; empty for none."""
        name = str(request.query_params.get("other", ""))
        if name and name not in self.pool.selection_names():
            raise DataError(f"the run folder has no selection '{name}': choose one of the list")
        return name

    def about(self, request: Request) -> dict[str, Any]:
        """The run, its selections and its columns."""
        name = self.selection(request)
        manifest = self.pool.manifest(name)
        columns = self.browser.columns(name, self.other(request))
        return {
            "finegold": __version__,
            "run": self.run.folder.path.name,
            "data": self.run.dataset.source.title or self.run.dataset.path.name,
            "rows": len(self.pool.rows.usable),
            "read_only": self.read_only,
            "selections": self.pool.selection_names(),
            "selection": name,
            "preset": manifest and manifest.configuration.preset["name"],
            "counts": manifest and manifest.counts.model_dump(),
            "notes": manifest.notes if manifest else [],
            "columns": [
                {"name": one.name, "label": one.label, "kind": one.kind, "unit": one.unit}
                | {"indicator": one.indicator}
                for one in columns
            ],
            "layers": self.places.layers(),
            "embedded": self.places.embedded(),
            "models": list(self.models),
            "most_image": MOST_IMAGE,
            "marks": self.marks_now(),
        }

    def marks_now(self) -> dict[str, Any]:
        """How many rows are vetoed and kept, and the last actions."""
        last = list(islice(self.marks.history(), LAST_ACTIONS))
        return {word: len(self.marks.ids(word)) for word in WORDS} | {"history": last}

    def mark(self, request: Request) -> dict[str, Any]:
        """Mark rows by their positions, or all rows of the filter."""
        said = body_of(request)
        name = self.selection(request)
        if said.get("filtered") is True:
            ids = self.browser.usable_ids(name, self.filter(request, name))
        else:
            rows = said.get("rows")
            if not isinstance(rows, list) or not all(type(row) is int for row in rows):
                raise DataError("a mark names rows by their positions, as a list of whole numbers")
            ids = self.pool.ids_of(rows)
        word, note = said.get("mark"), said.get("note", "")
        if not isinstance(word, str | None) or not isinstance(note, str):
            raise DataError("a mark is veto, keep or null, and its note is text")
        with self.changing:
            changed = self.marks.set(word, ids, note)
            self.pool.set_marks(self.marks.rows)
        return {"changed": changed, **self.marks_now()}

    def undo(self, _: Request) -> dict[str, Any]:
        """Undo the last action."""
        with self.changing:
            undone = self.marks.undo()
            self.pool.set_marks(self.marks.rows)
        what = undone and {"mark": undone["mark"], "rows": len(undone["ids"]), "note": undone["note"]}
        return {"undone": what, **self.marks_now()}

    def choose(self, request: Request) -> dict[str, Any]:
        """Choose again with the marks, as the selection of the address did."""
        name = self.selection(request)
        manifest = self.pool.manifest(name)
        if self.read_only:
            raise ConfigError(
                "this view is read-only: start `finegold view` without --read-only to choose again"
            )
        if manifest is None:
            raise ConfigError(
                "a selection is chosen again, and this run has none: run `finegold select` first"
            )
        with self.changing:
            made = choose_again(self.run, manifest, self.marks)
        return {"selection": made, "before": name, **difference(self.pool, made, name)}

    def compare(self, request: Request) -> dict[str, Any]:
        """What differs between the selection of the address and the other one."""
        return difference(self.pool, self.selection(request), self.other(request))

    def selections(self, _: Request) -> list[dict[str, Any]]:
        """The selections of the run folder."""
        found = []
        for name in self.pool.selection_names():
            manifest = self.pool.manifest(name)
            assert manifest is not None
            made = manifest.configuration
            lists = {"include": made.include, "exclude": made.exclude}
            found.append(
                {
                    "name": name,
                    "preset": made.preset["name"],
                    "size": manifest.size,
                    "seed": manifest.seed,
                    "weights": made.weights,
                    "excluded": sum(manifest.counts.excluded.values()),
                    "where": made.where,
                    "notes": manifest.notes,
                    **{key: 0 if ids is None else ids.count for key, ids in lists.items()},
                }
            )
        return found

    def export(self, request: Request) -> Response:
        """The rows of the filter as a file, or the subset of the selection."""
        name, kind = self.selection(request), request.path_params["kind"]
        if kind == "subset":
            file = tempfile.TemporaryFile(prefix="finegold-view-")  # noqa: SIM115 (closed when it was sent)
            write_subset_zip(self.pool, name, file)
            file.seek(0)
            return download(file, "subset.zip")
        if kind not in FILE_NAMES:
            raise DataError(f"there is no export '{kind}': choose subset, {', '.join(FILE_NAMES)}")
        table = self.browser.table(name, self.filter(request, name))
        title = self.run.folder.path.name
        makers: dict[str, Callable[[], bytes]] = {
            "csv": lambda: as_csv(table),
            "label-studio": lambda: as_label_studio(table),
            "fiftyone": lambda: as_fiftyone(table, title),
        }
        return download(BytesIO(makers[kind]()), FILE_NAMES[kind])

    def rows(self, request: Request) -> dict[str, Any]:
        """A page of rows; their number with the first page."""
        name = self.selection(request)
        wanted = self.filter(request, name)
        start, number = _whole(request, "start", 0), _whole(request, "number", 60)
        found: dict[str, Any] = {"start": start, "rows": self.browser.rows(name, wanted, start, number)}
        if "count" in request.query_params:
            found["total"] = self.browser.count(name, wanted)
        return found

    def facets(self, request: Request) -> dict[str, Any]:
        """How the rows of a filter spread over each column."""
        name = self.selection(request)
        return self.browser.facets(name, self.filter(request, name))

    def row(self, request: Request) -> dict[str, Any]:
        """Everything about a row but its neighbours and its record."""
        name = self.selection(request)
        found = row_detail(self.pool, self.browser, self.places, name, request.path_params["row"])
        mark = self.marks.rows.get(found["row"]["sample_id"]) if found["row"]["usable"] else None
        found["mark"] = mark and {"mark": mark.mark, "note": mark.note, "time": mark.time}
        return found

    def map(self, request: Request) -> dict[str, Any]:
        """The points of the map."""
        name = self.selection(request)
        columns = self.browser.columns(name, self.other(request))
        asked = request.query_params.get("colour") or columns[0].name
        colour = next((column for column in columns if column.name == asked), None)
        if colour is None:
            raise DataError(f"the address colours by '{asked}', and the rows have no such column")
        return points_of_map(self.browser, self.places, name, self.filter(request, name), colour)

    def nearest(self, request: Request) -> list[dict[str, Any]]:
        """The nearest rows of a row."""
        name = self.selection(request)
        layer = "text" if request.query_params.get("layer") == "text" else "image"
        return nearest_rows(self.pool, self.places, name, layer, request.path_params["row"])

    def record(self, request: Request) -> Response:
        """A row's record as it came."""
        text = record_text(self.pool, request.path_params["row"])
        return PlainTextResponse(text.encode("utf-8", "backslashreplace"))

    def thumbnail(self, request: Request) -> Response:
        """The small picture of a row's image."""
        where = request.path_params
        made = self.pictures.thumbnail(where["row"], where["image"])
        return Response(made, media_type="image/webp", headers=PICTURES_STAY)

    def image(self, request: Request) -> Response:
        """A row's image in full size."""
        where = request.path_params
        data, media = self.pictures.image(where["row"], where["image"])
        return Response(data, media_type=media, headers=PICTURES_STAY)


def about_nothing(models: Sequence[str]) -> dict[str, Any]:
    """What `Answers.about` says, for a view without a run."""
    return {
        "finegold": __version__,
        "run": None,
        "data": "Results",
        "rows": 0,
        "read_only": True,
        "selections": [],
        "selection": "",
        "columns": [],
        "layers": [],
        "models": list(models),
        "most_image": MOST_IMAGE,
    }


def body_of(request: Request) -> dict[str, Any]:
    """The JSON object that a request sends."""
    try:
        found = json.loads(request.state.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise DataError("the request holds no JSON object: reload the page")
    return found


def download(file: IO[bytes], name: str) -> Response:
    """A file that the browser saves under a name."""
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(_pieces(file), media_type="application/octet-stream", headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(1 << 18):
            yield piece


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise DataError(f"the address says {name}={text[:40]}, expected a whole number from 0 on")
    return int(text)
