"""The tasks `caption` and `questions` over datasets of one's own, in several formats."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.evaluation.models import Colour, records

from finegold.errors import ConfigError, DataError
from finegold.evaluation import EvaluationOptions, evaluate, find_tasks, score_folder
from finegold.evaluation.compare import compare_folders
from finegold.evaluation.task import Item
from finegold.metrics import caption_tokens, cider_d, raw_tokens
from finegold.models import Sampling
from finegold.models.base import GREEDY
from finegold.samples import Exclusion
from finegold.statistics import Bootstrap
from finegold.workflow.overlap import task_benchmark

QUICK = Bootstrap(replicates=100)


def llava(key: str, image: Any, *turns: tuple[str, str], **fields: Any) -> dict[str, Any]:
    said = [
        {"from": who, "value": text}
        for pair in turns
        for who, text in zip(("human", "gpt"), pair, strict=True)
    ]
    return {"id": key, "image": image, "conversations": said, **fields}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows beside a folder with eight photos and one broken one."""
    (tmp_path / "images").mkdir()
    for number in range(8):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    (tmp_path / "images/broken.png").write_bytes(b"\x89PNG\r\n")

    def write(rows: Sequence[Any], name: str = "held.json") -> Path:
        (tmp_path / name).write_text(json.dumps(rows))
        return tmp_path / name

    return write


def read(task: str, data: Path | str) -> list[Item]:
    (found,) = find_tasks([f"{task}={data}"])
    return found.items(Path(), found.split())


class Says(Colour):
    """Answers each question by a rule; may be shown earlier turns."""

    def __init__(self, rule: Callable[[str], str], name: str = "says", turns: bool = False) -> None:
        super().__init__(name)
        self.rule, self.turns, self.seen = rule, turns, list[tuple[Any, str]]()

    def sees_turns(self) -> bool:
        return self.turns

    def answer(
        self, images: Sequence[Image.Image | None], prompts: Sequence[str], sampling: Sampling = GREEDY
    ) -> list[str | Exclusion]:
        del images, sampling
        self.seen += [((), prompt) for prompt in prompts]
        return [self.rule(prompt) for prompt in prompts]

    def reply(self, image: Any, earlier: Any, prompt: str, sampling: Any, on_text: Any = None) -> str:
        del image, sampling, on_text
        self.seen.append((earlier, prompt))
        return self.rule(prompt)


def test_rows_of_one_image_and_question_are_one_item_with_their_answers(write: Callable[..., Path]) -> None:
    rows = [
        llava("a", "0.png", ("<image>\nWhat is it?", "A dog.")),
        llava("b", "0.png", ("What is it?\n<image>", "Dog")),
        llava("c", "0.png", ("<image>\nWhat is it?", "A dog.")),
        llava("d", "1.png", ("<image>\nWhat is it?", "A cat.")),
        llava("d", "0.png", ("<image>\nHow many are there?", "two")),
        llava("e", "1.png", ("<image>\nHow many?", "2"), ("And is it a dog?", "No."), kind="chat"),
        llava("f", "2.png", ("<image>\nIs it a dog?", "yes")),
    ]
    items = read("questions", write(rows))

    assert [(item.id, item.references, item.category) for item in items] == [
        ("a", ("A dog.", "Dog"), "other"),
        ("d", ("A cat.",), "other"),
        ("d (row 4)", ("two",), "number"),
        ("e/1", ("2",), "chat"),
        ("e/2", ("No.",), "chat"),
        ("f", ("yes",), "yes/no"),
    ]
    assert [item.earlier for item in items[3:5]] == [(), (("How many?", "2"),)]
    assert {item.image.name for item in items} == {"0.png", "1.png", "2.png"}
    assert read("caption", write(rows))[0].category == "all"


