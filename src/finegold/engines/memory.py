"""What to do when a device's memory does not hold a batch: halve it, and say so."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class HalvingBatches:
    """Applies functions to batches; once memory has run out, to no more items at a time than fit then."""

    def __init__(self, what: str) -> None:
        """`what` says in messages what the items are, plural: "images"."""
        self._what = what
        self._most: int | None = None

    def apply(self, function: Callable[[Sequence[T]], Iterable[R]], batch: Sequence[T]) -> list[R]:
        """The results of a function that gives one an item, in order.

        Raises:
            Exception: What the function raised; that memory ran out, only for a single item.
        """
        results: list[R] = []
        done = 0
        while done < len(batch):
            items = batch[done:][: self._most]
            try:
                results.extend(function(items))
                done += len(items)
                continue
            except Exception as error:
                if len(items) < 2 or not is_out_of_memory(error):
                    raise
            # Outside of the handler, whose traceback holds what did not fit.
            _release()
            self._most = (len(items) + 1) // 2
            print(
                f"finegold: {len(items)} {self._what} at a time do not fit into memory: going on with "
                f"{self._most}",
                file=sys.stderr,
            )
        return results


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, of a GPU or of the computer."""
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


def _release() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
