import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.evaluation import made
from tests.evaluation.models import Colour, answer, records

from finegold.errors import ConfigError, DataError, RunError
from finegold.evaluation.answering import EvaluationOptions, find_profile
from finegold.evaluation.answers import read_all_answers, read_settings
from finegold.evaluation.evaluate import answer_task, half_of
from finegold.evaluation.notes import keep_fitted
from finegold.evaluation.results import score_folder
from finegold.evaluation.task import TASKS
from finegold.models import load_model
from finegold.run import Shard, read_sealed
from finegold.statistics import Bootstrap

QUICK = Bootstrap(replicates=100)
COUNTS = {1: 362, 2: 260, 3: 136, 4: 71, 5: 54, 6: 40, 7: 29, 8: 27, 9: 21}
"""Gold answers of the published counting file, a tenth of each."""


def blind(data: Path, out: Path, task: str, model: str) -> dict[str, dict[str, float]]:
    """Metrics of a blind model by scoring."""
    answer_task(TASKS.get(task), data, out, load_model(model), EvaluationOptions(batch_size=5000))
    scores = score_folder(out, QUICK)["tasks"][task]["scores"]
    return {scoring: {one["metric"]: one["value"] for one in found} for scoring, found in scores.items()}


@pytest.mark.parametrize(
    ("model", "ehub", "strict"),
    [("constant:1 2 3 4 5 6 7 8 9", 1.0, 0.362), ("constant:1", 0.362, 0.362), ("constant:many", 0, 0)],
)
def test_counting_to_nine_is_right_as_published_and_no_better_than_one_when_read(
    tmp_path: Path, model: str, ehub: float, strict: float
) -> None:
    made.vcr_oc(tmp_path, [count for count, times in COUNTS.items() for _ in range(times)], images=False)

    found = blind(tmp_path, tmp_path / "out", "vcr-oc", model)

    assert found["ehub"] == {"accuracy": ehub}
    assert found["strict"]["accuracy"] == strict


@pytest.mark.parametrize(
    ("task", "model", "ehub", "strict"),
    [
        ("vcr-mci", "constant:Yes or no", 1.0, 0.0),
        ("vcr-mci", "constant:Yes", 0.504, 0.504),
        ("vcr-mci", "spelling-rule", 1.0, 1.0),
        ("vcr-mci-repaired", "spelling-rule", 0.504, 0.504),
        ("vcr-mci-repaired", "constant:Yes or no", 1.0, 0.0),
    ],
)
def test_blind_identification_collapses_when_answers_are_read_and_the_spelling_is_repaired(
    tmp_path: Path, task: str, model: str, ehub: float, strict: float
) -> None:
    made.vcr_mci(tmp_path, [number < 504 for number in range(1000)], images=False)

    found = blind(tmp_path, tmp_path / "out", task, model)

    assert found["ehub"] == {"accuracy": ehub}
    assert found["strict"]["accuracy"] == strict


def test_naming_both_choices_is_right_as_published_only(tmp_path: Path) -> None:
    made.vsr(tmp_path)
    made.scienceqa_problems(tmp_path)

    assert blind(tmp_path, tmp_path / "out", "vsr", "constant:Yes or no") == {
        "ehub": {"accuracy": 1.0},
        "strict": {"accuracy": 0.0, "unreadable": 1.0},
    }
    every_choice = "constant:red fox, red, a blue whale"
    assert blind(tmp_path, tmp_path / "all", "scienceqa", every_choice) == {
        "ehub": {"accuracy": 1.0},
        "strict": {"accuracy": 0.0, "unreadable": 1.0},
    }


def test_every_item_gets_an_answer_with_what_was_asked(tmp_path: Path) -> None:
    made.okvqa(tmp_path)

    answer(tmp_path, tmp_path / "out", task="okvqa")

    rows = records(tmp_path / "out", "okvqa")
    assert [row["id"] for row in rows] == ["2971470", "2971471", "2971482", "2971483"]
    assert rows[0]["prompt"] == "What sport is this?"
    assert len(rows[0]["references"]) == 10
    assert all(row["problem"] is None for row in rows)
    settings = json.loads((tmp_path / "out" / "answers" / "okvqa.json").read_text())
    assert (settings["prompts"], settings["max_new_tokens"]) == ("ehub-2023-07", 256)


