"""What single pages need beside the common files, by the name of the page."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.docs.desk import ROWS, photo, succeed, write_rows
from tests.evaluation import made
from tests.report.study.conftest import build, judgement

from finegold.report.study.page import write_findings
from finegold.workflow.judge import write_judgement


def compare(desk: Path) -> None:
    labels = {str(number): ("detailed", "brief", "wrong")[number % 3] for number in range(1, ROWS + 1)}
    (desk / "labels.json").write_text(json.dumps(labels))


def data_from_anywhere(desk: Path) -> None:
    shutil.rmtree(desk / "subset")
    shutil.rmtree(desk / "subset.run")


def deduplicate(desk: Path) -> None:
    for number in (3, 900, 901):
        photo(desk / "BENCH" / f"{number}.jpg", number)
    made.flickr30k(desk / "BENCHMARKS", 3)


def evaluate(desk: Path) -> None:
    shutil.rmtree(desk / "DIR")
    _benchmarks(desk / "DIR")
    _benchmarks(desk / "benchmarks")
    _model(desk)
    for out in ("OUT_A", "OUT_B"):
        succeed("evaluate", f"constant:{out}", "--tasks", "vsr", "--task-data", "DIR", "--out", out)
    lines = []
    for number in range(12):
        photo(desk / "FLICKR8K/images" / f"{number}.jpg", number)
        lines += [f"{number}.jpg\tA thing number {number} stands {k} ." for k in range(5)]
    (desk / "FLICKR8K/captions.tsv").write_text("\n".join(lines))
    _held_out(desk)
    asked = [{"ask": f"What is {n}?", "reply": f"thing {n}", "photo": f"{n}.jpg"} for n in range(1, 4)]
    made.write_lines(desk / "shapes.jsonl", asked)


def generate(desk: Path) -> None:
    _model(desk)
    for name in ("MODEL_A", "MODEL_B"):
        shutil.copytree(desk / "MODEL", desk / name)
    questions = [{"question_id": n, "image": f"{n}.jpg", "text": "What is this?"} for n in (1, 2)]
    made.write_lines(desk / "Q.jsonl", questions)


def inspect(desk: Path) -> None:
    numbers = range(1, 21)
    asked = [{"ask": f"What is {n}?", "reply": f"It is thing {n}.", "photo": f"{n}.jpg"} for n in numbers]
    made.write_lines(desk / "answers.jsonl", asked)
    spoken = (("Person", "ask"), ("Bot", "reply"))
    dialogs = [
        {"image": row["photo"], "dialog": [{"speaker": who, "said": row[key]} for who, key in spoken]}
        for row in asked
    ]
    made.write_lines(desk / "dialogs.jsonl", dialogs)
    folder = desk / "LlamaFactory/data"
    shutil.copytree(desk / "photos", folder / "mllm_demo_data")
    turns = (("user", "<image>What is it?"), ("assistant", "It is a thing."))
    chats = [
        {
            "messages": [{"role": role, "content": f"{text} {n}"} for role, text in turns],
            "images": [f"mllm_demo_data/{n}.jpg"],
        }
        for n in numbers
    ]
    (folder / "mllm_demo.json").write_text(json.dumps(chats))
    entry = {
        "file_name": "mllm_demo.json",
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "images": "images"},
        "tags": {f"{tag}_tag": tag for tag in ("role", "content", "user", "assistant")},
    }
    (folder / "dataset_info.json").write_text(
        json.dumps({"mllm_demo": entry, "identity": {"file_name": "x"}})
    )


def judge(desk: Path) -> None:
    texts = [f"It is thing number {number}." for number in range(6)]
    for name in ("ours", "theirs"):
        lines = [
            {"question_id": n, "text": f"{text} {name}", "model_id": name} for n, text in enumerate(texts)
        ]
        made.write_lines(desk / f"{name}.jsonl", lines)
    questions = [
        {"question_id": n, "image": f"{n}.jpg", "text": f"What is number {n}?"} for n in range(len(texts))
    ]
    made.write_lines(desk / "questions.jsonl", questions)
    made.write_lines(
        desk / "context.jsonl", [{"image": q["image"], "caption": "A thing."} for q in questions]
    )


def learned_quality(desk: Path) -> None:
    pairs = [
        {
            "sample_ids": [str(1 + (start + n) % ROWS) for n in range(40)],
            "result": start / 7,
            "metric": "accuracy",
        }
        for start in range(0, ROWS, 20)
    ]
    made.write_lines(desk / "pairs.jsonl", pairs)


def metrics(desk: Path) -> None:
    shutil.rmtree(desk / "DIR")
    made.vcr_mci(desk / "DIR", [True, False])


def mixtures(desk: Path) -> None:
    shutil.rmtree(desk / "OUT")
    (desk / "OUT.run").rename(desk / "ONE.run")
    captions = {
        "annotations": [{"image_id": str(n), "caption": f"A picture of thing {n}."} for n in range(1, 61)]
    }
    for number in range(1, 61):
        photo(desk / "minigpt4/image" / f"{number}.jpg", number)
        photo(desk / "vqa/pictures" / f"{number}.jpg", number)
    pool = {"captions": 4000, "vqa": 2000}
    (desk / "studies").unlink()  # other pages find a study's folder there
    for folder in ("studies/mixture/mixtures.jsonl", "runs.jsonl"):
        lines = [
            {
                "arm": f"{share}",
                "choice": "random 15%",
                "rows": {"captions": 900 - share, "vqa": share},
                "pool": pool,
                "scores": {"vqa": 0.3 + share / 1e4, "caption": 0.4 - share / 2e4},
            }
            for share in range(100, 900, 100)
        ]
        (desk / folder).parent.mkdir(parents=True, exist_ok=True)
        made.write_lines(desk / folder, lines)
    (desk / "minigpt4/filter_cap.json").write_text(json.dumps(captions))
    write_rows(desk / "vqa/data.json", 60)
    table = {
        "id": [str(n) for n in range(20)],
        "image": [(desk / "photos" / f"{n + 1}.jpg").read_bytes() for n in range(20)],
        "question": [f"How many things has picture {n}?" for n in range(20)],
        "answer": [f"There are {n} things." for n in range(20)],
    }
    (desk / "some-dataset").mkdir()
    pq.write_table(pa.table(table), desk / "some-dataset/train-00000-of-00001.parquet")


def offline_vlm(desk: Path) -> None:
    _subset(desk)
    write_rows(desk / "rows200.json", 12)
    write_rows(desk / "pool.json", 24)


def pick(desk: Path) -> None:
    for number in range(3):
        photo(desk / "WANTED" / f"{number}.jpg", number)
    (desk / "keep.txt").write_text("7\n8\n")
    (desk / "contaminated.csv").write_text("id\n9\n10\n")


def python(desk: Path) -> None:
    shutil.rmtree(desk / "subset")


def run_folder(desk: Path) -> None:
    ids = [str(number) for number in range(1, ROWS + 1)]
    (desk / "taste.csv").write_text("\n".join(["sample_id,taste", *(f"{i},{int(i) % 7}" for i in ids)]))
    pq.write_table(pa.table({"id": ids, "topic": ["indoor"] * ROWS}), desk / "table.parquet")
    vectors = [[float(i), 1.0, 2.0] for i in range(ROWS)]
    pq.write_table(pa.table({"id": ids, "clip_l": vectors}), desk / "vectors.parquet")


def study(desk: Path) -> None:
    made.flickr30k(desk / "benchmarks", 3)
    _held_out(desk)


def tune(desk: Path) -> None:
    _subset(desk)


def view(desk: Path) -> None:
    write_findings(build(desk), desk / "sweep")
    write_judgement(judgement("ours", "theirs"), desk / "verdicts")


STAND_INS: dict[str, Callable[[Path], None]] = {
    "compare.md": compare,
    "data-from-anywhere.md": data_from_anywhere,
    "deduplicate.md": deduplicate,
    "evaluate.md": evaluate,
    "generate.md": generate,
    "inspect.md": inspect,
    "judge.md": judge,
    "learned-quality.md": learned_quality,
    "metrics.md": metrics,
    "mixtures.md": mixtures,
    "offline-vlm.md": offline_vlm,
    "pick.md": pick,
    "python.md": python,
    "README.md": study,
    "run-folder.md": run_folder,
    "study.md": study,
    "tune.md": tune,
    "view.md": view,
}


def _subset(desk: Path) -> None:
    """A few rows to tune on."""
    write_rows(desk / "SUBSET/captions.json", 12)
    for number in range(1, 13):
        photo(desk / "SUBSET/images" / f"{number}.jpg", number)


def _held_out(desk: Path) -> None:
    """Questions and captions of photos that are in no pool."""
    asked, said = [], []
    for number in range(300, 304):
        photo(desk / "images" / f"{number}.jpg", number)
        asked.append({"image": f"{number}.jpg", "question": "Is it a lamp?", "answer": "no"})
        said.append({"image": f"{number}.jpg", "caption": "A thing in a room."})
    (desk / "heldout.json").write_text(json.dumps(asked))
    made.write_lines(desk / "captions.jsonl", said)


def _model(desk: Path) -> None:
    """A folder that `finegold tune` wrote."""
    _subset(desk)
    succeed("tune", "SUBSET", "--model", "offline", "--steps", "1", "--out", "MODEL")


def _benchmarks(folder: Path) -> None:
    made.flickr30k(folder, 2)
    made.vsr(folder, [0, 1])
