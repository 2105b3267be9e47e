"""The report in a real browser: silent, alone, readable on a phone and in the dark."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.pages import SIZES, OpenedPage

from finegold.report.html import write_html
from finegold.report.selection.page import render_report
from finegold.report.selection.sections import RowContent, comparison_section
from finegold.samples.thumbnails import thumbnail
from finegold.selection.compare import PresetComparison, PresetFigures
from finegold.statistics import Estimate


@pytest.fixture(scope="module")
def report(made: Callable[..., dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made rows, among them words and ids that are hard to wrap and one that would like to run."""
    first, second, third = made()["table"].sort_by("rank")["sample_id"].to_pylist()[:3]
    picture = thumbnail(Image.new("RGB", (240, 180), "teal"))
    contents = {
        first: RowContent("a/" * 60 + "b.json record 1", "", "w" * 900, picture, "images/a%20b.png"),
        second: RowContent("pool.json record 2", "", "</p><script>document.title = 'taken'</script>" * 3),
        third: RowContent("pool.json record 3", "اوصف الصورة", "كلب يجري على الشاطئ " * 20),
    }
    path = tmp_path_factory.mktemp("report") / "report.html"
    (path.parent / "images").mkdir()
    Image.new("RGB", (640, 480), "teal").save(path.parent / "images" / "a b.png")
    names = [f"preset {number}" for number in range(30)]
    shares = tuple(tuple(1.0 if a == b else (a * b % 97) / 100 for b in range(30)) for a in range(30))
    figures = {f"mean of indicator {number}": Estimate(number / 7) for number in range(14)}
    compared = PresetComparison(
        "f", 90, tuple(PresetFigures(name, "1", 1, figures, ()) for name in names), shares, {}
    )
    sections = [comparison_section(compared, "90")]
    write_html(render_report(**made(contents=contents), sections=sections), path)
    return path


class Visit(OpenedPage):
    """One opened report."""

    def __init__(self, browser: Any, report: Path, size: str = "desktop", scheme: str = "light") -> None:
        super().__init__(browser, report.as_uri(), report.as_uri(), size, scheme)

    def background(self) -> int:
        """Sum of red, green and blue of the page's background."""
        colour = self.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in colour[4:-1].split(","))


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "light"), ("desktop", "dark")])
def test_page_is_silent_and_fits(browser: Any, report: Path, size: str, scheme: str, tmp_path: Path) -> None:
    with Visit(browser, report, size, scheme) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach((part) => { part.open = true; })")
        visit.page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
        width = visit.page.evaluate("document.documentElement.scrollWidth")
        assert width == SIZES[size][0]
        # The matrix fits; the table of figures is wider, and shows that it scrolls.
        matrix = visit.page.locator(".overlap").evaluate("e => [e.scrollWidth, e.parentElement.clientWidth]")
        assert matrix[0] <= matrix[1]
        assert visit.page.locator(".overlap td").count() == 900
        shadows = "e => [e.scrollWidth > e.clientWidth, getComputedStyle(e).backgroundAttachment]"
        figures = visit.page.get_by_role("region", name="Figures of the presets, scrollable")
        assert figures.evaluate(shadows) == [True, "local, local, scroll, scroll"]
        broken = "[...document.images].filter((image) => image.complete && !image.naturalWidth).length"
        assert visit.page.evaluate(broken) == 0
        assert "picked by finegold" in visit.page.title()
        shot = tmp_path / f"{size}-{scheme}.png"
        visit.page.screenshot(path=shot)
        assert shot.stat().st_size > 20_000
        assert (visit.background() < 150) == (scheme == "dark")
        assert visit.noise == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_has_contrast(browser: Any, report: Path, scheme: str) -> None:
    """Every text is at least 4.5 to 1 against what lies behind it (WCAG 2.2, 1.4.3)."""
    script = """() => {
      const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      const over = (colours) => {
        probe.clearRect(0, 0, 1, 1);
        for (const colour of colours) { probe.fillStyle = colour; probe.fillRect(0, 0, 1, 1); }
        return [...probe.getImageData(0, 0, 1, 1).data];
      };
      const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
        .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const failures = new Set();
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || element.closest("script, noscript, title, option")) continue;
        const behind = [];
        for (let up = element; up; up = up.parentElement) {
          behind.unshift(getComputedStyle(up).backgroundColor);
        }
        const css = getComputedStyle(element);
        const front = element.closest("svg") ? css.fill : css.color;
        const a = light(over(behind)), b = light(over([...behind, front]));
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) failures.add(`${element.tagName}.${element.className} ${ratio.toFixed(2)}`);
      }
      return [...failures];
    }"""
    with Visit(browser, report, scheme=scheme) as visit:
        assert visit.page.evaluate(script) == []


