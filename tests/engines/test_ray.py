"""Blocks on a Ray cluster: two nodes on this computer, of which one is killed midway."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.engines.works import Squares
from tests.evaluation import made
from tests.evaluation.models import Colour, answer, colour_again

from finegold.engines import Compute
from finegold.engines.ray_cluster import RayCluster
from finegold.errors import DataError, FinegoldError, RunError
from finegold.evaluation.questions import generate
from finegold.workflow import Run

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'finegold[ray]'")
NUMBERS = list(range(24))
SQUARES = {number: number * number for number in NUMBERS}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one core each."""
    from ray.cluster_utils import Cluster

    # The nodes must find this checkout and the tests.
    root = Path(__file__).parents[2]
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(root / "src"), str(root), before)))
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # The checks that find a dead node are made more often than by default.
    settings = {"health_check_period_ms": 500}
    found = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False, "_system_config": settings},
    )
    found.add_node(num_cpus=1)
    ray.init(address=found.address, log_to_driver=False, logging_level="ERROR")
    yield found
    ray.shutdown()
    found.shutdown()
    del os.environ["RAY_USAGE_STATS_ENABLED"]
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def _all_run(processes: list[int]) -> bool:
    try:
        for process in processes:
            os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(12000):  # two minutes at most, for a busy computer
        if condition():
            break
        time.sleep(0.01)


@pytest.fixture
def engine(cluster: Any) -> RayCluster:
    return RayCluster(Compute(engine="ray"))


def test_the_tables_are_the_same_bytes_as_without_ray(
    engine: RayCluster, make_dataset: Any, tmp_path: Path
) -> None:
    data = make_dataset(300)
    found = []
    for name, compute in (("here", Compute()), ("ray", Compute(engine="ray"))):
        run = Run.open(tmp_path / name, data, compute=compute)
        tables = (run.score("length"), run.rows().hash_images())
        found.append([path.read_bytes() for table in tables for path in sorted(table.folder.iterdir())])
    assert found[0] == found[1]


def test_answers_are_the_same_bytes_as_without_ray(engine: RayCluster, tmp_path: Path) -> None:
    made.flickr30k(tmp_path, 8)
    _, whole = answer(tmp_path, tmp_path / "here")
    lent = Colour()
    lent.again = colour_again
    _, found = answer(tmp_path, tmp_path / "ray", model=lent, engine=engine)
    assert found == whole
    (tmp_path / "q.jsonl").write_text(
        '{"text": "What?", "image": "i.png"}\n{"text": "Who?", "image": "i.png"}\n'
    )
    Image.new("RGB", (20, 20), "navy").save(tmp_path / "i.png")
    for name, model in (("one", Colour()), ("two", lent)):
        generate(
            model,
            questions=tmp_path / "q.jsonl",
            images=tmp_path,
            out=tmp_path / name,
            batch_size=1,
            engine=engine if model is lent else None,
        )
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert not lent.calls


def test_errors_of_actors_are_raised_here(engine: RayCluster) -> None:
    for bad, error, message in ((5, DataError, "^row 5 is bad$"), (4, FinegoldError, "^5 is not 0$")):
        with pytest.raises(error, match=message):
            list(engine.start(Squares(bad=bad)).make([5], lambda _: None))
    with pytest.raises(DataError, match="no such model"):
        list(engine.start(Squares(unloadable=True)).make([5], lambda _: None))


def test_a_model_that_ends_every_actor_stops_the_step(cluster: Any) -> None:
    engine = RayCluster(Compute(engine="ray"), actors=1)
    with pytest.raises(
        RunError, match=r"^2 Ray actors ended while they loaded the model, the last on [\d.]+: check"
    ):
        list(engine.start(Squares(fatal_load=True)).make([5], lambda _: None))


def test_a_block_that_ends_its_actor_twice_stops_the_step(cluster: Any, tmp_path: Path) -> None:
    engine = RayCluster(Compute(engine="ray"), actors=1)
    rows: list[int] = []
    making = engine.start(Squares(fatal=1, marks=tmp_path, kills=9), 4)  # gives it three blocks together
    with pytest.raises(
        RunError, match=r"^block 1 ended 2 actors, the last on [\d.]+: .* with a smaller --batch-size$"
    ):
        list(making.make(list(range(12)), rows.append))
    assert rows in ([], [0])
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cluster_without_room_stops_the_step(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finegold.engines.ray_cluster.PATIENCE", 0.4)
    engine = RayCluster(Compute(engine="ray"), gpus=True)
    with pytest.raises(RunError, match=r"^the Ray cluster had no room for an actor for 0 s: "):
        list(engine.start(Squares()).make([5], lambda _: None))


def test_a_node_that_dies_is_said_and_its_blocks_are_made_elsewhere(
    cluster: Any, engine: RayCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = next(node for node in cluster.list_all_nodes() if not node.head)
    found: dict[int, int] = {}
    rows: list[int] = []
    work = Squares(gate=tmp_path, waits=12)
    for number, square in engine.start(work).make(list(NUMBERS), rows.append):
        found[number] = square
        if len(found) == 6:
            _wait_until(lambda: len(list(tmp_path.iterdir())) == 2)  # each node's actor is at a block
            cluster.remove_node(other, allow_graceful=False)
            # The actor of a dead node ends by itself.
            _wait_until(lambda: not _all_run([int(path.name) for path in tmp_path.iterdir()]))
            (tmp_path / "open").touch()
    assert found == SQUARES
    assert sum(rows) == sum(NUMBERS)
    assert "finegold: a Ray actor ended by itself (" in capsys.readouterr().err
