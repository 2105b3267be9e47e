import json
from pathlib import Path

import pytest
from tests.evaluation import made

from finegold.cli.evaluate import compare_results, evaluate
from finegold.cli.tasks import tasks
from finegold.errors import ConfigError, DataError


def test_evaluate_answers_scores_and_compares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made.vsr(tmp_path, [1, 1, 1, 0])
    made.okvqa(tmp_path)
    yes, no = tmp_path / "yes", tmp_path / "no"

    evaluate(yes, "constant:Yes", tasks="all", task_data=tmp_path, draws=100)
    said = capsys.readouterr().out
    assert "vsr: 4 items in" in said
    assert "nocaps: skipped, it lacks nocaps_val_4500_captions.json from https://" in said
    assert "75.0" in said

    (yes / "results.json").unlink()
    lmms = tmp_path / "lmms_results.json"
    lmms.write_text(json.dumps({"results": {"ok_vqa_val2014": {"exact_match,none": 0.337}}}))
    evaluate(yes, rescore=True, draws=100, fitted_on="vsr", lmms_eval=lmms)
    said = capsys.readouterr().out
    assert "this selection" in said
    assert "33.7" in said
    results = json.loads((yes / "results.json").read_text())
    assert results["tasks"]["vsr"]["scores"]["strict"][0]["value"] == 0.75

    evaluate(
        no, "constant:No", tasks="vsr", task_data=tmp_path, split=["vsr=zeroshot-test"], limit=1, draws=100
    )
    compare_results(yes, [no], out=tmp_path / "comparison.json", draws=100)
    assert "split differs: ehub and zeroshot-test" in capsys.readouterr().out
    comparison = json.loads((tmp_path / "comparison.json").read_text())
    assert comparison["comparisons"][0]["tasks"]["vsr"]["items"] == 1


def test_a_named_task_that_is_missing_stops_before_anything_is_asked(tmp_path: Path) -> None:
    made.vsr(tmp_path)

    with pytest.raises(DataError, match=r"vcr-oc lacks vcr1_oc.json from https://.*terms"):
        evaluate(tmp_path / "out", "constant:1", tasks="vsr,vcr-oc", task_data=tmp_path)
    with pytest.raises(DataError, match="no benchmark has its files"):
        evaluate(tmp_path / "out", "constant:1", task_data=tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()


def test_wrong_options_are_explained(tmp_path: Path) -> None:
    made.vsr(tmp_path)

    with pytest.raises(ConfigError, match="a MODEL and --task-data are needed"):
        evaluate(tmp_path / "out")
    with pytest.raises(ConfigError, match="expected TASK=SPLIT"):
        evaluate(tmp_path / "out", "constant:1", task_data=tmp_path, split=["vsr"])


def test_tasks_lists_sizes_prompts_and_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made.vsr(tmp_path)

    tasks(task_data=tmp_path)

    said = capsys.readouterr().out
    assert "split ehub: 10,972 items" in said
    assert "'what is described in the image?', 16 new tokens" in said
    assert "vsr/images/: there" in said
    assert "nocaps/val_imgs/: MISSING, https://nocaps.org/download" in said
