"""A made study: arms that were run, one that was not tuned, one that could not be run, a sweep of sizes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import MakeDataset

from finegold.judging import ComparedAnswers, Judgement, OrderVerdict
from finegold.report.study.findings import (
    ArmResult,
    Better,
    Example,
    Figure,
    Findings,
    Gain,
    Outcome,
    verdict,
)
from finegold.statistics import Estimate

ARMS = (
    ArmResult("pre-trained", "", 0, 1, 0, 0, 0.0),
    ArmResult("random 50", "random", 50, 10, 10, 40, 8.2),
    ArmResult("random 200", "random", 200, 10, 10, 160, 31.0),
    ArmResult("sound 50", "sound", 50, 5, 1, 40, 8.4),
    ArmResult("sound 200", "sound", 200, 5, 1, 160, 31.7, "one subset: the preset draws nothing at random"),
    ArmResult(
        "reward only",
        "reward-only",
        200,
        0,
        0,
        0,
        0.0,
        "no reward model: run finegold score --scorers reward",
    ),
    ArmResult("all rows", "random", 3439, 5, 1, 2750, 431.0, whole=True),
)
CIDER = {
    "pre-trained": (0.31, 0.02),
    "random 50": (0.43, 0.03),
    "random 200": (0.452, 0.02),
    "sound 50": (0.449, 0.02),
    "sound 200": (0.473, 0.011),
    "all rows": (0.455, 0.02),
}


def question(
    metric: str, means: dict[str, tuple[float, float]], better: Better = "higher", scale: float = 100.0
) -> Outcome:
    """Differences to `random 200`, with intervals as wide as those of the means."""
    base = means["random 200"][0]
    figures = []
    for arm, (mean, half) in means.items():
        difference = None
        words, seen = "", False
        if arm != "random 200":
            value = mean - base
            difference = Estimate(value, value - half, value + half)
            words, seen = verdict(difference, better, scale)
        spread = None if arm == "pre-trained" else half / 3
        figures.append(Figure(arm, Estimate(mean, mean - half, mean + half), spread, difference, words, seen))
    return Outcome("flickr30k", "strict", metric, better, scale, 500, 500, tuple(figures), ("mm-lima",))


def judgement(arm: str, baseline: str) -> Judgement:
    def said(number: int, score: float) -> ComparedAnswers:
        orders = (OrderVerdict("ab", score, 5.0, "", 1), OrderVerdict("ba", score, 5.0, "", 1))
        return ComparedAnswers(str(number), "conv" if number % 2 else "detail", 10, 20, orders)

    scores = [9.0] * 20 + [5.0] * 15 + [2.0] * 12
    comparisons = tuple(said(number, score) for number, score in enumerate(scores))
    return Judgement(arm, baseline, "judge-1", ("judge-1",), ("2026-01-01",), "judge/1", 0, comparisons)


def build(folder: Path, text: str = "") -> Findings:
    """A study's findings, with `text` added in every place where a user's or a model's words can stand."""
    image = folder / "photo.png"
    Image.new("RGB", (320, 200), "teal").save(image)

    def mark(name: str) -> str:
        return name + text

    def marked(found: Outcome) -> Outcome:
        figures = tuple(replace(figure, arm=mark(figure.arm)) for figure in found.figures)
        return replace(found, task=mark(found.task), metric=mark(found.metric), figures=figures)

    # Lower is better in losses: the same arms are ahead.
    losses = {arm: (3.6 - mean, half) for arm, (mean, half) in CIDER.items()}
    wrong = {arm: (4.2 + mean / 9, half / 2) for arm, (mean, half) in CIDER.items()}
    blind = dict.fromkeys(CIDER, (0.31, 0.02))
    compared = [arm.name for arm in ARMS if arm.name in CIDER and arm.name != "random 200"]
    gains = tuple(
        Gain(mark(arm), cluster, 40 + 7 * cluster, Estimate(value, value - half, value + half))
        for order, arm in enumerate(compared[1:])
        for cluster in range(8)
        for value, half in [(0.004 * (cluster + order - 5), 0.01 + 0.002 * (8 - cluster))]
    )
    answer = "A brown dog runs over the wet sand of a wide beach while two children watch it."
    examples = tuple(
        Example(
            str(image) if number % 2 == 0 else mark("gone.jpg"),
            mark("Describe the image in one sentence."),
            mark("sound 200"),
            mark("random 200"),
            mark(answer),
            mark("A dog."),
            1.214,
            0.087,
            mark("A dog runs along the beach."),
            mark("The first answer says more, and all of it is there.") if number == 0 else "",
        )
        for number in range(14)
    )
    return Findings(
        name=mark("size-sweep"),
        about=mark("How many rows does it take?"),
        baseline=mark("random 200"),
        model=mark("offline, captioner of this study"),
        recipe=mark("minigpt4-stage2, batch 16"),
        level=0.95,
        arms=tuple(
            replace(arm, name=mark(arm.name), note=mark(arm.note) if arm.note else "") for arm in ARMS
        ),
        questions=(
            marked(question("CIDEr-D", CIDER)),
            marked(question("BLEU-4", {arm: (mean / 3, half) for arm, (mean, half) in CIDER.items()})),
            marked(replace(question("loss, right image", losses, "lower", 1.0), scoring="loss")),
            marked(replace(question("loss, wrong image", wrong, "higher", 1.0), scoring="loss")),
            marked(replace(question("accuracy", blind), scoring="ehub", task="vsr")),
        ),
        gains=gains,
        examples=examples,
        judgements=tuple(
            judgement(mark(arm), mark("random 200")).as_json() for arm in ("sound 200", "all rows")
        ),
        machine={
            "cores": 2,
            "device": "cpu",
            "seconds of the last run": 5120.4,
            "versions": {"finegold": "0.1.0", "torch": "2.13.0"},
        },
        notes=(mark("The judge was not asked about sound 50: the budget was spent."),),
    )


@pytest.fixture(scope="session")
def made_findings() -> Callable[..., Findings]:
    return build


STUDY = """
about = "Drawn shapes"
baseline = "random"
seeds = 2
steps = 2
batch = 4
replicates = 200

[[arms]]
name = "as it is"

[[arms]]
name = "random"
preset = "random"
size = 6

[[arms]]
name = "long"
preset = "length-only"
size = 6

[[arms]]
name = "rewarded"
preset = "clip-only"
weights = { reward = 1.0 }
size = 6
"""


@pytest.fixture
def study_file(make_dataset: MakeDataset, tmp_path: Path) -> Path:
    """A study of 24 rows, measured on six patches of colours in Flickr30k's layout."""
    pool = make_dataset(24)
    images = tmp_path / "benchmarks" / "flickr30k" / "flickr30k-images"
    images.mkdir(parents=True)
    lines = []
    for number in range(6):
        name = f"x{number:04}.png"
        colours = np.random.default_rng(number).integers(0, 255, (7, 7, 3), dtype=np.uint8)
        Image.fromarray(colours).resize((96, 96), Image.Resampling.BICUBIC).save(images / name)
        lines += [f"{name}#{i}\t{text}\n" for i, text in enumerate(("A red circle.", "A drawn shape."))]
    (images.parent / "results_20130124.token").write_text("".join(lines))
    path = tmp_path / "shapes.toml"
    path.write_text(
        f'{STUDY}\n[data]\npath = "{pool}"\nimages = "{pool.parent / "images"}"\n'
        f'[evaluation]\ntasks = ["flickr30k"]\ndata = "{tmp_path / "benchmarks"}"\nbatch = 4\n'
    )
    return path
