import asyncio

import pytest

from finegold.llm import LoopThread


async def _one() -> int:
    await asyncio.sleep(0)
    return 1


def test_it_serves_a_caller_that_is_itself_in_a_loop() -> None:
    async def cell_of_a_notebook() -> int:
        with LoopThread() as loop:
            return loop.run(_one())

    assert asyncio.run(cell_of_a_notebook()) == 1


def test_what_an_interrupted_caller_left_cleans_up_before_the_loop_ends() -> None:
    closed: list[str] = []

    async def holds_a_connection() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            closed.append("connection")

    async def begin() -> "asyncio.Task[None]":
        task = asyncio.ensure_future(holds_a_connection())
        await asyncio.sleep(0)
        return task

    def interrupted() -> None:
        with LoopThread() as loop:
            loop.run(begin())
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert closed == ["connection"]
