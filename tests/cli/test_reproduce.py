import hashlib
import json

import pytest
import torch

from finegold.cli.reproduce import reproduce
from finegold.errors import DataError


@pytest.fixture
def released(shared):
    return shared / "reference" / "instructiongpt4"


def test_reproduce_writes_the_published_ids_and_its_findings(released, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "finegold.cli.reproduce.replay_findings", lambda *args: []
    )  # minutes; tested with them

    reproduce("instructiongpt4", released, tmp_path / "out")

    ids = (tmp_path / "out" / "ids.txt").read_bytes()
    assert len(ids.split(b"\n")) == 200
    assert hashlib.sha256(ids).hexdigest().startswith("dde77345fe02ead9")
    report = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert any(one["measure"] == "retrained as published" for one in report["findings"])
    assert "What the replay shows" in capsys.readouterr().out


def test_other_files_than_the_released_ones_are_an_error_that_names_both_hashes(released, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for file in released.iterdir():
        if file.name != "selector.pth":
            (source / file.name).symlink_to(file)
    weights = torch.load(released / "selector.pth", weights_only=True)
    torch.save({name: -tensor for name, tensor in weights.items()}, source / "selector.pth")

    with pytest.raises(DataError, match=r"have the sha256 [0-9a-f]{64} where dde77345"):
        reproduce("instructiongpt4", source, tmp_path / "out")
