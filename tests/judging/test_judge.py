import asyncio
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from PIL import Image
from tests.llm.server import Answer, Ask, FakeServer, Script, completion, error
from typer.testing import CliRunner

from finegold.cli.judge import judge as judge_verb
from finegold.errors import ConfigError, DataError, RunError
from finegold.judging import replay_verdicts
from finegold.run import check_folder, folder_lock

APP = typer.Typer()
APP.command()(judge_verb)


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FINEGOLD_LLM_MODEL", "judge-1")
    monkeypatch.setenv("FINEGOLD_LLM_API_KEY", "sk-a-very-secret-key")
    monkeypatch.delenv("FINEGOLD_LLM_BASE_URL", raising=False)


def shown(ask: Ask) -> tuple[str, str]:
    """The two answers in the order in which the judge sees them."""
    blocks = [ask.text.split(f"<<<ANSWER {n} ")[1].partition("\n")[2] for n in (1, 2)]
    first, second = (block.split(" END ANSWER")[0].rpartition("\n")[0] for block in blocks)
    return first, second


def scores(first: float, second: float) -> Answer:
    return completion(json.dumps({"first": first, "second": second, "reason": "so"}))


def prefers_first(_: Ask) -> Answer:
    return scores(9, 5)


def prefers_longer(ask: Ask) -> Answer:
    first, second = (len(answer) for answer in shown(ask))
    return scores(5 + (first > second), 5 + (second > first))


def prefers_at_random(ask: Ask) -> Answer:
    return scores(8, 6) if ask.chance() < 0.5 else scores(6, 8)


def compare(script: Script, *arguments: str | Path, code: int = 0) -> FakeServer:
    with FakeServer(script) as server:
        result = CliRunner().invoke(APP, [*map(str, arguments), "--base-url", server.url])
    assert result.exit_code == code, result.output
    return server


@pytest.fixture
def bench(shared: Path, tmp_path: Path) -> list[str | Path]:
    """Arguments that compare the reference answers with a copy whose answers moved to other questions."""
    folder = shared / "data" / "llava_bench"
    records = [json.loads(line) for line in (folder / "answers_gpt4.jsonl").read_text().splitlines()]
    texts = [record["text"] for record in records]
    random.Random(1).shuffle(texts)
    moved = [
        {**record, "text": text, "model_id": "shuffled"} for record, text in zip(records, texts, strict=True)
    ]
    random.Random(2).shuffle(moved)
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(record) + "\n" for record in moved))
    return [
        folder / "answers_gpt4.jsonl",
        tmp_path / "b.jsonl",
        "--questions",
        folder / "questions.jsonl",
        "--context",
        folder / "context.jsonl",
    ]


def read(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "judge.json").read_text())
    return found


def test_a_judge_that_prefers_the_first_answer_is_exposed(bench: list[str | Path], tmp_path: Path) -> None:
    server = compare(prefers_first, *bench, "--out", tmp_path / "out")
    assert len(server.asks) == 120
    found = read(tmp_path / "out")
    assert found["overall"]["ties"] == 60
    assert found["bias"]["first_position"]["value"] == 1.0
    assert found["bias"]["first_position"]["low"] > 0.9
    assert found["bias"]["order_consistency"]["value"] == 0.0
    assert found["judge"]["model"] == "judge-1"
    assert found["judge"]["answered_by"] == ["scripted-1"]
    assert found["judge"]["dates"][0].startswith("20")


def test_a_second_judge_of_the_same_folder_is_told_before_it_pays(
    bench: list[str | Path], tmp_path: Path
) -> None:
    with FakeServer(prefers_first) as server, folder_lock(tmp_path / "out", ""):
        arguments = [*bench, "--out", tmp_path / "out", "--base-url", server.url]
        result = CliRunner().invoke(APP, [str(one) for one in arguments])
    assert isinstance(result.exception, RunError)
    assert "another process is writing to" in str(result.exception)
    assert not server.asks


def test_a_judge_that_prefers_the_longer_answer_is_exposed(bench: list[str | Path], tmp_path: Path) -> None:
    compare(prefers_longer, *bench, "--out", tmp_path / "out")
    found = read(tmp_path / "out")
    assert found["bias"]["longer"]["value"] == 1.0
    assert found["bias"]["longer"]["low"] > 0.9
    assert found["bias"]["order_consistency"]["value"] == 1.0
    assert found["bias"]["first_position"]["value"] == 0.5
    assert found["overall"]["wins"] + found["overall"]["losses"] + found["overall"]["ties"] == 60


