from collections.abc import Sequence

import numpy as np
import pytest

from finegold.engines import HalvingBatches

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA"), MemoryError()])
def test_a_batch_that_does_not_fit_is_halved_once_and_said(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    sizes = []

    def double(batch: Sequence[int]) -> np.ndarray:
        sizes.append(len(batch))
        if len(batch) > 9:
            raise error
        return np.array(batch) * 2

    batches = HalvingBatches("images")
    assert batches.apply(double, list(range(32))) == [2 * number for number in range(32)]
    assert batches.apply(double, list(range(10))) == [2 * number for number in range(10)]
    assert sizes == [32, 16, 8, 8, 8, 8, 8, 2]
    assert capsys.readouterr().err.splitlines() == [
        "finegold: 32 images at a time do not fit into memory: going on with 16",
        "finegold: 16 images at a time do not fit into memory: going on with 8",
    ]


def test_other_errors_and_a_lone_item_that_does_not_fit_are_raised() -> None:
    def fail(batch: Sequence[int]) -> list[int]:
        raise MemoryError if len(batch) < 4 else KeyError(3)

    with pytest.raises(KeyError):
        HalvingBatches("rows").apply(fail, [1, 2, 3, 4])
    with pytest.raises(MemoryError):
        HalvingBatches("rows").apply(fail, [1, 2, 3])
