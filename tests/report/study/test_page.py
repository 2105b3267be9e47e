"""The files of a study, and its page in a real browser."""

import json
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from finegold.errors import DataError
from finegold.report.study.findings import Findings
from finegold.report.study.page import FIRST, render_study, write_findings
from finegold.run import read_sealed, to_json

Made = Callable[..., Findings]
HOSTILE = " </title><script>document.title='taken'</script><img src=x onerror=alert(1)> {{ 7*7 }} & | \ud800"


@pytest.fixture(scope="module")
def folder(made_findings: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_findings(made_findings(folder), folder)
    return folder


def test_five_files_are_written_and_hold_the_findings(made_findings: Made, tmp_path: Path) -> None:
    findings = made_findings(tmp_path, HOSTILE)
    paths = write_findings(findings, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(paths)
    written = read_sealed(paths["findings.json"])
    assert written == json.loads(json.dumps(to_json(findings, "finegold/study/1")))


def test_a_failure_leaves_earlier_files_as_they_were(made_findings: Made, tmp_path: Path) -> None:
    findings = made_findings(tmp_path)
    paths = write_findings(findings, tmp_path / "out")
    before = {name: path.read_bytes() for name, path in paths.items()}
    with pytest.raises(DataError, match="judgement"):
        write_findings(replace(findings, name="other", judgements=({"a": "x"},)), tmp_path / "out")
    assert {name: path.read_bytes() for name, path in paths.items()} == before


def test_hostile_text_adds_no_element(made_findings: Made, tmp_path: Path) -> None:
    class Tags(HTMLParser):
        def __init__(self, page: str) -> None:
            super().__init__()
            self.found: list[str] = []
            self.ids: list[str] = []
            self.feed(page)

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.found.append(tag)
            self.ids += [value or "" for name, value in attrs if name == "id"]
            assert not any(name.startswith("on") for name, _ in attrs)

    plain, hostile = (Tags(render_study(made_findings(tmp_path, text))) for text in ("", HOSTILE))
    assert "script" not in hostile.found
    assert hostile.found.count("img") == plain.found.count("img") == 7
    assert len(set(hostile.ids)) == len(hostile.ids)
    assert "49" not in render_study(replace(made_findings(tmp_path, " {{ 7*7 }}"), questions=()))


def test_a_study_that_measured_nothing_makes_a_page(made_findings: Made, tmp_path: Path) -> None:
    page = render_study(replace(made_findings(tmp_path), questions=(), gains=(), examples=(), judgements=()))
    assert "Nothing was measured." in page
    assert "Main question" not in page


def visit(browser: Any, page_path: Path, width: int, scheme: str) -> tuple[Any, list[str]]:
    """The opened page, and everything that it said or asked for."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page, noise = context.new_page(), []
    page.on("console", lambda message: noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith("data:") or request.url == page_path.as_uri()
            else noise.append(request.url)
        ),
    )
    page.goto(page_path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
    return page, noise


@pytest.mark.parametrize(
    ("width", "scheme"), [(1280, "light"), (400, "light"), (1280, "dark"), (400, "dark")]
)
def test_page_is_silent_fits_and_shows_every_part(
    browser: Any, folder: Path, width: int, scheme: str
) -> None:
    page, noise = visit(browser, folder / "study.html", width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for part in ("main", "others", "gains", "judged", "examples", "cost", "notes", "how"):
        assert page.locator(f"#{part}").is_visible()
    for image in page.locator(".shown img").all():
        image.scroll_into_view_if_needed()
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    assert page.evaluate("[...document.images].filter((image) => !image.naturalWidth).length") == 0
    assert page.locator(".shown img").count() == page.locator(".shown > .no-image").count() == 7
    assert page.locator("#examples details .example").count() == 14 - FIRST
    assert page.locator("#main .panel svg.chart").count() == 2
    # Cells do not run over one another.
    overlaps = page.evaluate(
        """() => [...document.querySelectorAll("#main .arms tbody tr")].flatMap((row) => {
          const boxes = [...row.children].filter((cell) => cell.textContent.trim()).map((cell) => {
            const range = document.createRange(); range.selectNodeContents(cell);
            return range.getBoundingClientRect();
          });
          return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>
            a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2));
        }).length"""
    )
    assert overlaps == 0
    assert noise == []
    page.context.close()


def test_long_and_hostile_names_do_not_widen_the_page(
    browser: Any, made_findings: Made, tmp_path: Path
) -> None:
    findings = made_findings(tmp_path, HOSTILE + "w" * 90)
    paths = write_findings(findings, tmp_path / "out")
    for width in (400, 1280):
        page, noise = visit(browser, paths["study.html"], width, "light")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.title().startswith("size-sweep </title>")
        assert noise == []
        page.context.close()
