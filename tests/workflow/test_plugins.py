"""A package that is installed beside finegold fills every slot: scorers, presets and their parts."""

import importlib
from pathlib import Path

import pytest
from tests.conftest import MakeDataset

from finegold.cli import app
from finegold.errors import ConfigError
from finegold.selection import find_preset, preset_names
from finegold.selection.manifest import Manifest, read_manifest
from finegold.workflow.compare import names_from_text

MODULE = '''
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from finegold.scorers import Batch, Context, Score, Scorer
from finegold.selection import plugin

PRESET = Path(__file__).with_name("wordy.toml")


@dataclass(frozen=True)
class Words(Scorer):
    """Words of the answer, times a factor."""

    factor: float = 1.0
    name, version, requires, label = "said", "1", frozenset({"answer"}), "Words said"

    def prepare(self, context: Context):
        return lambda batch: [Score.ok(self.factor * len(s.answer.split())) for s in batch.samples]


def halves(columns):
    return columns / 2


def least(columns, weights):
    return -(columns * weights).sum(axis=1)


def first_group(pool, budget):
    quotas = np.zeros(len(pool.sizes()), dtype=np.int64)
    for group, size in enumerate(pool.sizes()):
        quotas[group] = min(size, budget - quotas.sum())
    return quotas


@plugin("indicators", seeded=True)
def drawn(pool, budget, rng, **parameters):
    assert pool.indicators is not None
    return rng.permutation(len(pool))[:budget]
'''
PRESET = """
version = "1"
summary = "Rows of few words, drawn."
weights = { said = 1 }
normalise = "halves"
quality = "least"
strata = 3
allocate = "first-group"
pick = "drawn"

[scorers.said]
factor = 2
"""
ENTRY_POINTS = """
[finegold.scorers]
said = wordy:Words
[finegold.normalisers]
halves = wordy:halves
[finegold.qualities]
least = wordy:least
[finegold.allocators]
first-group = wordy:first_group
[finegold.pickers]
drawn = wordy:drawn
broken = wordy:nothing_of_that_name
[finegold.presets]
wordy = wordy:PRESET
lost = wordy:no_such_preset
[finegold.tasks]
lost = wordy:no_such_task
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package, as pip leaves it."""
    site = tmp_path / "site"
    facts = site / "wordy-1.0.dist-info"
    facts.mkdir(parents=True)
    (site / "wordy.py").write_text(MODULE)
    (site / "wordy.toml").write_text(PRESET)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: wordy\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()


def pick(data: Path, out: Path, *options: object) -> Manifest:
    app([str(word) for word in ("pick", data, "--size", 5, "--out", out, *options)], standalone_mode=False)
    return read_manifest(out / "selection.json")


@pytest.mark.usefixtures("installed")
def test_a_preset_of_another_package_is_picked_with(make_dataset: MakeDataset, tmp_path: Path) -> None:
    assert "wordy" in preset_names()
    assert find_preset("wordy").seeded
    data = make_dataset(20)
    found = pick(data, tmp_path / "a", "--preset", "wordy", "--seed", 1)
    assert [scorer.parameters for scorer in found.configuration.scorers] == [{"factor": 2}]
    assert all((row.scores["said"] or 0) % 2 == 0 for row in found.rows)
    assert found.rows == pick(data, tmp_path / "b", "--preset", "wordy", "--seed", 1).rows
    assert found.rows != pick(data, tmp_path / "c", "--preset", "wordy", "--seed", 2).rows
    assert "Words said" in (tmp_path / "a" / "report.html").read_text()


@pytest.mark.usefixtures("installed")
def test_weights_that_name_a_scorer_of_another_package_compute_it(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    weights = ("--preset", "no-clusters", "--weights", "said=1,length=0.1")
    found = pick(make_dataset(20), tmp_path / "a", *weights)
    assert found.configuration.weights == {"said": 1.0, "length": 0.1}
    values = [row.scores["said"] or 0 for row in found.rows]
    assert values == sorted(values, reverse=True)


@pytest.mark.usefixtures("installed")
def test_a_plug_in_that_cannot_be_loaded_is_named_with_its_package(tmp_path: Path) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text(PRESET.replace('"drawn"', '"broken"'))
    with pytest.raises(ConfigError, match="picker 'broken' of the package 'wordy' cannot be"):
        find_preset(str(broken))


@pytest.mark.usefixtures("installed")
def test_a_broken_package_stops_nothing_else(
    make_dataset: MakeDataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for verb in ("presets", "tasks"):
        app([verb], standalone_mode=False)
    assert "cannot be used" in capsys.readouterr().out.replace("\n", " ")
    assert "lost" not in names_from_text("all")
    pick(make_dataset(20), tmp_path / "a", "--preset", "length-only")


def test_a_wrong_preset_names_the_field(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for line, words in (
        ("clustering = 3", "clustering"),
        ('pick = "topp"', "no picker 'topp' .did you mean 'top'..: give one of .*top"),
        ("wieghts = { clip = 1 }", "wieghts"),
        ("drop = 'half'", "drop"),
        ("drop = 3", "drop is not from 0 to below 1"),
        ("strata = 0", "strata is below 1"),
        ("weights = { clip = nan }", "'weights.clip' should be a finite number"),
        ("weights = { clip = 0 }", "every weight is 0"),
        ('pick = "d2"\npick_parameters = { gama = 1 }', "picker 'd2' has no parameter 'gama'"),
        ("version =", "not valid TOML"),
    ):
        path.write_text(f'version = "1"\nsummary = "Mine."\n{line}\n')
        with pytest.raises(ConfigError, match=words):
            find_preset(str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        find_preset(str(tmp_path / "gone.toml"))
    with pytest.raises(
        ConfigError, match=r"no preset 'soundd' .did you mean 'sound'..: give one of .*, or a"
    ):
        find_preset("soundd")
