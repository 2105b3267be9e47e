"""Blocks on a Ray cluster: two nodes on this computer, of which one is killed midway."""

import os
import time
from collections.abc import Iterator
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
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    found.add_node(num_cpus=1)
    ray.init(address=found.address, log_to_driver=False, logging_level="ERROR")
    yield found
    ray.shutdown()
    found.shutdown()
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


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
        RunError, match=r"^2 Ray actors ended while they loaded the model, the last with Actor"
    ):
        list(engine.start(Squares(fatal_load=True)).make([5], lambda _: None))


def test_a_node_that_dies_is_said_and_its_blocks_are_made_elsewhere(
    cluster: Any, engine: RayCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = next(node for node in cluster.list_all_nodes() if not node.head)
    found: dict[int, int] = {}
    rows: list[int] = []
    work = Squares(seconds=0.1, begun=tmp_path)
    for number, square in engine.start(work).make(list(NUMBERS), rows.append):
        found[number] = square
        while len(list(tmp_path.iterdir())) < 2:  # on a busy computer the other node may begin late
            time.sleep(0.01)
        if len(found) == 6:
            cluster.remove_node(other, allow_graceful=False)
            # Its actor ends by itself, on a busy computer later than the last block would be made.
            for _ in range(3000):
                if not all(_runs(int(path.name)) for path in tmp_path.iterdir()):
                    break
                time.sleep(0.01)
    assert found == SQUARES
    assert sum(rows) == sum(NUMBERS)
    assert "finegold: a Ray actor ended by itself (" in capsys.readouterr().err
