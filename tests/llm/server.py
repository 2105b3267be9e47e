"""A scripted OpenAI-compatible HTTP server on loopback: real sockets, any misbehaviour on demand."""

import asyncio
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Ask:
    """One HTTP request as it arrived."""

    body: dict[str, Any]
    headers: dict[str, str]
    number: int
    tries: int
    time: float

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")

    @property
    def text(self) -> str:
        """All message text, pictures left out."""
        found = []
        for message in self.body["messages"]:
            content = message["content"]
            parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
            found += [part["text"] for part in parts if part["type"] == "text"]
        return "\n".join(found)

    @property
    def compares(self) -> bool:
        """Whether two answers are to be compared, and not one to be rated.

        The space counts: behind the label of a single answer stands its marker, which may begin with a 1.
        """
        return "<<<ANSWER 1 " in self.text

    def chance(self, salt: str = "") -> float:
        """A number in [0, 1) that depends on the call and on how often it was tried, not on timing."""
        digest = hashlib.sha256(f"{salt}/{self.key}/{self.tries}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64


@dataclass(frozen=True)
class Answer:
    """What the server does with a request.

    Attributes:
        delay: Seconds before the answer.
        cut: Close the connection after that many bytes of the body.
        bills: Whether an endpoint would charge for it.
        raw: The whole response as bytes, in place of status, headers and body.
        pieces: The body of an event stream, piece by piece, in place of `body`; an event is waited for.
    """

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: int | None = None
    bills: bool = False
    raw: bytes | None = None
    pieces: Sequence[bytes | threading.Event] = ()


Script = Callable[[Ask], Answer]


def streamed(*pieces: str | threading.Event, usage: bool = True) -> Answer:
    """A well-formed chat completion as an event stream, a chunk for each text."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted-1"}
    chunks: list[dict[str, Any] | threading.Event] = [
        piece
        if isinstance(piece, threading.Event)
        else head | {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        for piece in pieces
    ]
    chunks.append(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if usage:
        counts = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        chunks.append(head | {"choices": [], "usage": counts})
    lines = [
        one
        if isinstance(one, threading.Event)
        else f"data: {json.dumps(one, ensure_ascii=False)}\n\n".encode()
        for one in chunks
    ]
    return Answer(b"", pieces=(*lines, b"data: [DONE]\n\n"), bills=True)


def completion(text: str | None, *, finish: str = "stop", delay: float = 0.0, usage: bool = True) -> Answer:
    """A well-formed chat completion."""
    body: dict[str, Any] = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted-1",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
    }
    if usage:
        body["usage"] = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return Answer(json.dumps(body).encode(), delay=delay, bills=True)


def error(status: int, message: str = "no", **headers: str) -> Answer:
    """An error in OpenAI's format."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(json.dumps({"error": {"message": message}}).encode(), status, named)


class FakeServer:
    """Runs a script in a thread. `with FakeServer(script) as server: ... server.url`.

    Attributes:
        asks: Every request, in order of arrival.
        peak: Most requests that were being answered at once.
        charged: Whole replies delivered, by idempotency key: what an endpoint would bill.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asks: list[Ask] = []
        self.charged: Counter[str] = Counter()
        self.peak = 0
        self.url = ""
        self._live = 0
        self._tries: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=512), self._loop
        ).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _stream(self, writer: asyncio.StreamWriter, pieces: Sequence[bytes | threading.Event]) -> None:
        writer.write(b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for piece in pieces:
            if isinstance(piece, threading.Event):
                await asyncio.to_thread(piece.wait, 60)
            else:
                writer.write(piece)
                await writer.drain()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in head[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        key = headers.get("idempotency-key", "")
        ask = Ask(body, headers, len(self.asks), self._tries[key], time.monotonic())
        self._tries[key] += 1
        self.asks.append(ask)
        answer = self.script(ask)
        self._live += 1
        self.peak = max(self.peak, self._live)
        try:
            await asyncio.sleep(answer.delay)
        finally:
            self._live -= 1
        if answer.pieces:
            await self._stream(writer, answer.pieces)
            self.charged[key] += 1
            return False
        lines = [f"HTTP/1.1 {answer.status} X", f"content-length: {len(answer.body)}"]
        lines += ["content-type: application/json", *(f"{n}: {v}" for n, v in answer.headers.items())]
        start = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
        writer.write(start + answer.body[: answer.cut] if answer.raw is None else answer.raw)
        await writer.drain()
        if answer.bills:
            self.charged[key] += 1
        return answer.cut is None and answer.raw is None
