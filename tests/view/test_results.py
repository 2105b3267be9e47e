"""Studies and judged answers in the view: tables, examples, every judged question, filtered by outcome."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.llm.server import Answer, Ask, FakeServer, completion
from tests.report.study.conftest import build
from tests.view.conftest import TOKEN, Client, viewing
from tests.view.test_page import Visit

from finegold.errors import DataError
from finegold.report.study.page import write_findings
from finegold.run import RunFolder
from finegold.view.results import sort_folders
from finegold.workflow.judge import judge

QUESTIONS = 6


def _first_or_second(ask: Ask) -> Answer:
    """Likes an answer with "good" in it; of question 5 the reply cannot be read."""
    if "Number 5" in ask.text:
        return completion("hm")
    first, second = ask.text.split("<<<ANSWER ")[1:3]
    scores = {"first": 9 if "good" in first else 4, "second": 9 if "good" in second else 4}
    return completion(json.dumps({**scores, "reason": "I like <i>good</i> ones"}))


def judged_folder(folder: Path) -> Path:
    """Answers to six questions: A wins 0 and 3, B wins 1 and 4, 2 is a tie, 5 has no verdict."""
    images = folder / "images"
    images.mkdir(parents=True)
    for number in range(QUESTIONS):
        Image.new("RGB", (300, 200), (40 * number, 80, 80)).save(images / f"{number}.png")
    lines: dict[str, list[str]] = {"questions": [], "ours": [], "theirs": []}
    for number in range(QUESTIONS):
        kind = {"category": "conv" if number % 2 else "detail", "image": f"{number}.png"}
        said = {
            "questions": {**kind, "text": f"Number {number}?"},
            "ours": {"text": ("good", "bad", "plain")[number % 3] + f" answer of ours to {number}"},
            "theirs": {"text": ("bad", "good", "plain")[number % 3] + f" answer of theirs to {number}"},
        }
        for name, fields in said.items():
            lines[name].append(json.dumps({"question_id": number, **fields}))
    for name, written in lines.items():
        (folder / f"{name}.jsonl").write_text("\n".join(written) + "\n")
    with FakeServer(_first_or_second) as server:
        judge(
            folder / "ours.jsonl",
            folder / "theirs.jsonl",
            folder / "questions.jsonl",
            folder / "judged",
            images=images,
            model="m",
            base_url=server.url,
            api_key="secret",
            cache=folder / "replies",
        )
    (images / "4.png").write_bytes(b"damaged since")
    return folder / "judged"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A study with a judged pair in it, and a folder of `finegold judge`."""
    made = tmp_path_factory.mktemp("results")
    judged = judged_folder(made / "judge")
    study = made / "out" / "size-sweep"
    write_findings(build(made), study)
    (study / "judge").mkdir()
    shutil.copytree(judged, study / "judge" / "0123456789ab")
    return study, judged


@pytest.fixture(scope="module")
def results(folders: tuple[Path, Path]) -> Iterator[Client]:
    """A view of results alone."""
    with viewing(*folders) as found:
        yield found


def test_folders_are_told_apart_by_what_they_hold(
    folders: tuple[Path, Path], run_folder: Path, tmp_path: Path
) -> None:
    study, judged = folders
    assert sort_folders([judged, run_folder, study]) == (run_folder, [study], [judged])
    # A study's --out holds the results of several.
    assert sort_folders([study.parent]) == (None, [study], [])
    with pytest.raises(DataError, match="start a view for each run"):
        sort_folders([run_folder, run_folder])
    with pytest.raises(DataError, match="and no judged answers"):
        sort_folders([run_folder, tmp_path])
    RunFolder.create(tmp_path / "out", {"study": True})
    with pytest.raises(DataError, match="have no results yet"):
        sort_folders([tmp_path / "out"])


def test_a_judged_question_is_kept_with_answers_verdicts_replies_and_image(results: Client) -> None:
    found = results.get("/api/judged/3")
    assert (found["a"], found["b"], found["complete"]) == ("ours", "theirs", True)
    assert [one["outcome"] for one in found["questions"]] == ["win", "lose", "tie", "win", "lose", "invalid"]
    first = found["questions"][0]
    assert first["answers"] == ["good answer of ours to 0", "bad answer of theirs to 0"]
    assert first["verdicts"] == ["A 9, B 4 (A shown first)", "A 9, B 4 (B shown first)"]
    assert all("I like" in reply for reply in first["replies"])
    status, _, headers = results.send("/judged/3/0")
    assert (status, headers["content-type"]) == (200, "image/png")
    # Of a file that is gone or damaged since, the folder keeps a small picture.
    assert results.send("/judged/3/4")[2]["content-type"] == "image/webp"
    for path in ("/judged/3/99", "/judged/9/0", "/judged/3/..%2f..%2fetc", "/study/0/1"):
        assert results.send(path)[0] in (400, 404), path
    assert results.send("/api/study/7")[0] == 400