def test_a_killed_run_goes_on_to_the_same_file(tmp_path: Path) -> None:
    made.flickr30k(tmp_path, 14)
    _, whole = answer(tmp_path, tmp_path / "whole")
    root = Path(__file__).parents[2]
    for batches in (2, 1):
        run = subprocess.run(
            [sys.executable, "-m", "tests.evaluation.models", tmp_path, tmp_path / "killed", str(batches)],
            env=os.environ | {"PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"},
            check=False,
        )
        assert run.returncode == -signal.SIGKILL
    path = tmp_path / "killed" / "answers" / "flickr30k.jsonl"
    assert path.read_bytes().count(b"\n") == 9
    # What a kill inside a write leaves: an answer of the next batch, and half a line.
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:10]) + whole.splitlines()[10][:40])

    model, resumed = answer(tmp_path, tmp_path / "killed")

    assert resumed == whole
    assert len(model.calls) == 2


def test_answering_again_asks_nothing_and_a_longer_run_adds(tmp_path: Path) -> None:
    made.flickr30k(tmp_path, 8)
    answer(tmp_path, tmp_path / "out", limit=6)

    again, short = answer(tmp_path, tmp_path / "out", limit=6)
    more, whole = answer(tmp_path, tmp_path / "out")

    assert again.calls == []
    assert len(more.calls) == 1
    assert whole.startswith(short)
    assert whole.count(b"\n") == 8


def test_shards_score_as_the_whole_does(tmp_path: Path) -> None:
    made.flickr30k(tmp_path, 8)
    answer(tmp_path, tmp_path / "whole", batch_size=1)
    for index in (3, 1):
        answer(tmp_path, tmp_path / "shards", batch_size=1, shard=Shard(index, 3))
    with pytest.raises(RunError, match="lacks the shards 2 of 3 of flickr30k"):
        score_folder(tmp_path / "shards", QUICK)

    answer(tmp_path, tmp_path / "shards", batch_size=1, shard=Shard(2, 3))

    assert score_folder(tmp_path / "shards", QUICK) == score_folder(tmp_path / "whole", QUICK)


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b"])
def test_a_shard_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="expected I/N"):
        Shard.parse(text)


def test_bad_images_and_failed_calls_are_counted_and_not_scored(tmp_path: Path) -> None:
    made.vsr(tmp_path, [1, 1, 0, 0, 1, 1])
    images = tmp_path / "vsr" / "images"
    (images / f"{0:012d}.jpg").unlink()
    (images / f"{1:012d}.jpg").write_bytes(b"no image")
    items = TASKS.get("vsr").items(tmp_path, TASKS.get("vsr").split())
    prompts = [TASKS.get("vsr").prompt("ehub-2023-07").render(item) for item in items]

    answer(tmp_path, tmp_path / "out", task="vsr", model=Colour(fails=frozenset(prompts[4:5])))

    found = score_folder(tmp_path / "out", QUICK)["tasks"]["vsr"]
    assert found["failed"] == {"missing-image": 2, "unreadable-image": 2, "call-failed": 1}
    assert found["answered"] == 1
    assert found["scores"]["ehub"][0]["items"] == 1
    retried, _ = answer(tmp_path, tmp_path / "out", task="vsr", retry_failed=True)
    assert [len(call) for call in retried.calls] == [2]
    assert score_folder(tmp_path / "out", QUICK)["tasks"]["vsr"]["answered"] == 2
    assert [row["id"] for row in records(tmp_path / "out", "vsr")] == [item.id for item in items]


def test_an_image_is_what_it_holds_and_not_what_its_name_says(tmp_path: Path) -> None:
    made.vsr(tmp_path, [1])
    path = tmp_path / "vsr" / "images" / f"{0:012d}.jpg"
    with Image.open(path) as image:
        image.save(path, "PNG")

    answer(tmp_path, tmp_path / "out", task="vsr")

    assert "(24, 16)" in records(tmp_path / "out", "vsr")[0]["answer"]


def test_a_folder_keeps_to_one_model_and_one_setting(tmp_path: Path) -> None:
    made.flickr30k(tmp_path)
    made.vsr(tmp_path)
    answer(tmp_path, tmp_path / "out")

    with pytest.raises(
        RunError, match=r"with model .*colour.*, and now it is .*other.*: name another folder"
    ):
        answer(tmp_path, tmp_path / "out", task="vsr", model=Colour(name="other"))
    with pytest.raises(RunError, match=r'with prompts "ehub-2023-07", and now it is "direct"'):
        answer(tmp_path, tmp_path / "out", prompts="direct")


