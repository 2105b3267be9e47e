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

from finegold.errors import FinegoldError, RunError
from finegold.report.html import BASE_STYLE
from finegold.samples.exclusions import ImageError
from finegold.view.answers import Answers, about_nothing
from finegold.view.asking import Asking
from finegold.view.conversations import AskedModels
from finegold.view.guard import IMAGES
from finegold.view.results import Results

STATIC = Path(__file__).parent / "static"
MEDIA = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
FILES = {path.name: path for path in (*STATIC.iterdir(), BASE_STYLE) if path.suffix in MEDIA}
"""The files of the page, with the style sheet of the reports: no other is ever sent."""

Answer = Callable[[Request], Any]


def make_application(answers: Answers | None, results: Results, models: AskedModels) -> Starlette:
    """The application, without the guard before it; a view without a run has no answers about rows."""
    asking = Asking(models, answers)

    def get(path: str, answer: Answer) -> Route:
        return Route(path, _answering(answer), methods=["GET"])

    def post(path: str, answer: Answer) -> Route:
        return Route(path, _answering(answer), methods=["POST"])

    def about(request: Request) -> dict[str, Any]:
        found = about_nothing(models.names) if answers is None else answers.about(request)
        return {**found, **results.about()}

    of_rows = [get("/api/rows", lambda _: {"rows": [], "start": 0, "total": 0})]
    if answers is not None:
        of_rows = [
            get("/api/rows", answers.rows),
            get("/api/facets", answers.facets),
            get("/api/map", answers.map),
            get("/api/row/{row:int}", answers.row),
            get("/api/row/{row:int}/nearest", answers.nearest),
            get("/api/row/{row:int}/record", answers.record),
            get("/api/selections", answers.selections),
            get("/api/difference", answers.compare),
            get("/export/{kind}", answers.export),
            post("/api/marks", answers.mark),
            post("/api/undo", answers.undo),
            post("/api/choose", answers.choose),
            get("/api/named", asking.named),
            get("/thumbnail/{row:int}/{image:int}", answers.thumbnail),
            get("/image/{row:int}/{image:int}", answers.image),
        ]
    return Starlette(
        routes=[
            Route("/", _file("index.html"), methods=["GET"]),
            Route("/static/{name}", _static, methods=["GET"]),
            get("/api/about", about),
            get("/api/study/{number:int}", results.study),
            get("/api/judged/{number:int}", results.pair),
            get("/study/{number:int}/{at:int}", results.study_image),
            get("/judged/{number:int}/{at:int}", results.judged_image),
            post(IMAGES, asking.image),
            post("/api/ask", asking.ask),
            get("/conversation/{key}", asking.page),
            *of_rows,
        ],
        exception_handlers={Exception: _unexpected},
    )


def _answering(answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that answers in a thread, with JSON unless the answer is a response already."""

    async def endpoint(request: Request) -> Response:
        try:
            request.state.body = await request.body()
            found = await run_in_threadpool(answer, request)
        except ImageError as error:
            return _problem(404, error)
        except FinegoldError as error:
            return _problem(400, error)
        except OSError as error:
            where, why = error.filename or "a file", error.strerror or type(error).__name__
            said = f"{where} cannot be read or written ({why}): check the path and the disk, then try again"
            return _problem(500, RunError(said))
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
