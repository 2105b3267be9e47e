"""The site: built without a warning, no broken link, and whole in a browser."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import pytest

import finegold

ROOT = Path(__file__).parents[2]
SEEN = ("", "tutorial/", "pick/", "exclusions/", "api/", "glossary/", "faq/", "results/", "architecture/")
"""Pages that are opened in the browser."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The site on loopback: its search does not work from files."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_api_is_on_the_site(site: Path) -> None:
    page = (site / "api/index.html").read_text(encoding="utf-8")
    assert all(f'id="{name.lower()}"' in page for name in finegold.__all__ if name != "__version__")
    assert "Open a run folder." in page


def test_no_link_and_no_image_of_the_site_is_broken(site: Path) -> None:
    texts = {page: page.read_text(encoding="utf-8") for page in site.rglob("*.html")}
    assert len(texts) > 30
    broken = []
    for page, text in texts.items():
        here = page.relative_to(site).as_posix().removesuffix("index.html")
        for target in re.findall(r'(?:href|src)="([^"]+)"', text):
            if re.match(r"(https?:|mailto:|data:)", target) or page.name == "404.html":
                continue
            path, anchor = urldefrag(urljoin(f"/{here}", target.replace("&amp;", "&")))
            found = site / unquote(path).lstrip("/")
            found = found / "index.html" if found.is_dir() else found
            there = found.is_file()
            if there and anchor and found in texts:
                there = f'id="{unquote(anchor)}"' in texts[found] or anchor == "__skip"
            if not there:
                broken.append(f"{here} -> {target}")
    assert not broken


@pytest.mark.parametrize("name", SEEN)
def test_a_page_opens_in_silence_and_fits_a_phone(browser: Any, address: str, name: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page = context.new_page()
    noise: list[str] = []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith((address, "data:")) else noise.append(one.url))
    page.on("response", lambda one: None if one.ok or one.status == 304 else noise.append(one.url))
    page.goto(address + name)
    assert page.evaluate("document.body.getAttribute('data-md-color-scheme')") == "slate"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    empty = "[...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)"
    assert page.evaluate(empty) == []
    context.close()
    assert not noise


def test_the_search_finds_a_word(browser: Any, address: str) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address)
    page.locator("input.md-search__input").fill("fingerprint")
    page.wait_for_selector(".md-search-result__item")
    titles = page.locator(".md-search-result__item h1").all_inner_texts()
    assert {"Glossary", "The run folder"} & set(titles)
    context.close()