def test_answers_are_matched_by_kind_and_earlier_turns_are_shown(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    rows = [llava(f"y{n}", f"{n}.png", ("<image>\nIs it red?", "Yes" if n < 6 else "No")) for n in range(8)]
    rows += [llava(f"n{n}", f"{n}.png", ("<image>\nHow many?", "2"), ("What?", "The dog.")) for n in range(4)]
    model = Says(
        {"Is it red?": "Yes, it is red.", "How many?": "two", "What?": "dog"}.__getitem__, turns=True
    )
    results = evaluate(model, f"questions={write(rows)}", None, tmp_path / "out", bootstrap=QUICK)

    task = results["tasks"]["questions=held"]
    strict = {score["metric"]: score for score in task["scores"]["strict"]}
    assert {name: (score["value"], score["items"], score["images"]) for name, score in strict.items()} == {
        "normalised match": (8 / 16, 16, 8),
        "exact match": (0.0, 16, 8),
        "yes/no, read (8 items)": (6 / 8, 16, 8),
    }
    kinds = strict["normalised match"]["categories"]
    assert {kind: (one["value"], one["items"]) for kind, one in kinds.items()} == {
        "number": (1.0, 4),
        "other": (1.0, 4),
        "yes/no": (0.0, 8),
    }
    assert (
        "| normalised match: number | 100.0 | 100.0 … 100.0 | 4 |"
        in (tmp_path / "out/results.md").read_text()
    )
    assert ((("How many?", "2"),), "What?") in model.seen
    assert task["earlier_turns"] == "shown"
    assert score_folder(tmp_path / "out", QUICK) == results
    # A model that reads single questions gets each alone, and the comparison says so.
    other = Says(lambda _: "Yes", "alone")
    alone = evaluate(other, f"questions={tmp_path / 'held.json'}", None, tmp_path / "alone", bootstrap=QUICK)
    assert alone["tasks"]["questions=held"]["earlier_turns"] == "not shown"
    found = compare_folders(tmp_path / "out", [tmp_path / "alone"], QUICK)["comparisons"][0]["tasks"]
    assert found["questions=held"]["differing_settings"] == {"earlier_turns": ["shown", "not shown"]}
    match, exact, _ = found["questions=held"]["scores"]["strict"]
    assert (match["first"], match["second"], match["images"]) == (8 / 16, 6 / 16, 8)
    assert exact["value"] == exact["second"] == 6 / 16
    assert exact["low"] < 6 / 16 < exact["high"]


def test_rows_that_cannot_be_asked_are_counted_with_their_reasons(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    ask = ("<image>\nWhat is it?", "A dog.")
    rows = [
        llava("good", "0.png", ask),
        llava("absent", "none.png", ask),
        llava("broken", "broken.png", ask),
        llava("silent", "1.png", ("<image>\nWhat is it?", " ")),
        llava("text", None, ("What is it?", "A dog.")),
        llava("two", ["1.png", "2.png"], ("<image><image>\nWhat is it?", "A dog.")),
        llava("outside", "../../secret.png", ask),
        llava("more", "3.png", ("<image><image> What is it?", "A dog.")),
        17,
        llava("good", "4.png", ask),
    ]
    data = write(rows)
    model = Says(lambda _: "A dog.")
    results = evaluate(model, [f"questions={data}"], None, tmp_path / "out", bootstrap=QUICK)

    task = results["tasks"]["questions=held"]
    assert (task["items"], task["answered"]) == (len(rows), 2)
    assert task["failed"] == {
        "missing-image": 2,
        "unreadable-image": 1,
        "empty-answer": 1,
        "several-images": 1,
        "outside-root": 1,
        "placeholder-mismatch": 1,
        "malformed-row": 1,
    }
    answers = records(tmp_path / "out", "questions=held")
    reasons = [one["problem"]["reason"] for one in answers if one["problem"]]
    assert "17" not in reasons
    blind = evaluate("constant:A dog.", [f"questions={data}"], None, tmp_path / "blind", bootstrap=QUICK)
    # A model that does not look needs no image file, but a row without an item has none for it either.
    assert blind["tasks"]["questions=held"]["answered"] == 4
    # What pools are compared with are the items that are asked.
    (found,) = find_tasks([f"questions={data}"])
    compared = task_benchmark("held", data, found.items(Path(), found.split())).items
    assert [one.name for one in compared] == ["good", "absent", "broken", "good (row 9)"]
    assert compared[0].texts == ("What is it? A dog.",)


def test_captions_are_scored_raw_and_normalised_as_those_of_flickr30k(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    said = [
        [f"A {thing} runs on {where} {n} ." for thing in ("dog", "cat")]
        for n in range(8)
        for where in ["grass"]
    ]
    rows = [{"image": f"{n}.png", "caption": one} for n, several in enumerate(said) for one in several]
    results = evaluate(
        Says(lambda _: "A dog runs on Grass 3"),
        f"caption={write(rows)}",
        None,
        tmp_path / "out",
        bootstrap=QUICK,
    )

    scores = results["tasks"]["caption=held"]["scores"]
    answers = ["A dog runs on Grass 3"] * 8
    for scoring, tokens in (("ehub", raw_tokens), ("strict", caption_tokens)):
        wanted = cider_d(
            [tokens(one) for one in answers], [[tokens(one) for one in several] for several in said]
        )
        assert scores[scoring][0]["value"] == pytest.approx(wanted.mean())
    assert [one["metric"] for one in scores["strict"]] == ["CIDEr-D", "CIDEr", "BLEU-4", "ROUGE-L"]


def test_every_format_is_read_and_bytes_of_one_image_are_one_image(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    table = {"image": [buffer.getvalue()] * 2, "question": ["What?", "Where?"], "answer": ["a", "b"]}
    pq.write_table(pa.table(table), tmp_path / "bytes.parquet")
    items = read("questions", tmp_path / "bytes.parquet")
    assert len({item.image.name for item in items}) == 1
    assert [item.references for item in items] == [("a",), ("b",)]

    write([{"photo": "1.png", "ask": "What?", "say": "x", "category": "c"}], "own.json")
    mix = tmp_path / "mix.toml"
    mix.write_text(
        '[[sources]]\nname = "own"\npath = "own.json"\nimages = "images"\n'
        'columns = { image = "photo", question = "ask", answer = "say" }\n'
    )
    (item,) = read("questions", mix)
    assert (item.question, item.references, item.category) == ("What?", ("x",), "c")
    assert item.image.name == "own/1.png"
    with pytest.raises(DataError, match="there is no"):
        read("questions", tmp_path / "none.json")


def test_several_datasets_stand_beside_benchmarks(write: Callable[..., Path], tmp_path: Path) -> None:
    one = write([llava("a", "0.png", ("<image>\nWhat?", "x"))], "one.json")
    two = write([llava("a", "1.png", ("<image>\nWhat?", "y"))], "two.json")
    options = EvaluationOptions(prompts="direct")
    found = evaluate(
        Says(lambda _: "x"),
        [f"questions={one}", f"questions={two}", f"caption={one}"],
        None,
        tmp_path / "out",
        options,
    )
    values = {name: task["scores"]["strict"][0]["value"] for name, task in found["tasks"].items()}
    assert list(values) == ["caption=one", "questions=one", "questions=two"]
    assert (values["questions=one"], values["questions=two"]) == (1.0, 0.0)
    # Without =FILE the file, or a folder `questions` in a folder, comes from --task-data.
    (task,) = find_tasks(["questions"])
    assert task.items(one, task.split()) == read("questions", one)
    with pytest.raises(
        ConfigError, match="are both called questions=one: give one of the files another name"
    ):
        find_tasks([f"questions={one}", "questions=elsewhere/one.json"])
    with pytest.raises(ConfigError, match="--task-data is needed for vsr: name the folder"):
        evaluate("constant:x", f"questions={one},vsr", None, tmp_path / "other")
    assert not {"caption", "questions"} & {task.name for task in find_tasks(["all"])}
