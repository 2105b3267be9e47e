"""The page in a real browser: silent, readable on a phone and in the dark, and each job done by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.pages import SIZES, OpenedPage
from tests.view.conftest import HOSTILE, ROWS, TOKEN, Client


class Visit(OpenedPage):
    """One opened view."""

    def __init__(
        self, browser: Any, client: Client, query: str = "", size: str = "desktop", scheme: str = "light"
    ) -> None:
        super().__init__(browser, f"{client.origin}/?token={TOKEN}&{query}", client.origin, size, scheme)
        self.settle()

    def said(self, text: str) -> None:
        if "404" not in text:  # r0003 has no picture
            super().said(text)

    def settle(self) -> None:
        self.page.wait_for_selector("body:not(.results) #total:not(:empty), .results .page h2")
        self.page.wait_for_load_state("networkidle")

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for what a test would notice: the policy of the page forbids to evaluate text in it."""
        for _ in range(300):
            if condition():
                return
            self.page.wait_for_timeout(50)
        assert condition()

    def text(self, selector: str) -> str:
        found = self.page.locator(selector)
        return str(found.first.inner_text()) if found.count() else ""

    def focused(self) -> str:
        return str(self.page.evaluate("() => document.activeElement.textContent"))

    def total(self) -> str:
        return str(self.page.locator("#total").inner_text())

    def ids(self) -> list[str]:
        found: list[str] = self.page.locator(".item bdi").all_inner_texts()
        return found

    def faults(self) -> list[tuple[str, str]]:
        """What axe-core finds fault with."""
        axe = pytest.importorskip("axe_playwright_python")
        self.page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
        found = self.page.evaluate("async () => (await axe.run()).violations")
        return [(one["id"], one["nodes"][0]["html"]) for one in found]


@pytest.mark.parametrize(
    ("query", "size", "scheme"),
    [("", "desktop", "light"), ("view=table", "phone", "dark"), ("row=8", "phone", "light")],
)
def test_the_page_is_silent_and_fits(
    browser: Any, client: Client, query: str, size: str, scheme: str
) -> None:
    with Visit(browser, client, query, size, scheme) as visit:
        assert visit.page.evaluate("document.documentElement.scrollWidth") == SIZES[size][0]
        assert "token" not in visit.page.url
        assert visit.page.title() == "data.json: finegold view"
        dark = visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(22, 21, 19)"
        assert dark == (scheme == "dark")
        assert visit.noise == []


def test_a_card_shows_the_value_of_an_indicator_with_a_long_name(browser: Any, client: Client) -> None:
    with Visit(browser, client) as visit:
        labels = visit.page.locator(".numbers .label")
        assert labels.count() > 0
        labels.evaluate_all("found => found.forEach(one => { one.textContent = 'Evidence '.repeat(9) })")
        lowest = visit.page.locator(".numbers").first.bounding_box()
        value = visit.page.locator(".numbers b").first.bounding_box()
        assert lowest is not None
        assert value is not None
        assert value["x"] + value["width"] <= lowest["x"] + lowest["width"] + 1
        assert value["y"] + value["height"] <= lowest["y"] + lowest["height"] + 1


def test_filters_sorting_and_search_stay_in_the_address(browser: Any, client: Client) -> None:
    with Visit(browser, client) as visit:
        page = visit.page
        assert visit.total() == f"All {ROWS} rows"
        page.get_by_label("chosen 12", exact=True).check()
        visit.until(lambda: visit.total().startswith("12 rows"))
        page.select_option("#sort", label="taste")
        page.locator("#order").click()
        found = client.get("/api/rows?f.status=selected&sort=taste&order=down")["rows"]
        wanted = [row["sample_id"] for row in found]
        visit.until(lambda: visit.ids() == wanted)
        address = page.url
    with Visit(browser, client, address.partition("?")[2]) as visit:
        visit.until(lambda: visit.ids() == wanted)
        visit.page.fill("#text", "zebra")
        visit.until(lambda: visit.total().startswith("0 rows"))
        visit.page.locator("#clear").click()
        visit.until(lambda: visit.total().startswith("All"))
        slider = visit.page.get_by_label("Lowest taste")
        for _ in range(3):
            slider.press("PageUp")
        visit.until(lambda: "f.taste=" in visit.page.url)

        def follows() -> bool:
            low = visit.page.url.partition("f.taste=")[2].partition("..")[0]
            number = client.get(f"/api/rows?count=1&f.taste={low}..")["total"]
            return 0 < number < ROWS and visit.total().startswith(f"{number} rows")

        visit.until(follows)
        assert visit.noise == []


