"""The LLM client against its bound: calls of a fixed latency, at a fixed concurrency, on loopback.

The bound is latency x ceil(calls / concurrency). The server is a process of its own that answers each request
after the latency with bytes made beforehand and does no more; its processor time is shown apart. The clock
starts after one call, when everything is imported; 63 of the 64 connections are opened while it runs.

    python benchmarks/llm_client.py --calls 2000 --latency 0.1 --concurrency 64
"""

import argparse
import asyncio
import json
import math
import multiprocessing
import os
import resource
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from pydantic import SecretStr

from finegold.llm import Endpoint, Session, map_bounded
from finegold.llm.rating import rating_request
from finegold.llm.request import ChatRequest

_CAPTION = "A brown dog runs over wet sand beside the sea while a child in a red coat watches it. " * 4
_BODY = json.dumps({
    "model": "fixed",
    "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": '{"score": 88}'}}],
    "usage": {"prompt_tokens": 400, "completion_tokens": 12},
}).encode()  # fmt: skip
_RESPONSE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(_BODY) + _BODY
)


class _Answerer(asyncio.Protocol):
    latency = 0.1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.seen = transport, b""

    def data_received(self, data: bytes) -> None:
        self.seen += data
        head, found, body = self.seen.partition(b"\r\n\r\n")
        if not found:
            return
        start = head.lower().index(b"content-length:") + 15
        if len(body) >= int(head[start:].split(b"\r\n")[0]):
            self.seen = b""
            asyncio.get_running_loop().call_later(self.latency, self.transport.write, _RESPONSE)


def _serve(latency: float, pipe: Connection) -> None:
    async def main() -> None:
        _Answerer.latency = latency
        server = await asyncio.get_running_loop().create_server(_Answerer, "127.0.0.1", 0, backlog=1024)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def _request(number: int) -> ChatRequest:
    return rating_request(
        "Describe this image in detail.", f"{number}. {_CAPTION}", None,
        model="fixed", temperature=0.0, max_tokens=256, structured=True,
    )  # fmt: skip


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _seconds(of: int) -> float:
    used = resource.getrusage(of)
    return used.ru_utime + used.ru_stime


async def _ask_all(session: Session, calls: int, concurrency: int) -> tuple[float, float, float, float]:
    """Wall seconds, processor seconds, peak MiB after a quarter of the calls and after all."""
    client = await session.open()
    await client.complete(_request(-1))
    started, used = time.perf_counter(), _seconds(resource.RUSAGE_SELF)
    count, quarter = 0, 0.0

    async def complete(request: ChatRequest) -> None:
        nonlocal count, quarter
        await client.complete(request)
        count += 1
        if count == calls // 4:
            quarter = _peak_mib()

    await map_bounded(complete, map(_request, range(calls)), concurrency=concurrency)
    wall, used = time.perf_counter() - started, _seconds(resource.RUSAGE_SELF) - used
    await client.close()
    return wall, used, quarter, _peak_mib()


def _run(calls: int, latency: float, concurrency: int) -> tuple[float, ...]:
    """One row of the table, from a new server and an empty cache."""
    ours, theirs = multiprocessing.Pipe()
    served = _seconds(resource.RUSAGE_CHILDREN)
    server = multiprocessing.Process(target=_serve, args=(latency, theirs), daemon=True)
    server.start()
    endpoint = Endpoint(f"http://127.0.0.1:{ours.recv()}/v1", SecretStr("none"), concurrency=concurrency)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(endpoint, cache=Path(folder) / "llm.sqlite3", audit=Path(folder) / "audit.jsonl")
        wall, used, quarter, end = asyncio.run(_ask_all(session, calls, concurrency))
    server.terminate()
    server.join()
    served = _seconds(resource.RUSAGE_CHILDREN) - served
    bound = math.ceil(calls / concurrency) * latency
    return wall, bound, wall / bound, used / calls * 1e3, served / calls * 1e3, quarter, end


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    print(f"{args.calls:,} calls of {args.latency:g} s, {args.concurrency} at once, on {cores} cores")
    names = ("wall s", "bound s", "ratio", "client ms/call", "server ms/call")
    peaks = (f"MiB at {args.calls // 4:,}", f"MiB at {args.calls:,}")
    print("  ".join(f"{name:>14}" for name in (*names, *peaks)))
    for _ in range(args.runs):
        row = _run(args.calls, args.latency, args.concurrency)
        digits = (2, 2, 3, 2, 2, 1, 1)
        print("  ".join(f"{value:>14.{n}f}" for value, n in zip(row, digits, strict=True)), flush=True)


if __name__ == "__main__":
    main()
