"""Each job of `finegold view`, done in headless Chromium on a run of any size, checked and timed.

    python benchmarks/view_jobs.py RUN

RUN is copied first, since rows are vetoed and chosen again. A job that does not end as it must stops the
script. Times are from the first click of a job to what it ends with; a person also needs the time to look.
"""

import argparse
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from finegold.models.registry import BlindModel
from finegold.view import AskedModels, open_view

Job = Callable[["Visitor"], str]


CHOSEN = re.compile(r"^chosen [\d,]+$")
"""Label of the filter of chosen rows, with their number."""


class Visitor:
    """One open page of the view."""

    def __init__(self, page: Any) -> None:
        self.page = page

    def until(self, what: str, condition: Callable[[], object]) -> None:
        """Wait up to five minutes for what a job ends with: a map of many rows takes its time."""
        end = time.monotonic() + 300
        while not condition():
            if time.monotonic() > end:
                sys.exit(f"this did not come: {what}")
            self.page.wait_for_timeout(20)

    def total(self) -> int:
        """The number of rows that the filter shows."""
        words = str(self.page.locator("#total").inner_text()).removeprefix("All ").split()
        return int(words[0].replace(",", "")) if words else -1

    def count(self) -> int:
        """The number of rows by the server, for the address of the page."""
        query = self.page.url.partition("?")[2]
        return int(
            self.page.evaluate(f"fetch('/api/rows?count=1&number=1&{query}').then(a => a.json())")["total"]
        )

    def view(self, name: str) -> None:
        """Go to another page of the view."""
        self.page.locator("#views").get_by_role("button", name=name, exact=True).click()


def browse(visit: Visitor) -> str:
    """Filter by status, sort by an indicator, search, take it back."""
    page, everything = visit.page, visit.total()
    page.get_by_label(CHOSEN).check()
    visit.until("the chosen rows", lambda: 0 < visit.total() < everything)
    chosen = visit.total()
    page.select_option("#sort", index=page.locator("#sort option").count() - 6)
    page.fill("#text", "the")
    visit.until("the rows with a word", lambda: "text=the" in page.url and visit.total() == visit.count())
    page.locator("#clear").click()
    visit.until("all rows", lambda: visit.total() == everything)
    return f"{everything:,} rows, {chosen:,} chosen"


def row(visit: Visitor) -> str:
    """Open a row, see why it is in or out, its neighbours and its image in full size, go on and close."""
    page = visit.page
    page.locator(".item a").first.click()
    visit.until("the reason", lambda: page.locator("#why").count() and page.locator("#why").inner_text())
    why = str(page.locator("#why").inner_text())
    page.locator("#row .full").first.click()
    visit.until("the large image", lambda: page.locator("#row .frame.large").count() == 1)
    page.keyboard.press("j")
    visit.until("the next row", lambda: page.locator("#why").inner_text() != why)
    page.keyboard.press("Escape")
    visit.until("the closed row", lambda: not page.locator("#row").is_visible())
    return why


def lasso(visit: Visitor) -> str:
    """Draw a line around a quarter of the map."""
    page, everything = visit.page, visit.total()
    visit.view("Map")
    visit.until("the map", lambda: "Drag a line" in page.locator(".page").inner_text())
    box = page.locator("canvas").bounding_box()
    corner, side = (box["x"] + 4, box["y"] + 4), box["width"] * 0.6
    page.mouse.move(*corner)
    page.mouse.down()
    for dx, dy in ((side, 0), (side, side), (0, side), (0, 8)):
        page.mouse.move(corner[0] + dx, corner[1] + dy, steps=5)
    page.mouse.up()
    visit.until("the filter", lambda: "area=" in page.url and 0 < visit.total() < everything)
    inside = visit.total()
    page.locator("#clear").click()
    visit.view("Grid")
    visit.until("all rows", lambda: visit.total() == everything)
    return f"{inside:,} of {everything:,} rows inside"


