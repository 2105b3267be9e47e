"""A small S3-like store on loopback: signed requests, ranges, paged listings, conditional writes."""

import hashlib
import importlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

import pytest
from tests.loopback import answering

KEY = "loopback"
PAGE = 3
"""Names in one answer to a listing."""


@dataclass
class S3Server:
    """What the store has and what it was asked.

    Attributes:
        buckets: Objects of each bucket by key.
        requests: `METHOD PATH RANGE` of each request.
        silent: Whether requests get no answer.
        stalled: Whether the content of an object stops in its middle, and the connection stays open.
        busy: How many of the next requests for an object are answered with 503 SlowDown.
        conditions: Whether `If-None-Match` is heeded.
        broken_after: Number of objects that are taken until the connection of each further one is closed.
    """

    buckets: dict[str, dict[str, bytes]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)
    stalled: bool = False
    busy: int = 0
    conditions: bool = True
    broken_after: int | None = None
    page: int = PAGE
    url: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def downloads(self) -> list[str]:
        """The requests for the content of an object."""
        return [line for line in self.requests if line.startswith("GET") and line.count("/") > 1]


def access(server: S3Server) -> dict[str, str]:
    """The environment in which s3fs asks a store that is served."""
    keys = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": "secret"}
    return {**keys, "AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": server.url}


@contextmanager
def reachable_s3(server: S3Server, patch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """The store, served, and found by s3fs in the environment."""
    filesystem = importlib.import_module("s3fs").S3FileSystem
    with serving_s3(server):
        for name, value in access(server).items():
            patch.setenv(name, value)
        filesystem.clear_instance_cache()
        yield server
    filesystem.clear_instance_cache()


@contextmanager
def serving_s3(server: S3Server) -> Iterator[S3Server]:
    """The store, answering on a port of its own."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            path = unquote(parts.path)
            server.requests.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
            self.sent = self._body()
            if server.silent.is_set():
                over.wait(60)
                self.close_connection = True
                return None
            if f"Credential={KEY}/" not in self.headers.get("Authorization", ""):
                return self._error(403, "AccessDenied")
            bucket, _, key = path.lstrip("/").partition("/")
            if bucket not in server.buckets:
                return self._error(404, "NoSuchBucket")
            objects = server.buckets[bucket]
            if not key:
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                return self._list(bucket, objects, query)
            if server.busy:
                server.busy -= 1
                return self._error(503, "SlowDown")
            if self.command == "PUT":
                return self._put(objects, key)
            if self.command == "DELETE":
                objects.pop(key, None)
                return self._xml(204, "")
            if key not in objects:
                return self._error(404, "NoSuchKey")
            return self._object(objects[key])

        def _body(self) -> bytes:
            """The content of a request, which s3fs may send in signed pieces."""
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not self.headers.get("x-amz-content-sha256", "").startswith("STREAMING"):
                return content
            found, left = b"", content
            while left:
                head, _, left = left.partition(b"\r\n")
                size = int(head.split(b";")[0], 16)
                found, left = found + left[:size], left[size + 2 :]
                if not size:
                    break
            return found

        def _put(self, objects: dict[str, bytes], key: str) -> None:
            if server.broken_after is not None:
                if server.broken_after == 0:
                    self.close_connection = True
                    self.connection.close()
                    return None
                server.broken_after -= 1
            with server.lock:
                if server.conditions and self.headers.get("If-None-Match") == "*" and key in objects:
                    return self._error(412, "PreconditionFailed")
                objects[key] = self.sent
            self.send_response(200)
            self.send_header("ETag", f'"{hashlib.md5(self.sent).hexdigest()}"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None

        def _object(self, content: bytes) -> None:
            start, end, wanted = 0, len(content), self.headers.get("Range")
            if wanted:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                start, end = int(first), min(int(last or end) + 1, end)
            sent = content[start:end]
            self.send_response(206 if wanted else 200)
            self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
            self.send_header("Last-Modified", formatdate(0, usegmt=True))
            self.send_header("Content-Length", str(len(sent)))
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
            self.end_headers()
            if self.command == "GET" and server.stalled:
                self.wfile.write(sent[: len(sent) // 2])
                over.wait(60)
                self.close_connection = True
            elif self.command == "GET":
                self.wfile.write(sent)

        def _list(self, bucket: str, objects: dict[str, bytes], query: dict[str, str]) -> None:
            prefix, mark = query.get("prefix", ""), query.get("delimiter", "")
            names: dict[str, bool] = {}
            for key in tuple(sorted(objects)):
                if key.startswith(prefix):
                    head, found, _ = key.removeprefix(prefix).partition(mark) if mark else ("", "", "")
                    names[prefix + head + found if found else key] = bool(found)
            after = query.get("continuation-token", query.get("start-after", ""))
            left = [name for name in names if name > after]
            page = left[: min(server.page, int(query.get("max-keys", server.page)))]
            items = "".join(
                f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>"
                if names[name]
                else f"<Contents><Key>{escape(name)}</Key><Size>{len(objects[name])}</Size>"
                f'<ETag>"{hashlib.md5(objects[name]).hexdigest()}"</ETag>'
                "<LastModified>1970-01-01T00:00:00.000Z</LastModified></Contents>"
                for name in page
            )
            more = len(left) > len(page)
            token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
            self._xml(
                200,
                f"<ListBucketResult><Name>{bucket}</Name><Prefix>{escape(prefix)}</Prefix>"
                f"<KeyCount>{len(page)}</KeyCount><IsTruncated>{str(more).lower()}</IsTruncated>{token}{items}"
                "</ListBucketResult>",
            )

        def _error(self, status: int, code: str) -> None:
            self._xml(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>")

        def _xml(self, status: int, text: str) -> None:
            content = f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode() if text else b""
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    with answering(Handler, over.set) as server.url:
        yield server
