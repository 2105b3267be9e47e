"""What the page asks of the server: addresses and the answers, as JSON, pictures or files.

No address holds a path: a row is named by its position, a selection by its name in the run folder, and a
static file by one of the names that lie in the package.
"""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from finegold.errors import DataError, FinegoldError
from finegold.report.html import BASE_STYLE
from finegold.samples.exclusions import ImageError
from finegold.version import __version__
from finegold.view.browse import Browser
from finegold.view.database import NO_SELECTION, RowDatabase
from finegold.view.detail import nearest_rows, record_text, row_detail
from finegold.view.filters import RowFilter
from finegold.view.marks import Marks
from finegold.view.pictures import Pictures
from finegold.view.places import Places
from finegold.workflow import Run

STATIC = Path(__file__).parent / "static"
MEDIA = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {path.name: path for path in (*STATIC.iterdir(), BASE_STYLE) if path.suffix in MEDIA}
"""The files of the page, with the style sheet of the reports: no other is ever sent."""
PICTURES_STAY = {"cache-control": "private, max-age=3600"}

Answer = Callable[[Request], Any]


class _Answers:
    """The answers, each a function of a request that runs in a thread."""

    def __init__(
        self,
        run: Run,
        pool: RowDatabase,
        browser: Browser,
        places: Places,
        pictures: Pictures,
        marks: Marks,
        *,
        read_only: bool,
    ) -> None:
        self.run, self.pool, self.browser, self.places = run, pool, browser, places
        self.pictures, self.marks, self.read_only = pictures, marks, read_only

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
        return RowFilter.read(request.query_params.multi_items(), self.pool.columns(selection))

    def about(self, request: Request) -> dict[str, Any]:
        """The run, its selections and its columns."""
        name = self.selection(request)
        manifest = self.pool.manifest(name)
        columns = self.pool.columns(name)
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
        }

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


def make_application(
    run: Run,
    pool: RowDatabase,
    browser: Browser,
    places: Places,
    pictures: Pictures,
    marks: Marks,
    *,
    read_only: bool,
) -> Starlette:
    """The application, without the guard that stands before it."""
    answers = _Answers(run, pool, browser, places, pictures, marks, read_only=read_only)

    def get(path: str, answer: Answer) -> Route:
        return Route(path, _answering(answer), methods=["GET"])

    return Starlette(
        routes=[
            Route("/", _file("index.html"), methods=["GET"]),
            Route("/static/{name}", _static, methods=["GET"]),
            get("/api/about", answers.about),
            get("/api/rows", answers.rows),
            get("/api/facets", answers.facets),
            get("/api/row/{row:int}", answers.row),
            get("/api/row/{row:int}/nearest", answers.nearest),
            get("/api/row/{row:int}/record", answers.record),
            get("/thumbnail/{row:int}/{image:int}", answers.thumbnail),
            get("/image/{row:int}/{image:int}", answers.image),
        ],
        exception_handlers={Exception: _unexpected},
    )


def _answering(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers in a thread, with JSON unless the answer is a response already."""

    async def endpoint(request: Request) -> Response:
        try:
            found = await run_in_threadpool(answer, request)
        except ImageError as error:
            return _problem(404, error)
        except FinegoldError as error:
            return _problem(400, error)
        if isinstance(found, Response):
            return found
        return Response(json.dumps(found, default=str), media_type="application/json")

    return endpoint


def _problem(status: int, error: BaseException) -> Response:
    return JSONResponse({"error": str(error)}, status_code=status)


async def _unexpected(_: Request, error: Exception) -> Response:
    return _problem(500, RuntimeError(f"unexpected {type(error).__name__}: {error}"))


def _file(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(_: Request) -> Response:
        return _sent(FILES[name])

    return endpoint


async def _static(request: Request) -> Response:
    path = FILES.get(request.path_params["name"])
    return PlainTextResponse("There is no such file.", status_code=404) if path is None else _sent(path)


def _sent(path: Path) -> Response:
    return Response(path.read_bytes(), media_type=MEDIA[path.suffix])


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise DataError(f"the address says {name}={text[:40]}, expected a whole number from 0 on")
    return int(text)
