"""A server on loopback: a hub that gives and takes datasets, and plain files; ETags, ranges and faults."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, unquote, urlsplit

from tests.loopback import answering

COMMIT = "a" * 40


def rows(count: int, start: int = 0) -> bytes:
    """LLaVA rows `r0`, `r1` and so on, each with its image `0.jpg`, `1.jpg`."""
    return json.dumps(
        [
            {
                "id": f"r{number}",
                "image": f"{number}.jpg",
                "conversations": [
                    {"from": "human", "value": "<image>\nWhat is it?"},
                    {"from": "gpt", "value": f"It is thing number {number}."},
                ],
            }
            for number in range(start, start + count)
        ]
    ).encode()


@dataclass
class RemoteServer:
    """What the server has and what it was asked.

    Attributes:
        repositories: Files of each hub dataset, by `OWNER/NAME`.
        files: Plain files by path.
        commit: The commit that every dataset is at.
        tags: Names of that commit beside `main`.
        refused: Datasets and paths that answer 403.
        cut: Bytes after which the answer to a GET of a file breaks off; None to send all.
        stalled: Whether it stops in the middle instead, and the connection stays open.
        ranges: Whether ranges are served.
        requests: `METHOD PATH RANGE` of each request.
        private: Whether each repository that was made here is private.
        objects: Large files that were sent, by sha256, before a commit names them.
        broken: Whether large files are refused.
    """

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    commit: str = COMMIT
    tags: tuple[str, ...] = ()
    refused: set[str] = field(default_factory=set)
    cut: int | None = None
    stalled: bool = False
    ranges: bool = True
    requests: list[str] = field(default_factory=list)
    private: dict[str, bool] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    broken: bool = False
    url: str = ""

    def sent(self, method: str) -> list[str]:
        """The requests of a method."""
        return [line for line in self.requests if line.startswith(method)]


@contextmanager
def serving(server: RemoteServer) -> Iterator[RemoteServer]:
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            self.form = self.rfile.read(length)
            if self._take(unquote(urlsplit(self.path).path)):
                return
            self._answer(body=True)

        def do_PUT(self) -> None:
            server.requests.append(f"PUT {self.path}")
            content = self.rfile.read(int(self.headers["Content-Length"]))
            if server.broken:
                return self._json(403, {"error": "refused"})
            digest = self.path.rpartition("/")[2]
            assert hashlib.sha256(content).hexdigest() == digest
            server.objects[digest] = content
            return self._json(200, {})

        def _take(self, path: str) -> bool:
            """Answer a request of an upload; False if it is none."""
            name = path.removeprefix("/api/datasets/").rpartition("/")[0].rpartition("/")[0]
            if path == "/api/repos/create":
                made = json.loads(self.form)
                repository = f"{made['organization']}/{made['name']}"
                if repository in server.refused:
                    self._json(403, {"error": "You may not write here"})
                    return True
                server.private[repository] = made.get("private", made.get("visibility") == "private")
                server.repositories.setdefault(repository, {})
                self._json(200, {"url": f"{server.url}/datasets/{repository}"})
            elif path == "/api/validate-yaml":
                self._json(200, {"errors": [], "warnings": []})
            elif path.endswith(".git/info/lfs/objects/batch"):
                asked = json.loads(self.form)["objects"]
                links = [{"href": f"{server.url}/upload/{one['oid']}"} for one in asked]
                objects = [
                    one | {"actions": {"upload": link}} for one, link in zip(asked, links, strict=True)
                ]
                self._json(200, {"transfer": "basic", "objects": objects})
            elif "/preupload/" in path:
                files = [
                    {
                        "path": one["path"],
                        "uploadMode": "lfs" if one["path"].endswith((".png", ".parquet")) else "regular",
                        "shouldIgnore": False,
                    }
                    for one in json.loads(self.form)["files"]
                ]
                self._json(200, {"files": files})
            elif "/commit/" in path:
                self._commit(name)
            else:
                return False
            server.requests.append(f"POST {path}")
            return True

        def _commit(self, repository: str) -> None:
            files = server.repositories[repository]
            for line in self.form.splitlines():
                step = json.loads(line)
                value = step["value"]
                if step["key"] == "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                elif step["key"] == "lfsFile":
                    files[value["path"]] = server.objects[value["oid"]]
            url = f"{server.url}/datasets/{repository}/commit/{server.commit}"
            self._json(200, {"commitUrl": url, "commitOid": server.commit, "success": True})

        def _answer(self, *, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            server.requests.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
            if path.startswith("/api/datasets/"):
                return self._api(path.removeprefix("/api/datasets/"))
            if path.startswith("/datasets/"):
                owner, name, _, _, file = path.removeprefix("/datasets/").split("/", 4)
                if f"{owner}/{name}" in server.refused:
                    return self._json(403, {"error": "refused"})
                content = server.repositories.get(f"{owner}/{name}", {}).get(file)
            else:
                if path in server.refused:
                    return self._json(403, {})
                content = server.files.get(path)
            if content is None:
                return self._json(404, {}, {"X-Error-Code": "EntryNotFound"})
            return self._file(content, body=body)

        def _file(self, content: bytes, *, body: bool) -> None:
            start, end, status = 0, len(content), 200
            wanted = self.headers.get("Range")
            if wanted and server.ranges:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                start, end, status = int(first), min(int(last or end) + 1, end), 206
            self.send_response(status)
            self.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", server.commit)
            self.send_header("Content-Length", str(end - start))
            if status == 206:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(content)}")
            if server.ranges:
                self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            if not body:
                return
            sent = content[start:end]
            if server.stalled:
                self.wfile.write(sent[: len(sent) // 2])
                over.wait(60)
                self.close_connection = True
                return
            if server.cut is not None and server.cut < start + len(sent):
                self.wfile.write(sent[: max(server.cut - start, 0)])
                self.close_connection = True
                self.connection.close()
                return
            self.wfile.write(sent)

        def _api(self, rest: str) -> None:
            owner, name, *more = rest.split("/")
            repository = f"{owner}/{name}"
            if repository in server.refused:
                return self._json(403, {}, {"X-Error-Code": "GatedRepo"})
            if repository not in server.repositories:
                return self._json(404, {}, {"X-Error-Code": "RepoNotFound"})
            files = server.repositories[repository]
            revision = more[1] if len(more) > 1 else "main"
            if revision not in ("main", server.commit, *server.tags):
                return self._json(404, {}, {"X-Error-Code": "RevisionNotFound"})
            if not more or more[0] == "revision":
                return self._json(200, {"id": repository, "sha": server.commit, "tags": [], "siblings": []})
            if more[0] == "paths-info":
                text = self.form.decode()
                paths = json.loads(text)["paths"] if text.startswith("{") else parse_qs(text)["paths"]
                return self._json(200, [found for path in paths for found in self._entries(files, path)])
            assert more[0] == "tree"
            folder = "/".join(more[2:])
            query = parse_qs(urlsplit(self.path).query)
            recursive = query.get("recursive", ["false"])[0].lower() == "true"
            prefix = f"{folder}/" if folder else ""
            inside = [file for file in files if file.startswith(prefix)]
            names = {prefix + file.removeprefix(prefix).split("/")[0] for file in inside}
            if recursive:
                names |= set(inside)
            if not names:
                return self._json(404, {}, {"X-Error-Code": "EntryNotFound"})
            return self._json(200, [found for path in sorted(names) for found in self._entries(files, path)])

        def _entries(self, files: dict[str, bytes], path: str) -> list[dict[str, object]]:
            if path in files:
                oid = hashlib.sha1(files[path]).hexdigest()
                return [{"type": "file", "path": path, "size": len(files[path]), "oid": oid}]
            if any(file.startswith(f"{path}/") for file in files):
                return [{"type": "directory", "path": path, "oid": "0" * 40}]
            return []

        def _json(self, status: int, value: object, headers: dict[str, str] | None = None) -> None:
            content = json.dumps(value).encode()
            self.send_response(status)
            for key, text in (headers or {}).items():
                self.send_header(key, text)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

    with answering(Handler, over.set) as server.url:
        yield server