def test_gallery_orders_filters_and_finds(browser: Any, report: Path) -> None:
    with Visit(browser, report) as visit:
        page = visit.page
        cards = page.locator("#first > .card")
        assert cards.count() == 60
        assert page.locator("#others").text_content() == "Show the other 30"
        page.select_option("#order", label="Length score, lowest first")
        lengths = [float(card.get_attribute("data-values").split()[3]) for card in cards.all()]
        assert lengths == sorted(lengths)
        page.select_option("#cluster", label="2")
        assert {card.get_attribute("data-cluster") for card in cards.all()} == {"1"}
        page.select_option("#cluster", label="all")
        wanted = cards.nth(7).locator(".id bdi").first.text_content()
        page.fill("#find", wanted.upper())
        assert cards.count() == 1
        assert not page.locator(".rest").is_visible()
        page.fill("#find", "")
        page.select_option("#order", label="as picked")
        assert [card.locator(".rank").text_content() for card in cards.all()] == [
            str(n) for n in range(1, 61)
        ]
        assert page.title().startswith("pool.json")
        assert visit.noise == []


def test_cards_are_filtered_by_a_range_of_a_score(browser: Any, report: Path) -> None:
    with Visit(browser, report) as visit:
        page, cards = visit.page, visit.page.locator("#first > .card, #rest > .card")
        page.locator("#score").select_option(label="Length score")
        lowest, highest = (
            float(page.locator(f"#{end}").get_attribute("placeholder")) for end in ("low", "high")
        )
        values = [float(card.get_attribute("data-values").split()[3]) for card in cards.all()]
        assert (lowest, highest) == (min(values), max(values))
        page.fill("#low", "100")
        page.fill("#high", "150")
        inside = sorted(value for value in values if 100 <= value <= 150)
        shown = [float(card.get_attribute("data-values").split()[3]) for card in cards.all()]
        assert sorted(shown) == inside
        assert page.locator("#matches").text_content() == f"{len(inside)} of 90"
        page.locator("#score").select_option(label="Quality")
        assert cards.count() == 90
        assert visit.noise == []


def test_a_link_shows_its_row_also_one_that_a_closed_part_or_a_filter_hides(
    browser: Any, report: Path
) -> None:
    with Visit(browser, report) as visit:
        page = visit.page
        last = page.locator("#rest > .card").last
        link = last.locator(".id a")
        address = link.get_attribute("href")
        page.goto(report.as_uri() + address)
        page.reload()
        assert last.is_visible()
        assert last.evaluate("card => card.matches(':target')")
        page.fill("#find", "nothing has this")
        assert page.locator("#first > .card").count() == 0
        page.evaluate("location.hash = ''")
        page.evaluate("hash => { location.hash = hash }", address)
        page.locator(address).wait_for(state="visible")
        excluded = page.locator("#excluded .id a").first
        excluded.click()
        assert page.locator(excluded.get_attribute("href")).is_visible()
        page.locator("#points").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Enter")
        assert page.locator("#first > .card").first.evaluate("card => card.matches(':target')")


def test_a_thumbnail_opens_its_image_in_full_size(browser: Any, report: Path) -> None:
    with Visit(browser, report) as visit:
        page = visit.page
        with page.expect_popup() as opened:
            page.locator("#first > .card").first.locator("a.opens").click()
        assert opened.value.evaluate("document.images[0].naturalWidth") == 640
        # Of an image that is in no file, the page shows what it has.
        page.locator("#first > .card a.opens:not([href])").first.click()
        assert page.locator("#large img").bounding_box()["width"] > 300
        page.keyboard.press("Escape")
        assert not page.locator("#large").is_visible()
        assert visit.noise == []


def test_map_answers_to_pointer_keyboard_and_filter(browser: Any, report: Path) -> None:
    with Visit(browser, report) as visit:
        page, tip = visit.page, visit.page.locator("#tip")
        page.locator("#points").focus()
        page.keyboard.press("ArrowRight")
        assert "picked, rank 1" in tip.inner_text()
        assert tip.locator("img").count() == 1
        page.keyboard.press("ArrowLeft")
        assert "picked, rank 90" in tip.inner_text()
        page.keyboard.press("Escape")
        assert not tip.is_visible()
        data = page.evaluate("JSON.parse(document.getElementById('data').textContent)")
        last = len(data["x"]) - 1
        side = page.locator("#points").bounding_box()["width"]
        spot = {axis: 15 + data[axis][last] / data["grid"] * (side - 30) for axis in ("x", "y")}
        page.locator("#points").hover(position=spot)
        assert "picked, rank 90" in tip.inner_text()
        page.locator(".filters button").nth(2).click()
        page.locator("#points").focus()
        page.keyboard.press("ArrowRight")
        assert "cluster 3" in tip.inner_text()
        assert visit.noise == []


def test_without_scripts_every_row_can_still_be_read(browser: Any, report: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator(".controls").count() == 1
    assert not page.locator(".controls").is_visible()
    page.locator(".rest > summary").click()
    assert page.locator("#rest > .card").nth(29).is_visible()
    context.close()