def test_changed_files_are_noticed(tmp_path: Path) -> None:
    made.flickr30k(tmp_path)
    answer(tmp_path, tmp_path / "out")
    token = tmp_path / "flickr30k" / "results_20130124.token"
    made.write(token, token.read_text().replace("dog number 2", "cat number 2"))

    with pytest.raises(RunError, match=r"another question with the id 2.jpg"):
        answer(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("how", ["another file", "written over", "of equal size and time"])
def test_items_whose_image_was_replaced_under_its_name_are_answered_again(
    how: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.flickr30k(tmp_path, 6)
    folder = tmp_path / "flickr30k" / "flickr30k-images"
    for number in range(6):
        Image.new("RGB", (24, 16), (number, 0, 0)).save(folder / f"{number}.jpg", "BMP")
    _, before = answer(tmp_path, tmp_path / "out", batch_size=1)
    for number in (1, 4):
        path, other = folder / f"{number}.jpg", tmp_path / "other"
        Image.new("RGB", (24, 16), (number, 99, 0)).save(other, "BMP")
        found = path.stat()
        assert other.stat().st_size == found.st_size
        if how == "another file":
            other.replace(path)
        else:
            path.write_bytes(other.read_bytes())
        if how == "of equal size and time":
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))

    model, after = answer(tmp_path, tmp_path / "out", batch_size=1)

    assert len(model.calls) == 2
    assert "flickr30k: 2 images changed since they were answered: again" in capsys.readouterr().err
    pairs = zip(before.splitlines(), after.splitlines(), strict=True)
    assert [number for number, (old, new) in enumerate(pairs) if old != new] == [1, 4]
    assert answer(tmp_path, tmp_path / "fresh", batch_size=1)[1] == after
    assert answer(tmp_path, tmp_path / "out", batch_size=1)[0].calls == []


def test_missing_files_are_an_error_with_source_and_terms(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"nocaps lacks nocaps_val_4500_captions.json from https://.*terms: CC"
    ):
        answer(tmp_path, tmp_path / "out", task="nocaps")


def test_scores_have_intervals_numbers_and_groups(tmp_path: Path) -> None:
    made.nocaps(tmp_path)
    answer(tmp_path, tmp_path / "out", task="nocaps")

    results = score_folder(tmp_path / "out", QUICK)

    assert results == read_sealed(tmp_path / "out" / "results.json")
    strict = results["tasks"]["nocaps"]["scores"]["strict"]
    assert [one["metric"] for one in strict] == ["CIDEr-D", "CIDEr", "BLEU-4", "ROUGE-L"]
    assert strict[0]["items"] == strict[0]["images"] == 3
    assert strict[0]["low"] <= strict[0]["value"] <= strict[0]["high"]
    assert list(strict[0]["categories"]) == ["in-domain", "near-domain", "out-domain"]
    assert "| nocaps | val | strict | BLEU-4 |" in (tmp_path / "out" / "results.md").read_text()


def test_halves_share_no_image_and_are_the_same_for_every_task(tmp_path: Path) -> None:
    made.flickr30k(tmp_path, 20)
    answer(tmp_path, tmp_path / "a", half="a")
    answer(tmp_path, tmp_path / "b", half="b")

    first, second = ({row.image for row in read_all_answers(tmp_path / h, "flickr30k")} for h in "ab")

    assert first
    assert second
    assert first | second == {f"{number}.jpg" for number in range(20)}
    assert not first & second
    assert all(half_of(image) == "a" for image in first)


def test_the_sampling_profile_crops_each_image_the_same_way_in_any_batch(tmp_path: Path) -> None:
    made.flickr30k(tmp_path)
    said: list[list[str]] = []
    for size in (1, 1, 4):
        out = tmp_path / str(len(said))
        options = EvaluationOptions(profile=find_profile("ehub-2023"), batch_size=size, seed=7)
        answer_task(TASKS.get("flickr30k"), tmp_path, out, Colour(), options)
        said.append([row["answer"].split(" in ")[0] for row in records(out, "flickr30k")])

    assert said[0] == said[1] == said[2]
    assert all("(224, 224)" in one for one in said[0])


