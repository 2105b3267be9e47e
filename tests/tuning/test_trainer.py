import os
import signal
import socket
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import PartialState
from PIL import Image
from safetensors.torch import load_file
from tests.tuning.conftest import tiny_model
from tests.tuning.forks import fork

from finegold.errors import RunError
from finegold.samples import open_dataset
from finegold.samples.images import decode
from finegold.tuning.feature_cache import FeatureCache
from finegold.tuning.monitor import Monitor, read_log
from finegold.tuning.prefix_model import PrefixModel
from finegold.tuning.processes import Processes, join_processes
from finegold.tuning.recipe import Recipe, load_recipe
from finegold.tuning.rows import TuningRow, read_rows
from finegold.tuning.trainer import train_prefix

ONE = Processes(0, 1, "cpu")


def _recipe(**changes: object) -> Recipe:
    base = {"steps": 12, "batch": 4, "rate": 1e-2, "warmup_steps": 3, "epoch_steps": 0, "save_every": 2}
    return load_recipe("minigpt4-stage2", **(base | changes))


def _rows(pool: Path, model: PrefixModel) -> list[TuningRow]:
    return read_rows(open_dataset(pool), model.tokenizer, model.template, 160)


def _cache(folder: Path, model: PrefixModel, rows: list[TuningRow]) -> FeatureCache:
    cache = FeatureCache(folder, model.features)
    where = {row.sha256: row.image for row in rows}

    def image(sha256: str) -> Image.Image:
        return decode(where[sha256])

    list(cache.fill(list(where), image))
    return cache


def _train(pool: Path, out: Path, recipe: Recipe, seed: int = 0) -> PrefixModel:
    model = tiny_model(seed=seed)
    rows = _rows(pool, model)
    train_prefix(model, rows, recipe, out, _cache(pool.parent / "cache", model, rows), processes=ONE)
    return model


def test_the_loss_falls(pool: Path, tmp_path: Path) -> None:
    _train(pool, tmp_path / "out", _recipe(steps=30, trains="everything"))
    losses = [line["loss"] for line in read_log(tmp_path / "out")]
    assert len(losses) == 30
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


def test_killed_twice_the_projection_is_the_same_bit_for_bit(pool: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    whole = _train(pool, tmp_path / "whole", _recipe())
    out = tmp_path / "killed"
    log_step = Monitor.step

    def train_until(last: int) -> None:
        def die(self: Monitor, step: int, loss: float, rate: float) -> None:
            log_step(self, step, loss, rate)
            if step == last:
                os.kill(os.getpid(), signal.SIGKILL)

        Monitor.step = die  # type: ignore[method-assign, assignment]
        _train(pool, out, _recipe())

    for last in (4, 7):
        _, status = os.waitpid(fork(partial(train_until, last)), 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    resumed = _train(pool, out, _recipe())
    assert torch.equal(resumed.projection.weight, whole.projection.weight)
    assert torch.equal(resumed.projection.bias, whole.projection.bias)
    assert read_log(out) == read_log(tmp_path / "whole")


def test_a_checkpoint_of_another_run_is_refused(pool: Path, tmp_path: Path) -> None:
    _train(pool, tmp_path / "out", _recipe())
    with pytest.raises(RunError, match="other rows, model or recipe"):
        _train(pool, tmp_path / "out", _recipe(seed=7))


def test_a_loss_that_is_no_number_names_the_rows(pool: Path, tmp_path: Path) -> None:
    model = tiny_model()
    rows = _rows(pool, model)
    cache = _cache(tmp_path / "cache", model, rows)
    bad = torch.full((4, 6), float("nan")).numpy()
    np.save(cache.path(rows[3].sha256), bad)
    with pytest.raises(RunError, match=r"step \d+ has a loss of nan .* on the rows .*row3"):
        train_prefix(model, rows, _recipe(), tmp_path / "out", cache, processes=ONE)


def test_augmentation_encodes_each_image_again(pool: Path, tmp_path: Path) -> None:
    model = tiny_model()
    rows = _rows(pool, model)
    cache = FeatureCache(tmp_path / "cache", model.features)
    train_prefix(model, rows, _recipe(steps=3, augment=True), tmp_path / "out", cache, processes=ONE)
    assert model.features.encoded == 12  # type: ignore[attr-defined]
    assert not cache.folder.exists()


def test_everything_trains_if_the_recipe_says_so(pool: Path, tmp_path: Path) -> None:
    model, before = tiny_model(), tiny_model()
    rows = _rows(pool, model)
    cache = _cache(tmp_path / "cache", model, rows)
    train_prefix(model, rows, _recipe(steps=2, trains="everything"), tmp_path / "out", cache, processes=ONE)
    changed = [
        name
        for name, tensor in model.language_model.state_dict().items()
        if not torch.equal(tensor, before.language_model.state_dict()[name])
    ]
    assert "model.layers.0.self_attn.q_proj.weight" in changed


def test_two_processes_learn_what_one_learns(pool: Path, tmp_path: Path) -> None:
    whole = _train(pool, tmp_path / "one", _recipe())
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])

    def work(rank: int) -> None:
        place = {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank)}
        os.environ |= {**place, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "true"}
        # A child of a test process that trained before has its state.
        PartialState._reset_state()
        processes = join_processes("cpu")
        model = tiny_model()
        rows = _rows(pool, model)
        cache = _cache(pool.parent / "cache", model, rows)
        train_prefix(model, rows, _recipe(), tmp_path / "two", cache, processes=processes)

    children = [fork(partial(work, rank)) for rank in (0, 1)]
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    learnt = load_file(tmp_path / "two" / "checkpoint.safetensors")["parameter/projection.weight"]
    torch.testing.assert_close(learnt, whole.projection.weight.detach(), rtol=1e-5, atol=1e-6)
    ours = [line["loss"] for line in read_log(tmp_path / "two")]
    assert ours == pytest.approx([line["loss"] for line in read_log(tmp_path / "one")], abs=1e-5)
