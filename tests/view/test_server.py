"""Who is answered: the page at the printed address, and nobody else; and what a path of the browser opens."""

import http.client
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest
from tests.view.conftest import TOKEN, Client

from finegold.view import open_view

PLACES = ("/", "/api/about", "/api/rows", "/api/row/1", "/thumbnail/1/0", "/image/1/0", "/static/main.js")


@pytest.mark.parametrize("path", PLACES)
def test_nothing_is_answered_without_the_token(client: Client, path: str) -> None:
    for token in ("", "wrong", TOKEN[:-1], TOKEN + "x"):
        status, body, headers = client.send(path, token=token)
        assert status == 403
        assert b"finegold view` printed" in body
        assert "Set-Cookie" not in headers
    assert client.send(path)[0] == 200


def test_the_printed_address_sets_a_cookie_that_scripts_and_other_sites_cannot_use(client: Client) -> None:
    status, body, headers = client.send(f"/?token={TOKEN}", token="")
    assert status == 200
    assert b"<!doctype html>" in body
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert client.send("/api/about", token="", Cookie=cookie.partition(";")[0])[0] == 200
    assert TOKEN not in body.decode()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.evil.example", "[::1]:1", "localhost"]
)
def test_a_name_that_another_site_resolves_to_this_machine_is_refused(client: Client, host: str) -> None:
    assert client.send("/api/about", Host=host)[0] == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "https://127.0.0.1", "null", "http://127.0.0.1:1"])
def test_a_request_of_another_page_is_refused(client: Client, origin: str) -> None:
    assert client.send("/api/about", Origin=origin)[0] == 403


def test_a_change_says_where_it_comes_from(client: Client) -> None:
    _, _, headers = client.send(f"/?token={TOKEN}", token="")
    cookie = headers["set-cookie"].partition(";")[0]
    assert client.send("/api/marks", {}, token="", Cookie=cookie)[0] == 403
    assert client.send("/api/marks", {}, token="", Cookie=cookie, Origin="http://evil.example")[0] == 403
    assert client.send("/api/about", method="DELETE")[0] == 405


@pytest.mark.parametrize(
    "path",
    [
        "/static/..%2fserver.py",
        "/static/%2e%2e/server.py",
        "/static/../server.py",
        "/static/%2Fetc%2Fpasswd",
        "/static/server.py",
        "/thumbnail/..%2f..%2fetc/0",
        "/image/1/-1",
        "/image/1/99",
        "/image/999999/0",
        "/api/row/99999999999999999999",
        "/api/row/../../etc/passwd",
        "/../../etc/passwd",
    ],
)
def test_a_path_opens_nothing(client: Client, path: str) -> None:
    """As it stands, without the tidying that clients do."""
    host, _, port = client.origin.removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.putrequest("GET", path, skip_accept_encoding=True)
    connection.putheader("Authorization", f"Bearer {TOKEN}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert answer.status in (400, 404)
    assert b"root:" not in body
    assert b"import" not in body


@pytest.mark.parametrize("name", ["../../../etc", "/etc", "..", "selection.json", "%00", "a/b"])
def test_a_selection_is_one_of_the_list(client: Client, name: str) -> None:
    status, body, _ = client.send(f"/api/about?selection={name}")
    assert status == 400
    assert b"has no selection" in body


@pytest.mark.parametrize(
    "query",
    [
        "sort=sample_id;DROP%20TABLE%20rows",
        "f.clip%22)%20OR%201=1%20--=1..2",
        "f.nothing=1..2",
        "f.taste=1",
        "f.taste=a..b",
        "f.taste=nan..1",
        "area=1,2,3",
        "area=a,b,c,d,e,f",
        "area=1,2,3,4,inf,6",
        "start=-1",
        "number=ten",
    ],
)
def test_what_an_address_cannot_mean_is_said(client: Client, query: str) -> None:
    status, body, _ = client.send(f"/api/rows?{query}")
    assert status == 400
    assert b"the a" in body.lower()
    assert client.get("/api/rows?count=1")["total"] == 90


def test_every_answer_forbids_what_the_page_does_not_need(client: Client) -> None:
    for path in PLACES:
        _, _, headers = client.send(path)
        lower = {name.lower(): value for name, value in headers.items()}
        assert "default-src 'none'" in lower["content-security-policy"]
        assert "unsafe" not in lower["content-security-policy"]
        assert lower["x-content-type-options"] == "nosniff"
        assert lower["referrer-policy"] == "no-referrer"


def test_a_second_view_of_a_run_is_told_and_may_look_read_only(client: Client, run_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "finegold", "view", str(run_folder), "--no-browser"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": ":".join(sys.path)},
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert re.search(r"another process is writing to .*look with --read-only", done.stderr, re.DOTALL)
    with open_view(run_folder, read_only=True) as server:
        assert server.address.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_its_address_and_ends_when_asked(
    run_folder: Path, how: signal.Signals, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "finegold", "view", str(run_folder), "--no-browser", "--read-only"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": ":".join(sys.path), "TMPDIR": str(tmp_path)},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        # A view that keeps its address to itself would hold the suite for ever.
        guard = Timer(120, process.kill)
        guard.start()
        line = process.stdout.readline()
        guard.cancel()
        found = re.search(r"http://127\.0\.0\.1:\d+/\?token=(\S{20,})", line)
        assert found, line + process.stderr.read()
        assert Client(found[0]).send("/api/about", token=found[1])[0] == 200
        assert list(tmp_path.iterdir())
        process.send_signal(how)
        process.wait(30)
        assert process.returncode == 0
        assert "Traceback" not in process.stderr.read()
        assert not list(tmp_path.iterdir())