def test_the_sampling_profile_chooses_everything_together(tmp_path: Path) -> None:
    made.flickr30k(tmp_path)
    made.vsr(tmp_path)
    options = EvaluationOptions(profile=find_profile("ehub-2023"), batch_size=2, seed=7)
    for task in ("flickr30k", "vsr"):
        answer_task(TASKS.get(task), tmp_path, tmp_path / "out", Colour(), options)
    kept = read_settings(tmp_path / "out")
    assert kept["flickr30k"]["profile"] == {
        "name": "ehub-2023",
        "temperature": 1.0,
        "top_p": 0.9,
        "random_crop": True,
        "top_k": 50,
        "decoding": "original",
    }
    assert [kept[task]["prompts"] for task in kept] == ["ehub-2023-07"] * 2
    assert [kept[task]["max_new_tokens"] for task in ("flickr30k", "vsr")] == [16, 256]
    assert records(tmp_path / "out", "vsr")[0]["prompt"] == (
        "Question: Is the following caption right? The cat 0 is left of the sofa.\nOptions: No Yes\n"
    )
    other = EvaluationOptions(profile=find_profile("ehub-2023"), prompts="direct", decoding="finegold")
    answer_task(TASKS.get("vsr"), tmp_path, tmp_path / "other", Colour(), other)
    kept = read_settings(tmp_path / "other")
    assert kept["vsr"]["prompts"] == "direct"
    assert "decoding" not in kept["vsr"]["profile"]


def test_tokens_are_drawn_as_lvlm_ehub_drew_them() -> None:
    """`Chat.batch_answer` of LVLM-eHub (bd2999a) under transformers 4.29.2, which it pins.

    That call names temperature 1, top-p 0.9, one beam and no penalties. Top-k 50 is the default of that
    version. Its `min_length` of 1 changes nothing, because the start token counts there.
    """
    sampling = find_profile("ehub-2023").sampling(16, seed=0)
    assert sampling.arguments() == {
        "max_new_tokens": 16,
        "do_sample": True,
        "num_beams": 1,
        "temperature": 1.0,
        "top_p": 0.9,
        "top_k": 50,
    }


def test_greedy_answers_of_earlier_versions_are_continued(tmp_path: Path) -> None:
    """The settings of the default profile are what they were."""
    made.flickr30k(tmp_path)
    answer(tmp_path, tmp_path / "out")
    assert read_settings(tmp_path / "out")["flickr30k"]["profile"] == {
        "name": "greedy",
        "temperature": 0.0,
        "top_p": 1.0,
        "random_crop": False,
    }


def test_tasks_that_a_selection_was_fitted_on_are_marked(tmp_path: Path) -> None:
    made.okvqa(tmp_path)
    made.vsr(tmp_path)
    for task in ("okvqa", "vsr"):
        answer(tmp_path, tmp_path / "out", task=task)

    def marks() -> dict[str, Any]:
        found = score_folder(tmp_path / "out", QUICK)["tasks"]
        return {name: task["used_to_fit"] for name, task in found.items()}

    assert marks() == {"okvqa": ["mm-lima"], "vsr": []}
    keep_fitted(tmp_path / "out", None, ["vsr"])
    assert marks() == {"okvqa": ["mm-lima"], "vsr": ["this selection"]}
    keep_fitted(tmp_path / "out", None, [])
    assert marks()["vsr"] == ["this selection"]
    assert "this selection" in (tmp_path / "out" / "results.md").read_text()


def test_free_answers_are_written_for_the_judge(tmp_path: Path) -> None:
    from finegold.judging.files import read_answer_set, read_judge_questions

    made.llava_bench(tmp_path)
    for task in ("llava-bench-coco", "llava-bench-wild"):
        answer(tmp_path, tmp_path / "out", task=task)

    folder = tmp_path / "out" / "judge"
    questions = read_judge_questions(folder / "llava-bench-coco.questions.jsonl")
    answers = read_answer_set(folder / "llava-bench-coco.answers.jsonl", questions)
    assert [question.category for question in questions] == ["conv", "detail", "complex"]
    assert answers.name == "colour"
    assert set(answers.texts) == {"0", "1", "2"}
    wild = read_judge_questions(folder / "llava-bench-wild.questions.jsonl")
    assert [question.id for question in wild] == ["7"]
    assert score_folder(tmp_path / "out", QUICK)["tasks"]["llava-bench-wild"]["scores"] == {}