def test_a_filter_that_is_cleared_before_its_counts_come_is_not_shown_as_set(
    browser: Any, client: Client
) -> None:
    with Visit(browser, client) as visit:
        page, held = visit.page, []
        page.route("**/api/facets*", lambda route: held.append(route))
        page.get_by_label("chosen 12", exact=True).check()
        visit.until(lambda: visit.total().startswith("12 rows"))
        page.locator("#clear").click()
        visit.until(lambda: visit.total().startswith("All") and len(held) == 2)
        for route in held:
            route.continue_()
        visit.until(lambda: not page.get_by_label("chosen 12", exact=True).is_checked())
        assert visit.noise == []


def test_the_list_holds_only_what_is_seen_and_keys_reach_every_row(browser: Any, client: Client) -> None:
    with Visit(browser, client, "view=table") as visit:
        page = visit.page
        assert page.locator(".item").count() < ROWS
        taste = page.get_by_role("columnheader", name="taste")
        taste.get_by_role("button").click()
        visit.until(lambda: taste.get_attribute("aria-sort") == "descending")
        page.select_option("#sort", "row")
        page.locator("#order").click()
        visit.until(lambda: taste.get_attribute("aria-sort") == "none" and visit.ids()[:1] == ["r0000"])
        page.locator(".item a").first.focus()
        page.keyboard.press("End")
        visit.until(lambda: visit.focused().startswith(f"r{ROWS - 1:04d}"))
        page.keyboard.press("Home")
        page.keyboard.press("ArrowDown")
        visit.until(lambda: visit.focused().startswith("r0001"))
        page.keyboard.press("Enter")
        visit.until(lambda: visit.text("#row h2") == "r0001")
        page.keyboard.press("j")
        visit.until(lambda: visit.text("#row h2") == "r0002")
        page.keyboard.press("Escape")
        visit.until(lambda: "row=" not in page.url)
        assert not page.locator("#row").is_visible()


def test_the_keys_are_listed(browser: Any, client: Client) -> None:
    with Visit(browser, client) as visit:
        page = visit.page
        page.keyboard.press("?")
        visit.until(lambda: visit.text("#sheet h2") == "Keys")
        assert "veto the row" in visit.text("#sheet")
        page.get_by_role("button", name="Close").click()
        visit.until(lambda: not page.locator("#sheet").is_visible())
        assert visit.noise == []


def test_a_row_shows_its_turns_indicators_neighbours_and_record(browser: Any, client: Client) -> None:
    with Visit(browser, client, "row=8") as visit:
        dialog, said = visit.page.locator("#row"), client.get("/api/row/8")
        assert dialog.locator(".said-turns > li").count() == 2
        # The shortest sentence of the first turn, and the whole second one, which holds the weakest word.
        marks = dialog.locator("mark")
        assert [text.strip() for text in marks.all_inner_texts()] == [
            "It is round.",
            "No. The ground is white, and blue stands out well in number 8.",
        ]
        assert marks.first.get_attribute("title") == "the weakest by brevity 3"
        values = dialog.locator(".indicators tr", has_text="brevity").inner_text()
        assert "turn 1: 3 (weakest), its sentences: 5, 3 (weakest), 3, 3" in " ".join(values.split())
        assert "the weakest by" in dialog.locator(".weak").first.inner_text()
        assert dialog.locator("#why").inner_text() == said["why"]
        assert dialog.locator(".indicators tr").count() == len(said["indicators"])
        visit.until(lambda: dialog.locator(".near li").count() == 12)
        dialog.locator("summary").click()
        visit.until(lambda: "r0008" in visit.text("#row pre"))
        dialog.locator(".full").click()
        assert dialog.locator(".full").get_attribute("aria-pressed") == "true"
        assert visit.noise == []


def test_a_duplicate_of_a_row_is_named_with_the_reason_why_it_is_out(browser: Any, client: Client) -> None:
    with Visit(browser, client, "row=7") as visit:
        wanted = "r0006 it repeats this row, excluded: duplicate-exact"
        assert visit.page.locator("#row .twins li").all_inner_texts() == [wanted]
        visit.until(lambda: visit.page.locator("#row .near li").count() == 12)
        assert "undefined" not in visit.text("#row")


