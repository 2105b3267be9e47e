"""Training as a program of its own, to be killed or run beside another; and what it shares with the tests.

python -m tests.tuning.training kill POOL OUT STEP
    python -m tests.tuning.training rank POOL OUT
python -m tests.tuning.training tune POOL OUT STEP MODEL RECIPE
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import torch
from PIL import Image
from tests.models.conftest import tiny_model

from finegold.models.prefix.features import FeatureCache
from finegold.models.prefix.network import PrefixNetwork
from finegold.samples import open_dataset
from finegold.samples.images import decode
from finegold.tuning import tune
from finegold.tuning.monitor import Monitor
from finegold.tuning.recipe import Recipe, load_recipe
from finegold.tuning.rows import TuningRow, read_tuning_rows
from finegold.tuning.steps import Processes, join_processes
from finegold.tuning.trainer import train_prefix

ONE = Processes(0, 1, "cpu")


def small_recipe(**changes: object) -> Recipe:
    base = {"steps": 12, "batch": 4, "rate": 1e-2, "warmup_steps": 3, "epoch_steps": 0, "save_every": 2}
    return load_recipe("minigpt4-stage2", **(base | changes))


def pool_rows(pool: Path, model: PrefixNetwork) -> list[TuningRow]:
    return read_tuning_rows(open_dataset(pool), model.tokenizer, model.template, 160)


def filled_cache(folder: Path, model: PrefixNetwork, rows: list[TuningRow]) -> FeatureCache:
    cache = FeatureCache(folder, model.features)
    where = {row.sha256: row.image for row in rows}

    def image(sha256: str) -> Image.Image:
        return decode(where[sha256])

    list(cache.fill(list(where), image))
    return cache


def train(pool: Path, out: Path, recipe: Recipe, seed: int = 0) -> PrefixNetwork:
    model = tiny_model(seed=seed)
    rows = pool_rows(pool, model)
    train_prefix(model, rows, recipe, out, filled_cache(pool.parent / "cache", model, rows), processes=ONE)
    return model


def die_after(last: int) -> None:
    """Let this process die with SIGKILL when a step has been logged."""
    log_step = Monitor.step

    def die(self: Monitor, step: int, loss: float, rate: float) -> None:
        log_step(self, step, loss, rate)
        if step == last:
            os.kill(os.getpid(), signal.SIGKILL)

    Monitor.step = die  # type: ignore[method-assign]


def start(*arguments: object, **environment: str) -> subprocess.Popen[bytes]:
    """Run this module as a program."""
    places = {"PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-m", "tests.tuning.training", *map(str, arguments)]
    return subprocess.Popen(command, env={**os.environ, **places}, cwd=Path(__file__).parents[2])


def one_rank(pool: Path, out: Path) -> None:
    """Train as one process among several, as the environment says."""
    processes = join_processes("cpu")
    model = tiny_model()
    rows = pool_rows(pool, model)
    cache = filled_cache(pool.parent / "cache", model, rows)
    train_prefix(model, rows, small_recipe(), out, cache, processes=processes)


if __name__ == "__main__":
    torch.set_num_threads(1)
    pool_path, out_path = Path(sys.argv[2]), Path(sys.argv[3])
    if sys.argv[1] == "rank":
        one_rank(pool_path, out_path)
    else:
        die_after(int(sys.argv[4]))
        if sys.argv[1] == "kill":
            train(pool_path, out_path, small_recipe())
        else:
            model, recipe = sys.argv[5:7]
            tune(pool_path, model=model, out=out_path, recipe=recipe, steps=4, batch_size=2, device="cpu")
