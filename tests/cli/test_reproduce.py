import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from finegold.cli.reproduce import reproduce
from finegold.errors import DataError
from finegold.instructiongpt4 import Finding, read_selector

torch = pytest.importorskip("torch")


@pytest.fixture
def released(shared: Path) -> Any:
    return shared / "reference" / "instructiongpt4"


def test_ids_txt_has_the_published_hash(released: Path, tmp_path: Path) -> None:
    reproduce("instructiongpt4", released, tmp_path / "out", ids_only=True)

    ids = (tmp_path / "out" / "ids.txt").read_bytes()
    assert (
        hashlib.sha256(ids).hexdigest() == "dde77345fe02ead966f0780c21cc23abb223794dcfab17ed8b63fd4e6f442364"
    )
    assert len(ids.split(b"\n")) == 200


def test_findings_are_printed_and_written(
    released: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Computing all of them takes a minute and is tested beside them.
    monkeypatch.setattr(
        "finegold.instructiongpt4.replay_findings",
        lambda *_: [Finding("weights", "R2", 0.95799), Finding("weights", "rows", 155.0)],
    )
    monkeypatch.setattr(
        "finegold.instructiongpt4.retraining_findings", lambda *_: [Finding("training", "loss", 1.0859)]
    )

    reproduce("instructiongpt4", released, tmp_path)

    found = json.loads((tmp_path / "findings.json").read_text())["findings"]
    assert found[0] == {"topic": "weights", "measure": "R2", "value": 0.95799}
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["weights", "R2", "0.958"] in lines
    assert ["rows", "155"] in lines
    assert ["training", "loss", "1.09"] in lines
    assert read_selector(tmp_path / "retrained.pth").weights["linear.weight"].shape == (1, 16)


def test_other_files_than_the_released_ones_are_an_error_that_names_both_hashes(
    released: Path, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for file in released.iterdir():
        if file.name != "selector.pth":
            (source / file.name).symlink_to(file)
    weights = torch.load(released / "selector.pth", weights_only=True)
    torch.save({name: -tensor for name, tensor in weights.items()}, source / "selector.pth")

    with pytest.raises(DataError, match=r"have the sha256 [0-9a-f]{64} where dde77345"):
        reproduce("instructiongpt4", source, tmp_path / "out")
