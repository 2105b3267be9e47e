"""The answers to what the page of models asks: images, prompts, and the page of a conversation."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from io import BytesIO
from queue import Empty
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from finegold.errors import DataError
from finegold.models import Sampling
from finegold.report.html import html_bytes
from finegold.samples import Exclusion, ImageRef
from finegold.view.answers import Answers, body_of, download
from finegold.view.conversations import AskedModels, PartialAnswer, Replies

PAUSE: Final = 0.03
"""Seconds between two looks for an answer."""
MOST: Final = 1e15
"""What every number of a setting is below."""


class Asking:
    """Answers about models, each a function of a request that runs in a thread."""

    def __init__(self, models: AskedModels, rows: Answers | None) -> None:
        """Take the models, and the answers about rows, whose images they are asked about."""
        self._models, self._rows = models, rows

    def named(self, request: Request) -> dict[str, Any]:
        """The position of the row with an id; of several the one that can be used."""
        name = request.query_params.get("id", "")
        found = self._need_rows().pool.query(
            "SELECT row FROM rows WHERE sample_id = ? ORDER BY usable DESC, row LIMIT 1", [name]
        )
        if not found:
            raise DataError(f"the run has no row '{name[:80]}': write an id as the grid shows it")
        return {"row": int(found[0][0])}

    def image(self, request: Request) -> dict[str, str]:
        """Hold an image that the browser sends, in memory alone."""
        key, small = self._models.hold(request.query_params.get("name", ""), request.state.body)
        return {"image": key, "shown": f"data:image/jpeg;base64,{b64encode(small).decode()}"}

    def ask(self, request: Request) -> Response:
        """Put a prompt to the models; their answers come as JSON lines, so far as they are there.

        The first prompt names a row or an image that is held, and how tokens are chosen; further ones name
        the conversation.
        """
        said = body_of(request)
        prompt, key = said.get("prompt"), said.get("conversation")
        if not isinstance(prompt, str):
            raise DataError("a prompt is text: write one")
        if key is None:
            key = self._models.begin(
                self._image(said), _sampling(said), separate=said.get("separate") is True
            )
        if not isinstance(key, str):
            raise DataError("a conversation is named by its key: begin a new one")
        lines = self._lines(key, self._models.ask(key, prompt))
        return StreamingResponse(lines, media_type="application/x-ndjson")

    def page(self, request: Request) -> Response:
        """The page of a conversation, for the browser to save."""
        page = html_bytes(self._models.page(request.path_params["key"]))
        return download(BytesIO(page), "models.html")

    def _image(self, said: dict[str, Any]) -> ImageRef:
        row, number, key = said.get("row"), said.get("number", 0), said.get("image")
        if isinstance(key, str):
            return self._models.held(key)
        if type(row) is not int or type(number) is not int:
            raise DataError("the prompt has no image: take a row or drop an image")
        return self._need_rows().pictures.ref(row, number)

    def _need_rows(self) -> Answers:
        if self._rows is None:
            raise DataError("this view has no run, so it has no rows: drop an image")
        return self._rows

    async def _lines(self, key: str, replies: Replies) -> AsyncIterator[str]:
        yield json.dumps({"conversation": key}) + "\n"
        growing: dict[int, str] = {}
        while not self._models.stopped():
            try:
                reply = replies.get_nowait()
            except Empty:
                # Not each token: where they come faster, what is there now.
                for at, text in growing.items():
                    yield json.dumps({"model": at, "so_far": text}) + "\n"
                growing.clear()
                await asyncio.sleep(PAUSE)
                continue
            if reply is None:
                return
            at, answer = reply
            if isinstance(answer, PartialAnswer):
                growing[at] = answer.text
                continue
            growing.pop(at, None)
            what = {"why": answer.reason} if isinstance(answer, Exclusion) else {"answer": answer}
            yield json.dumps({"model": at, **what}) + "\n"


def _sampling(said: dict[str, Any]) -> Sampling:
    given: dict[str, Any] = {}
    for name, default in (("max_new_tokens", 256), ("temperature", 0.0), ("top_p", 1.0), ("seed", 0)):
        value = said.get(name, default)
        whole = type(default) is int
        if type(value) not in ((int,) if whole else (int, float)) or not abs(value) < MOST:
            raise DataError(f"{name.replace('_', ' ')} is no {'whole ' if whole else ''}number: write one")
        given[name] = value if whole else float(value)
    return Sampling(**given)
