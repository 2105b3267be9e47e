"""The LLM client against its bound: calls of a fixed latency, at a fixed concurrency, on loopback.

The bound is latency x ceil(calls / concurrency). The server is a process of its own that answers each request
after the latency and does no more, so that it takes little of the client's time.

    python benchmarks/llm_client.py --calls 2000 --latency 0.1 --concurrency 64
"""

import argparse
import asyncio
import json
import math
import multiprocessing
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


async def _run(session: Session, calls: int, concurrency: int) -> dict[str, float]:
    client = await session.open()
    await client.complete(_request(-1))
    peaks = []
    started, cpu = time.perf_counter(), time.process_time()
    count = 0
    async for _ in map_bounded(client.complete, map(_request, range(calls)), concurrency=concurrency):
        count += 1
        if count in (calls // 4, calls):
            peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
    await client.close()
    bound = math.ceil(calls / concurrency)
    return {"calls": count, "wall_s": wall, "rounds": bound, "cpu_ms_a_call": cpu / calls * 1e3,
            "peak_mib_at_a_quarter": peaks[0], "peak_mib_at_the_end": peaks[1]}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--concurrency", type=int, default=64)
    args = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=_serve, args=(args.latency, theirs), daemon=True)
    server.start()
    endpoint = Endpoint(f"http://127.0.0.1:{ours.recv()}/v1", SecretStr("none"), concurrency=args.concurrency)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(endpoint, cache=Path(folder) / "llm.sqlite3", audit=Path(folder) / "audit.jsonl")
        found = asyncio.run(_run(session, args.calls, args.concurrency))
    server.terminate()
    found["ideal_s"] = found.pop("rounds") * args.latency
    found["ratio"] = found["wall_s"] / found["ideal_s"]
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()