def veto(visit: Visitor) -> str:
    """Veto three chosen rows by key, undo one, veto a searched set with a note, and choose again."""
    page = visit.page
    page.get_by_label(CHOSEN).check()
    visit.until("the chosen rows", lambda: "f.status=selected" in page.url and visit.total() == visit.count())
    chosen = visit.total()
    page.locator(".item a").first.focus()

    def vetoed(number: int) -> bool:
        return bool(page.locator(".badge.veto").count() == number)

    for number in range(1, 4):
        page.keyboard.press("x")
        visit.until("the mark", partial(vetoed, number))
        page.keyboard.press("ArrowRight")
    page.keyboard.press("u")
    visit.until("the undone mark", partial(vetoed, 2))
    page.get_by_role("button", name="Choose again").click()
    visit.until(
        "the new selection", lambda: "f.change=" in page.url and page.locator(".badge.change").count()
    )
    came = visit.total()
    return f"2 of {chosen:,} chosen rows vetoed; {came} rows differ in the new selection"


def selections(visit: Visitor) -> str:
    """Compare both selections, and take the rows that differ along as CSV."""
    page = visit.page
    visit.view("Selections")
    visit.until("the list", lambda: page.locator(".selection").count() >= 2)
    visit.until("the difference", lambda: page.get_by_role("button", name="In both").count() == 1)
    page.get_by_role("button", name="Only in the open one").click()
    visit.until("its rows", lambda: "f.change=only+here" in page.url and visit.total() == visit.count())
    page.locator(".menu summary").click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="These rows as CSV").click()
    lines = Path(saved.value.path()).read_text(encoding="utf-8").count("\n") - 1
    return f"{visit.total()} rows came in, {lines} lines of CSV"


def models(visit: Visitor) -> str:
    """Ask two models about a row and see the answers side by side."""
    page = visit.page
    page.locator("#clear").click()
    page.locator(".item a").first.click()
    page.get_by_role("button", name="Ask the models").click()
    visit.until(
        "the prompt", lambda: page.locator("#prompt").count() and page.locator("#prompt").input_value()
    )
    page.get_by_role("button", name="Ask", exact=True).click()
    visit.until("the answers", lambda: page.locator(".beside dd").all_inner_texts() == ["Yes", "No"])
    return "two answers"


JOBS: tuple[Job, ...] = (browse, row, lasso, veto, selections, models)


def main() -> None:
    """Copy the run, open the view, and do each job."""
    from playwright.sync_api import sync_playwright

    options = argparse.ArgumentParser()
    options.add_argument("run", type=Path)
    options.add_argument("--screenshots", type=Path)
    asked = options.parse_args()
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("no Chromium on PATH: apt-get install chromium")
    answering = [BlindModel(f"constant:{word}") for word in ("Yes", "No")]
    asked_models = AskedModels([one.name for one in answering], answering)
    with tempfile.TemporaryDirectory() as folder:
        run = shutil.copytree(asked.run, Path(folder) / asked.run.name)
        with open_view(run, models=asked_models) as server:
            thread = threading.Thread(target=server.serve)
            thread.start()
            try:
                with sync_playwright() as driver:
                    browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
                    page = browser.new_page(viewport={"width": 1280, "height": 900})
                    page.on("pageerror", lambda error: sys.exit(f"the page says: {error}"))
                    page.goto(server.address)
                    page.wait_for_selector(".item b")
                    visit = Visitor(page)
                    for job in JOBS:
                        begin = time.perf_counter()
                        said = job(visit)
                        print(f"{job.__name__}: {time.perf_counter() - begin:.1f} s, {said}")
                        if asked.screenshots is not None:
                            page.screenshot(path=asked.screenshots / f"{job.__name__}.png")
                    browser.close()
            finally:
                server.stop()
                thread.join()


if __name__ == "__main__":
    main()
