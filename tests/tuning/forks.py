"""Children of the test process: they need no second import of the model libraries."""

import os
import traceback
from collections.abc import Callable

import torch


def fork(work: Callable[[], object]) -> int:
    """Start `work` in a child; returns its id. One thread: those of the parent do not survive a fork."""
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return child
