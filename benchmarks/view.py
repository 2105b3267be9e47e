"""How fast `finegold view` answers in a browser, for a run of many made rows.

    python benchmarks/view.py FOLDER [--rows 100000] [--repeat 5]

Makes the run in FOLDER, unless it is there: rows of made texts over 200 made pictures, three indicators,
embeddings of 16 numbers, ten clusters and a selection of 1,000 rows. Then it opens the page in headless
Chromium and prints the median and the longest of some tries, each from the navigation or the click until the
rows are drawn.
"""

import argparse
import json
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from finegold.scorers import make_scorer
from finegold.view import open_view
from finegold.workflow import Run, SelectionSettings

PICTURES = 200
WORDS = [
    "red",
    "blue",
    "dog",
    "cat",
    "boat",
    "house",
    "tree",
    "river",
    "runs",
    "sits",
    "near",
    "under",
    "bright",
    "small",
    "old",
    "two",
    "three",
    "behind",
    "white",
]


def make_run(folder: Path, rows: int) -> Path:
    """The run of `rows` rows, made if it is not there."""
    run_path = folder / f"{rows}.run"
    if (run_path / "selections").exists():
        return run_path
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    for at in range(PICTURES):
        coarse = generator.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((224, 168)).save(images / f"{at:03d}.jpg")
    words = generator.choice(WORDS, (rows, 40))
    lengths = generator.integers(5, 40, rows)
    records = [
        {
            "id": f"row-{at:07d}",
            "image": f"{at % PICTURES:03d}.jpg",
            "conversations": [
                {"from": "human", "value": "<image>\nDescribe the picture."},
                {"from": "gpt", "value": f"Number {at}: {' '.join(words[at, : lengths[at]])}."},
            ],
        }
        for at in range(rows)
    ]
    data = folder / f"{rows}.json"
    data.write_text(json.dumps(records))
    taste, sense = generator.normal(0, 1, rows), generator.random(rows)
    vectors = generator.normal(0, 1, (10, 16))[generator.integers(0, 10, rows)] + generator.normal(
        0, 0.3, (rows, 16)
    )
    columns = {"id": [one["id"] for one in records], "made": list(vectors), "taste": taste, "sense": sense}
    pq.write_table(pa.table(columns), folder / f"{rows}.parquet")
    run = Run.open(run_path, data, images=images, encoder="made")
    for column in ("made", "taste", "sense"):
        run.bring_column(folder / f"{rows}.parquet", column)
    run.score(make_scorer("length"))
    run.cluster(method="kmeans", clusters=10)
    run.select(SelectionSettings.of("length-only", 1_000))
    return run_path


def main() -> None:
    """Make the run, open the page, and print the figures."""
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--screenshot", type=Path)
    asked = options.parse_args()
    begin = time.perf_counter()
    run = make_run(asked.folder, asked.rows)
    print(f"run of {asked.rows:,} rows made or found in {time.perf_counter() - begin:.1f} s")
    begin = time.perf_counter()
    with open_view(run, read_only=True) as server:
        print(f"ready to answer after {time.perf_counter() - begin:.1f} s")
        thread = threading.Thread(target=server.serve)
        thread.start()
        try:
            for name, seconds in measure(server.address, asked.repeat, asked.screenshot).items():
                middle, longest = statistics.median(seconds) * 1000, max(seconds) * 1000
                print(f"{name}: median {middle:.0f} ms, longest {longest:.0f} ms")
        finally:
            server.stop()
            thread.join()


def measure(address: str, repeat: int, screenshot: Path | None) -> dict[str, list[float]]:
    """Seconds of each job, some times."""
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("no Chromium on PATH: apt-get install chromium")
    found: dict[str, list[float]] = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(address)
        page.wait_for_selector(".item b")

        def timed(name: str, act: Callable[[], Any]) -> None:
            """From the key or the click to the drawing of the rows, on the clock of the page."""
            page.evaluate(
                """() => { window.drawn = new Promise((done) => {
                    const total = document.getElementById("total");
                    let begin = Infinity;
                    for (const event of ["click", "input"]) addEventListener(
                        event, () => { begin = Math.min(begin, performance.now()); }, { capture: true });
                    new MutationObserver(() => requestAnimationFrame(() => done(performance.now() - begin)))
                        .observe(total, { childList: true, characterData: true, subtree: true }); }); }"""
            )
            act()
            found.setdefault(name, []).append(page.evaluate("() => window.drawn") / 1000)
            page.wait_for_load_state("networkidle")

        for at in range(repeat):
            page.goto("about:blank")
            page.goto(address)
            page.wait_for_selector(".item b")
            mark = "() => performance.getEntriesByName('first-rows')[0].startTime"
            seconds = page.evaluate(mark) / 1000
            found.setdefault("first page", []).append(seconds)
            page.wait_for_selector(".facet")
            page.wait_for_load_state("networkidle")
            timed("filter by a category", page.locator(".values input").first.click)
            timed("filter by a range", lambda: page.get_by_label("Lowest taste").press("PageUp"))
            timed("search", partial(page.fill, "#text", WORDS[at % len(WORDS)]))
            timed("no filter", page.locator("#clear").click)
            timed("sort by an indicator", lambda: page.select_option("#sort", label="taste"))
        if screenshot is not None:
            page.screenshot(path=screenshot)
        browser.close()
    return found


if __name__ == "__main__":
    main()