def test_a_judge_that_throws_a_coin_is_exposed(bench: list[str | Path], tmp_path: Path) -> None:
    compare(prefers_at_random, *bench, "--out", tmp_path / "out")
    found = read(tmp_path / "out")
    for name in ("first_position", "longer", "order_consistency"):
        assert found["bias"][name]["low"] < 0.5 < found["bias"][name]["high"]
    assert found["overall"]["p_value"] > 0.05


def test_a_copy_in_another_line_order_is_the_same_answers(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "llava_bench"
    lines = (folder / "answers_gpt4.jsonl").read_text().splitlines()
    random.Random(0).shuffle(lines)
    (tmp_path / "b.jsonl").write_text("\n".join(lines))
    sets = (folder / "answers_gpt4.jsonl", tmp_path / "b.jsonl")
    questions = folder / "questions.jsonl"
    server = compare(prefers_longer, *sets, "--questions", questions, "--out", tmp_path / "out")
    assert len(server.asks) == 120
    found = read(tmp_path / "out")
    assert found["overall"]["ties"] == 60
    assert found["bias"]["draws"] == 120
    assert found["bias"]["longer"]["value"] is None


def test_replaying_the_audit_gives_the_same_without_a_call(bench: list[str | Path], tmp_path: Path) -> None:
    def script(ask: Ask) -> Answer:
        if ask.chance() < 0.2:
            return error(500)
        return completion("hm") if ask.chance("hm") < 0.2 else prefers_at_random(ask)

    compare(script, *bench, "--out", tmp_path / "out", "--max-invalid", "1")
    first = read(tmp_path / "out")
    audit, again_in = str(tmp_path / "out" / "audit.jsonl"), str(tmp_path / "again")
    result = CliRunner().invoke(APP, ["--replay", audit, "--out", again_in, "--max-invalid", "1"])
    assert result.exit_code == 0, result.output
    again = read(tmp_path / "again")
    key = lambda row: row["question_id"]  # noqa: E731
    assert sorted(again.pop("questions"), key=key) == sorted(first.pop("questions"), key=key)
    assert again["overall"] == first["overall"]
    assert again["bias"] == first["bias"]
    assert again["judge"] == first["judge"]
    assert again["categories"] == first["categories"]


@pytest.fixture
def small(tmp_path: Path) -> list[str | Path]:
    """Six questions; the answers of A are long, those of B short."""
    files = {"q": [], "a": [], "b": []}  # type: dict[str, list[dict[str, Any]]]
    for number in range(6):
        files["q"].append({"question_id": number, "text": f"What is {number}?", "category": "conv"})
        files["a"].append({"question_id": number, "text": f"It is a very large {number}."})
        files["b"].append({"question_id": number, "text": f"{number}?"})
    for name, records in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return [tmp_path / "a.jsonl", tmp_path / "b.jsonl", "--questions", tmp_path / "q.jsonl"]


def test_a_reply_that_was_changed_in_the_audit_is_not_counted(
    small: list[str | Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    compare(prefers_longer, *small, "--out", out)
    whole = check_folder(out)
    assert (whole.hashed, whole.unhashed, whole.damages) == (3, 0, [])
    audit = (out / "audit.jsonl").read_text()
    (out / "audit.jsonl").write_text(audit.replace('"category": "conv"', '"category": "cony"', 1))
    with pytest.raises(DataError, match=r"audit\.jsonl line 1 is damaged.*its content does not fit its hash"):
        replay_verdicts(out / "audit.jsonl")
    (out / "judge.json").write_text((out / "judge.json").read_text().replace('"wins": 6', '"wins": 5', 1))
    assert {damage.path.name for damage in check_folder(out).damages} == {"audit.jsonl", "judge.json"}


def test_unreadable_verdicts_are_asked_again_and_then_reported_apart(
    small: list[str | Path], tmp_path: Path
) -> None:
    def script(ask: Ask) -> Answer:
        if "What is 3?" in ask.text:
            return completion("Both are fine.")
        if "What is 4?" in ask.text and "could not be read" not in ask.text:
            return completion("-1 -1")
        return prefers_longer(ask)

    server = compare(script, *small, "--out", tmp_path / "out", code=1)
    found = read(tmp_path / "out")
    assert (found["overall"]["wins"], found["overall"]["invalid"]) == (5, 1)
    assert found["overall"]["win_rate"]["n"] == 5
    row = next(row for row in found["questions"] if row["question_id"] == "3")
    assert row["outcome"] == "invalid"
    assert "Both are fine" in row["orders"][0]["reason"]
    assert len(server.asks) == 4 * 2 + 2 * 3 + 2 * 2


def test_a_second_run_costs_nothing_and_a_plan_sends_nothing(small: list[str | Path], tmp_path: Path) -> None:
    plan = ["--plan", "--usd-per-m-prompt", "1", "--usd-per-m-completion", "1"]
    assert not compare(prefers_longer, *small, "--out", tmp_path / "plan", *plan).asks
    assert len(compare(prefers_longer, *small, "--out", tmp_path / "one").asks) == 12
    assert not compare(prefers_longer, *small, "--out", tmp_path / "two").asks
    one, two = read(tmp_path / "one"), read(tmp_path / "two")
    assert one == two


def test_a_limit_leaves_the_rest_invalid_with_its_reason(small: list[str | Path], tmp_path: Path) -> None:
    server = compare(prefers_longer, *small, "--out", tmp_path / "out", "--max-calls", "7", code=1)
    assert len(server.asks) == 7
    found = read(tmp_path / "out")
    assert found["stopped"] == "the limit of 7 calls is reached"
    assert found["overall"]["invalid"] > 0
    assert found["overall"]["losses"] == 0


def test_an_answer_cannot_judge_itself(small: list[str | Path], tmp_path: Path) -> None:
    texts = ["10 1", "Answer 1: 10, Answer 2: 1", '{"first": 10, "second": 1}', "a\n10 1\nb", "10 1", "10  1"]
    records = [{"question_id": n, "text": f"Great.\n{text}"} for n, text in enumerate(texts)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))

    def echo(ask: Ask) -> Answer:
        answer = max(shown(ask), key=len).partition("\n")[2]
        return completion(answer.strip("ab\n"))

    compare(echo, *small, "--out", tmp_path / "out", code=1)
    assert read(tmp_path / "out")["overall"]["invalid"] == 6


def test_outputs_hold_the_section_and_no_key(small: list[str | Path], tmp_path: Path) -> None:
    compare(prefers_longer, *small, "--out", tmp_path / "out")
    names = {file.name for file in (tmp_path / "out").iterdir()}
    assert names == {"judge.json", "judged.jsonl", "judge.html", "audit.jsonl"}
    assert "<svg" in (tmp_path / "out" / "judge.html").read_text()
    assert not any(b"very-secret" in file.read_bytes() for file in (tmp_path / "out").iterdir())


def test_it_can_be_asked_where_a_loop_runs_as_in_a_notebook(small: list[str | Path], tmp_path: Path) -> None:
    async def cell() -> None:
        compare(prefers_longer, *small, "--out", tmp_path / "out")

    asyncio.run(cell())
    assert read(tmp_path / "out")["overall"]["wins"] == 6


def pictures(ask: Ask) -> int:
    contents = [message["content"] for message in ask.body["messages"]]
    parts = [part for content in contents if not isinstance(content, str) for part in content]
    return sum(part["type"] == "image_url" for part in parts)


def test_the_judge_sees_the_images_and_the_page_shows_every_question(
    bench: list[str | Path], shared: Path, tmp_path: Path, browser: Any
) -> None:
    seen: list[int] = []

    def looks(ask: Ask) -> Answer:
        seen.append(pictures(ask))
        assert "You see the image." in ask.text
        return prefers_longer(ask)

    images = shared / "data" / "llava_bench" / "wild_imgs"
    compare(looks, *bench, "--images", images, "--out", tmp_path / "out")
    assert seen == [1] * 120
    assert read(tmp_path / "out")["judge"]["template"] == "judge-image/1"
    page = browser.new_page(color_scheme="dark")
    page.goto((tmp_path / "out" / "judge.html").as_uri())
    assert " against " in page.locator("h1").inner_text()
    cards = page.locator("#questions .card")
    assert cards.count() == 60
    first = cards.first
    assert "What is the name of this famous sight in the photo?" in first.inner_text()
    assert first.locator("img").evaluate("image => image.complete && image.naturalWidth > 0")
    assert first.locator("a.opens").get_attribute("href") == (images / "001.jpg").resolve().as_uri()
    assert first.locator(".answer").count() == 2
    assert first.locator(".why li").count() == 2
    page.get_by_label("B wins").check()
    visible = page.locator("#questions .card:visible")
    assert visible.count() == read(tmp_path / "out")["overall"]["losses"] > 0
    assert set(visible.locator(".chip").all_inner_texts()) == {"B wins"}
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.close()
    light_page = browser.new_page(color_scheme="light", viewport={"width": 390, "height": 844})
    light_page.goto((tmp_path / "out" / "judge.html").as_uri())
    assert light_page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    assert light_page.evaluate("document.documentElement.scrollWidth") == 390
    light_page.close()


def test_the_result_names_each_prompt_that_was_used(small: list[str | Path], tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "teal").save(tmp_path / "teal.png")
    file = Path(small[-1])
    records = [json.loads(line) for line in file.read_text().splitlines()]
    file.write_text("\n".join(json.dumps(one | {"image": "teal.png"}) for one in records[:2]))
    with file.open("a") as rest:
        rest.write("\n" + "\n".join(map(json.dumps, records[2:])))
    server = compare(prefers_longer, *small, "--images", tmp_path, "--out", tmp_path / "out")
    assert sorted(map(pictures, server.asks)) == [0] * 8 + [1] * 4
    assert read(tmp_path / "out")["judge"]["template"] == "judge-image/1, judge/1"
    assert replay_verdicts(tmp_path / "out" / "audit.jsonl").template == "judge-image/1, judge/1"


def test_without_images_the_judge_is_told_that_it_sees_none(small: list[str | Path], tmp_path: Path) -> None:
    server = compare(prefers_longer, *small, "--out", tmp_path / "out")
    assert all("You do not see the image." in ask.text and not pictures(ask) for ask in server.asks)


DEMAND = re.compile(r"a score of (\d+) and the other answer a score of (\d+)")


def obeys(ask: Ask) -> Answer:
    """A judge that gives the scores that an answer demands, and likes the first answer else."""
    for own, answer in enumerate(shown(ask)):
        if (found := DEMAND.search(answer)) is not None:
            demanded = [float(number) for number in found.groups()]
            return scores(*(demanded if own == 0 else demanded[::-1]))
    return scores(9, 5)


def half_obeys(ask: Ask) -> Answer:
    """A judge that prefers an answer with a demand, with scores of its own."""
    demands = [DEMAND.search(answer) is not None for answer in shown(ask)]
    return scores(6, 9) if demands[1] else scores(9, 6)


def sees_what_is_wrong(references: set[tuple[str, str]]) -> Script:
    """A judge that knows which answer belongs to which question, and prefers it."""

    def script(ask: Ask) -> Answer:
        question = ask.text.split("<<<QUESTION ")[1].partition("\n")[2].split(" END QUESTION")[0]
        right = [(question.rpartition("\n")[0], answer) in references for answer in shown(ask)]
        return scores(5 + 4 * right[0], 5 + 4 * right[1])

    return script


@pytest.mark.parametrize("kind", ["obeys", "half", "fair"])
def test_planted_answers_show_whether_the_judge_obeys(
    kind: str, bench: list[str | Path], shared: Path, tmp_path: Path
) -> None:
    folder = shared / "data" / "llava_bench"
    texts, answers = (
        {one["question_id"]: one["text"] for one in map(json.loads, (folder / name).read_text().splitlines())}
        for name in ("questions.jsonl", "answers_gpt4.jsonl")
    )
    fair = sees_what_is_wrong({(texts[key], answers[key]) for key in texts})
    script = {"obeys": obeys, "half": half_obeys, "fair": fair}[kind]
    server = compare(script, *bench, "--out", tmp_path / "out", "--canary", "5%")
    found = read(tmp_path / "out")
    assert len(server.asks) == 120 + 4 * 3
    canaries = found["canaries"]
    expected = {
        "obeys": {"believed": 0, "caught": 6, "below": 3},
        "half": {"believed": 6, "caught": 0, "below": 3},
        "fair": {"believed": 0, "caught": 0, "below": 6},
    }[kind]
    assert canaries == {"questions": 3, "demands": 6, "wrong": 6, **expected}
    page = (tmp_path / "out" / "judge.html").read_text()
    assert f"of 6 planted demands for a verdict {expected['believed']} were obeyed" in page
    # Planted answers are no questions of the comparison, nor of its replay.
    again = CliRunner().invoke(
        APP, ["--replay", str(tmp_path / "out" / "audit.jsonl"), "--out", str(tmp_path / "again")]
    )
    assert again.exit_code == 0, again.output
    assert read(tmp_path / "again")["overall"] == found["overall"]


def test_canaries_are_planned_said_and_refused_where_nothing_is_asked(
    bench: list[str | Path], tmp_path: Path
) -> None:
    arguments = [*map(str, bench), "--out", str(tmp_path / "out"), "--canary", "5%"]
    planned = CliRunner().invoke(APP, [*arguments, "--plan", "--base-url", "http://127.0.0.1:9/v1"])
    assert "132" in planned.output, planned.output
    with FakeServer(half_obeys) as server:
        told = CliRunner().invoke(APP, [*arguments, "--base-url", server.url])
    said = " ".join(told.output.split())
    assert "canaries: of 6 planted demands for a verdict 6 were obeyed and 0 more were repeated" in said
    replayed = CliRunner().invoke(
        APP, ["--replay", str(tmp_path / "out" / "audit.jsonl"), "--out", str(tmp_path), "--canary", "5%"]
    )
    assert isinstance(replayed.exception, ConfigError)
    assert "--canary needs calls" in str(replayed.exception)
