from collections import deque
from pathlib import Path

import pytest
from tests.engines.works import Squares

from finegold.engines import Compute, ThisProcess
from finegold.engines.processes import DeviceProcesses
from finegold.engines.work import first_chunk
from finegold.errors import ConfigError, DataError, FinegoldError, RunError

TWO = DeviceProcesses(Compute(), ("cpu", "cpu"))
NUMBERS = [0, 1, 2, 5, 6, 7, 8, 20, 21, 22, 23, 24]
SQUARES = {number: number * number for number in NUMBERS}


def _made(
    engine: DeviceProcesses | ThisProcess, work: Squares, numbers: list[int] = NUMBERS
) -> dict[int, int]:
    rows: list[int] = []
    made = list(engine.start(work).make(list(numbers), rows.append))
    assert sum(rows) == sum(number for number, _ in made)
    assert len(dict(made)) == len(made)
    return dict(made)


def test_each_part_is_made_once_whoever_makes_it() -> None:
    assert _made(TWO, Squares()) == _made(ThisProcess(Compute()), Squares()) == SQUARES
    assert _made(TWO, Squares(), [7]) == {7: 49}


def test_a_killed_worker_is_said_and_its_parts_are_made_elsewhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert _made(TWO, Squares(fatal=20, marks=tmp_path, kills=1)) == SQUARES
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(
        "finegold: a worker on cpu ended by itself with SIGKILL, as when memory runs out; "
    )
    assert line.endswith(" with its blocks")


def test_a_part_that_kills_every_worker_stops_the_step(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"block 20 ended 2 workers, the last with SIGKILL.*: run the same"):
        _made(TWO, Squares(fatal=20, marks=tmp_path, kills=9))
    assert len(list(tmp_path.iterdir())) == 2


def test_a_lone_worker_that_is_killed_at_once_has_nobody_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the last worker ended by itself with SIGKILL"):
        _made(DeviceProcesses(Compute(), ("cpu",)), Squares(fatal=0, marks=tmp_path, kills=1))


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (5, DataError, "^row 5 is bad$"),
        (4, FinegoldError, "^5 is not 0$"),
        (3, RuntimeError, "KeyError: 5"),
    ],
)
def test_what_a_part_raises_is_raised_here(bad: int, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        _made(TWO, Squares(bad=bad), [5])


def test_a_model_that_cannot_be_loaded_is_said_before_any_part() -> None:
    with pytest.raises(DataError, match="no such model"):
        TWO.start(Squares(unloadable=True)).load()


def test_a_worker_gets_whole_parts_while_there_is_enough_for_all() -> None:
    left = deque([*range(5, 40), *range(48, 50)])
    chunks = []
    while left:
        chunks.append(first_chunk(left, 2, 4))
    assert [len(chunk) for chunk in chunks[:3]] == [7, 3, 3]
    assert chunks[0][-1] % 4 == 3
    assert [block for chunk in chunks for block in chunk] == [*range(5, 40), *range(48, 50)]
    assert all(chunk == list(range(chunk[0], chunk[-1] + 1)) for chunk in chunks)
    assert len(chunks[-1]) == 1


def test_work_that_cannot_be_sent_is_refused() -> None:
    class Local(Squares):
        pass

    with pytest.raises(
        ConfigError, match=r"cannot be sent to other processes .*: define scorers in a module"
    ):
        TWO.start(Local())