def test_text_of_the_data_stays_text(browser: Any, client: Client) -> None:
    with Visit(browser, client, "row=5") as visit:
        assert HOSTILE in visit.page.locator("#row .answer").inner_text()
        assert visit.page.locator("#row img[src='x']").count() == 0
        assert visit.page.title() == "data.json: finegold view"
        assert visit.noise == []


def test_rows_are_vetoed_by_key_undone_and_chosen_again(browser: Any, client: Client) -> None:
    """From the chosen rows to a new selection, and from there to what changed."""
    with Visit(browser, client, "f.status=selected") as visit:
        page = visit.page
        page.locator(".item a").first.focus()
        page.keyboard.press("x")
        visit.until(lambda: page.locator(".badge.veto").count() == 1)
        page.keyboard.press("u")
        visit.until(lambda: page.locator(".badge.veto").count() == 0)
        page.locator(".item a").nth(1).click()
        page.get_by_label("Note", exact=True).fill("blurred")
        page.get_by_role("button", name="Veto", exact=True).click()
        visit.until(lambda: "blurred" in visit.text("#row .why"))
        page.get_by_role("button", name="Close").click()
        page.get_by_role("button", name="Choose again").click()
        visit.until(lambda: "f.change=" in page.url)
        visit.settle()
        visit.until(lambda: visit.text(".badge.change") in ("came in", "went out"))
        page.get_by_role("button", name="Selections").click()
        visit.until(lambda: page.locator(".selection").count() == 2)
        assert page.locator(".selection.here").inner_text().startswith("instructiongpt4 (open)")
        visit.until(lambda: page.get_by_role("button", name="Only in the open one: 1").count() == 1)
        assert visit.noise == []
    client.send("/api/undo", {})


def test_the_rows_of_a_filter_are_vetoed_together_with_a_note(browser: Any, client: Client) -> None:
    with Visit(browser, client, "text=zebra", "phone") as visit:
        page = visit.page
        page.get_by_role("button", name="Veto these").click()
        page.locator("#note").fill("not what we want")
        page.get_by_role("button", name="Veto them").click()
        visit.until(lambda: client.get("/api/about")["marks"]["veto"] == 1)
        assert client.get("/api/about")["marks"]["history"][0]["note"] == "not what we want"
        page.get_by_role("button", name="Undo", exact=True).click()
        visit.until(lambda: client.get("/api/about")["marks"]["veto"] == 0)
        assert visit.noise == []


def test_a_lasso_on_the_map_filters_the_rows(browser: Any, client: Client) -> None:
    with Visit(browser, client, "view=map&colour=cluster") as visit:
        page = visit.page
        visit.until(lambda: "Drag a line" in visit.text(".page"))
        canvas = page.locator("canvas")
        box = canvas.bounding_box()
        points = client.get("/api/map?layer=image&colour=cluster")
        top = min(range(len(points["y"])), key=lambda at: points["y"][at])
        place = [points[axis][top] / points["grid"] * (box["width"] - 28) + 14 for axis in ("x", "y")]
        middle = (box["x"] + place[0], box["y"] + place[1] + 50)
        page.mouse.move(middle[0] - 40, middle[1] - 40)
        page.mouse.down()
        for dx, dy in ((40, -40), (40, 40), (-40, 40), (-40, -38)):
            page.mouse.move(middle[0] + dx, middle[1] + dy, steps=4)
        page.mouse.up()
        visit.until(lambda: "area=" in page.url)
        visit.settle()
        total = client.get(f"/api/rows?count=1&{page.url.partition('?')[2]}")["total"]
        assert 0 < total < ROWS
        visit.until(lambda: visit.total().startswith(f"{total} row"))
        canvas.focus()
        page.keyboard.press("ArrowRight")
        visit.until(lambda: page.locator("#tip").is_visible())
        page.keyboard.press("Enter")
        visit.until(lambda: visit.text("#row h2").startswith("r0"))
        assert visit.noise == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_a_screen_reader(browser: Any, client: Client, scheme: str) -> None:
    """By axe-core, which also compares colours."""
    for query in ("f.mark=(none)", "view=table", "view=map", "view=selections", "view=models", "row=8"):
        with Visit(browser, client, query, "phone" if scheme == "dark" else "desktop", scheme) as visit:
            assert visit.faults() == [], query