def test_a_view_of_results_alone_has_no_rows(results: Client) -> None:
    about = results.get("/api/about")
    assert (about["run"], about["rows"], about["studies"]) == (None, 0, ["size-sweep"])
    # A study of an earlier version has verdicts and no answers of these pairs.
    named = [("ours", 0), ("sound 200", 0), ("all rows", 0), ("ours", None)]
    assert [(pair["a"], pair["study"]) for pair in about["judged"]] == named
    assert [results.get(f"/api/judged/{number}")["complete"] for number in range(4)] == [
        True,
        False,
        False,
        True,
    ]
    assert results.send("/api/facets")[0] == 404
    assert results.send("/api/judged/3", token="")[0] == 403


def test_a_study_shows_its_tables_and_the_examples_of_an_arm(browser: Any, results: Client) -> None:
    with Visit(browser, results, "", "phone") as visit:
        page = visit.page
        visit.until(lambda: visit.text("h2") == "size-sweep")
        text = page.locator(".page").inner_text()
        assert "47.3 (46.2 to 48.4)" in text
        assert "no reward model: run finegold score --scorers reward" in text
        assert page.locator("table").count() == 5
        visit.until(lambda: page.locator(".pairs > li").count() == 14)
        page.get_by_role("combobox", name="Arm").select_option("sound 50")
        visit.until(lambda: page.locator(".pairs > li").count() == 0)
        assert "arm=sound+50" in page.url
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.get_by_role("link", name="ours against theirs").click()
        visit.until(lambda: "view=judged" in page.url and page.locator(".pairs > li").count() == QUESTIONS)
        page.go_back()
        visit.until(lambda: visit.text("h2") == "size-sweep")


def test_judged_questions_are_filtered_by_outcome_and_a_link_shows_the_same(
    browser: Any, results: Client
) -> None:
    with Visit(browser, results, "view=judged&pair=3", scheme="dark") as visit:
        page = visit.page
        visit.until(lambda: page.locator(".pairs > li").count() == QUESTIONS)
        page.get_by_role("combobox", name="Outcome").select_option("lose")
        visit.until(lambda: page.locator(".pairs > li").count() == 2)
        page.get_by_role("combobox", name="Category").select_option(label="conversation (1)")
        visit.until(lambda: page.locator(".pairs > li").count() == 1)
        link = page.url.partition("?")[2]
    with Visit(browser, results, link) as visit:
        page, card = visit.page, visit.page.locator(".pairs > li")
        visit.until(lambda: card.count() == 1)
        assert "Number 1?" in card.inner_text()
        assert "good answer of theirs to 1" in card.locator(".ahead").inner_text()
        card.locator("summary").first.click()
        assert "I like <i>good</i> ones" in card.inner_text()
        card.locator(".full").click()
        assert card.locator(".full").get_attribute("aria-pressed") == "true"
        assert visit.noise == []


def test_results_stand_beside_the_rows_of_a_run_and_suit_a_screen_reader(
    browser: Any, folders: tuple[Path, Path], run_folder: Path
) -> None:
    with viewing(run_folder, *folders, read_only=True) as client:
        for query, scheme in (("view=studies", "dark"), ("view=judged", "light")):
            with Visit(browser, client, query, "phone" if scheme == "dark" else "desktop", scheme) as visit:
                visit.page.wait_for_selector(".pairs > li")
                assert visit.faults() == [], query
        with Visit(browser, client) as visit:
            names = visit.page.locator("#views button").all_inner_texts()
            assert names == ["Grid", "Table", "Map", "Selections", "Studies", "Judged", "Models"]
            assert visit.total().startswith("All")


def test_verdicts_without_answers_say_how_to_get_them(
    browser: Any, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    shutil.copyfile(folders[1] / "judge.json", tmp_path / "judge.json")
    with viewing(tmp_path) as client, Visit(browser, client) as visit:
        visit.until(lambda: visit.page.locator(".pairs > li").count() == QUESTIONS)
        assert "run the same finegold judge command again" in visit.text(".why")
        assert TOKEN not in visit.page.url
