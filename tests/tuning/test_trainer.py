import signal
import socket
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.models.conftest import tiny_model
from tests.tuning.training import ONE, filled_cache, pool_rows, small_recipe, start, train

from finegold.errors import RunError
from finegold.models.prefix.features import FeatureCache
from finegold.tuning.monitor import read_log
from finegold.tuning.trainer import train_prefix


def test_the_loss_falls(pool: Path, tmp_path: Path) -> None:
    train(pool, tmp_path / "out", small_recipe(steps=30, trains="everything"))
    losses = [line["loss"] for line in read_log(tmp_path / "out")]
    assert len(losses) == 30
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_killed_twice_the_projection_is_the_same_bit_for_bit(pool: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = train(pool, tmp_path / "whole", small_recipe())
    out = tmp_path / "killed"
    for last in (4, 7):
        assert start("kill", pool, out, last).wait(timeout=120) == -signal.SIGKILL
    resumed = train(pool, out, small_recipe())
    assert torch.equal(resumed.projection.weight, whole.projection.weight)
    assert torch.equal(resumed.projection.bias, whole.projection.bias)
    assert read_log(out) == read_log(tmp_path / "whole")


def test_a_checkpoint_of_another_run_is_refused(pool: Path, tmp_path: Path) -> None:
    train(pool, tmp_path / "out", small_recipe())
    with pytest.raises(RunError, match="other rows, model or recipe"):
        train(pool, tmp_path / "out", small_recipe(seed=7))


def test_a_loss_that_is_no_number_names_the_rows(pool: Path, tmp_path: Path) -> None:
    model = tiny_model()
    rows = pool_rows(pool, model)
    cache = filled_cache(tmp_path / "cache", model, rows)
    bad = torch.full((4, 6), float("nan")).numpy()
    np.save(cache.path(rows[3].sha256), bad)
    with pytest.raises(RunError, match=r"step \d+ has a loss of nan .* on the rows .*row3"):
        train_prefix(model, rows, small_recipe(), tmp_path / "out", cache, processes=ONE)


def test_augmentation_encodes_each_image_again(pool: Path, tmp_path: Path) -> None:
    model = tiny_model()
    rows = pool_rows(pool, model)
    cache = FeatureCache(tmp_path / "cache", model.features)
    train_prefix(model, rows, small_recipe(steps=3, augment=True), tmp_path / "out", cache, processes=ONE)
    assert model.features.encoded == 12  # type: ignore[attr-defined]
    assert not cache.folder.exists()


def test_everything_trains_if_the_recipe_says_so(pool: Path, tmp_path: Path) -> None:
    model, before = tiny_model(), tiny_model()
    rows = pool_rows(pool, model)
    cache = filled_cache(tmp_path / "cache", model, rows)
    train_prefix(
        model, rows, small_recipe(steps=2, trains="everything"), tmp_path / "out", cache, processes=ONE
    )
    changed = [
        name
        for name, tensor in model.language_model.state_dict().items()
        if not torch.equal(tensor, before.language_model.state_dict()[name])
    ]
    assert "model.layers.0.self_attn.q_proj.weight" in changed


def test_two_processes_learn_what_one_learns(pool: Path, tmp_path: Path) -> None:
    whole = train(pool, tmp_path / "one", small_recipe())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])

    place = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
    out = tmp_path / "two"
    ranks = [start("rank", pool, out, **place, RANK=rank, LOCAL_RANK=rank) for rank in ("0", "1")]
    try:
        assert [process.wait(timeout=120) for process in ranks] == [0, 0]
    finally:
        for process in ranks:
            process.kill()
    learnt = load_file(tmp_path / "two" / "checkpoint.safetensors")["parameter/projection.weight"]
    torch.testing.assert_close(learnt, whole.projection.weight.detach(), rtol=1e-5, atol=1e-6)
    ours = [line["loss"] for line in read_log(tmp_path / "two")]
    assert ours == pytest.approx([line["loss"] for line in read_log(tmp_path / "one")], abs=1e-5)
