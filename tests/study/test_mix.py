"""Mixtures fitted on tables of runs whose truth is planted."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.docs.desk import finegold

from finegold.errors import ConfigError, DataError
from finegold.selection.groups import parse_mixture
from finegold.study import fit_mixtures

POOL = {"captions": 6000, "ocr": 3000, "vqa": 1000}
BEST = np.array([0.2, 0.2, 0.6])


def write_runs(path: Path, mixtures: int = 16, helps: float = 0.3, **change: Any) -> Path:
    """A file of runs of 200 rows: the task `vqa` falls with the distance from BEST, `caption` is noise."""
    rng = np.random.default_rng(0)
    share = np.array(list(POOL.values())) / sum(POOL.values())
    lines = [
        {
            "arm": "all",
            "choice": "random 100%",
            "rows": POOL,
            "pool": POOL,
            "whole": True,
            "scores": {"caption": 0.4, "vqa": 0.5},
        }
    ]
    for number, wanted in enumerate(rng.multinomial(200, rng.dirichlet(3 * share)) for _ in range(mixtures)):
        vqa = 0.5 - helps * float(((wanted / 200 - BEST) ** 2).sum()) + 0.005 * rng.normal()
        lines.append(
            {
                "arm": f"mixture {number}",
                "choice": "random 200",
                "rows": dict(zip(POOL, wanted.tolist(), strict=True)),
                "pool": POOL,
                "scores": {"caption": 0.4 + 0.005 * rng.normal(), "vqa": vqa},
                **change,
            }
        )
    lines.append({**lines[1], "arm": "sound", "choice": "sound 200"})
    path.mkdir(exist_ok=True)
    (path / "mixtures.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_the_planted_mixture_is_found_with_an_interval_that_holds_its_gain(tmp_path: Path) -> None:
    study = write_runs(tmp_path / "study")
    found = fit_mixtures(study)
    assert found.target == "average relative performance"
    assert found.how.startswith("16 subsets of 16 mixtures (random 200)")
    assert found.best is not None
    assert found.gain is not None
    assert found.gain.low is not None
    assert found.gain.high is not None
    proportional = np.array([0.6, 0.3, 0.1])
    best = np.array(list(found.best.values()))
    gain = 0.3 * (((proportional - BEST) ** 2).sum() - ((best - BEST) ** 2).sum()) / 0.5 / 2
    assert 0 < found.gain.low <= gain <= found.gain.high
    assert found.verdict.startswith("better by ")
    assert "1 other measured subsets" not in " ".join(found.notes)
    assert "2 other measured subsets were chosen otherwise and did not count." in found.notes
    assert parse_mixture(found.mixture) == found.best
    assert sum(found.best.values()) == pytest.approx(1)

    alone = fit_mixtures(study, task="vqa")
    assert alone.target == "vqa"
    assert alone.gain is not None
    assert alone.gain.value > found.gain.value / 2


def test_where_no_mixture_helps_the_proportional_one_is_to_be_used(tmp_path: Path) -> None:
    found = fit_mixtures(write_runs(tmp_path / "study", helps=0.0))
    assert (found.best, found.gain, found.mixture) == (None, None, "proportional")
    assert found.verdict.startswith("no difference seen: ")
    assert found.guess_gain.low is not None
    assert found.guess_gain.low < 0
    assert any(sentence.startswith("No mixture is seen to beat") for sentence in found.sentences())


def test_the_verb_writes_its_files_and_prints_the_mixture(tmp_path: Path) -> None:
    study = write_runs(tmp_path / "study")
    done = finegold("mix", "--study", str(study), "--out", str(tmp_path / "out"))
    assert done.status == 0, done.err
    used = re.search(r"^Use +--group-by source --mixture (\S+)$", done.out, re.MULTILINE)
    assert used is not None
    written = json.loads((tmp_path / "out" / "mix.json").read_text())
    assert written["schema"] == "finegold/mix/1"
    assert written["mixture"] == used[1]
    assert parse_mixture(used[1]) == written["best"]
    page = (tmp_path / "out" / "mix.md").read_text()
    assert f"`--group-by source --mixture {used[1]}`" in page
    assert "Rank correlation" in page
    assert "mixture 3" in page
    as_json = finegold("mix", "--study", str(study), "--out", str(tmp_path / "out"), "--json")
    assert json.loads(as_json.out)["mixture"] == used[1]


@pytest.mark.parametrize(
    ("options", "change", "told"),
    [
        ({"mixtures": 5}, {}, r"are 5 subsets of 5 mixtures: a fit needs at least 8 subsets of 3 mixtures"),
        ({"arm": "one"}, {}, r"16 subsets of 1 mixtures: a fit needs"),
        ({"rows": {"captions": 120, "vqa": 80}}, {}, r"share of no source differs by more than 0.0%"),
        ({}, {"task": "captoin"}, r"on 'captoin' \(did you mean 'caption'\?\): there are caption, vqa"),
        ({}, {"choice": "random 20"}, r"'random 20' \(did you mean 'random 200'\?\): there are random 200"),
        ({}, {"choice": "sound 200"}, r"are 1 subsets of 1 mixtures"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_a_sentence(
    tmp_path: Path, options: dict[str, Any], change: dict[str, Any], told: str
) -> None:
    study = write_runs(tmp_path / "study", **options)
    with pytest.raises(ConfigError, match=told) as caught:
        fit_mixtures(study, **change)
    assert "\n" not in str(caught.value)


def test_a_folder_without_measured_mixtures_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run finegold study again, which trains nothing anew"):
        fit_mixtures(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        fit_mixtures(tmp_path / "nowhere")
