from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finegold.instructiongpt4 import PUBLISHED_SHA256, ids_sha256, published_quotas, select_rows


def test_the_released_files_give_the_published_ids(replay: Any) -> None:
    ids = [replay.published.ids[row] for row in replay.chosen]

    assert ids_sha256(ids) == PUBLISHED_SHA256
    assert sorted(map(int, ids))[:10] == [25, 32, 34, 50, 63, 70, 79, 90, 103, 152]


def test_published_cluster_sizes_give_quotas_that_sum_to_200() -> None:
    assert published_quotas([1234, 880, 325, 300, 286, 177, 85, 80, 59, 13]) == [
        73,
        52,
        19,
        17,
        16,
        10,
        5,
        4,
        3,
        1,
    ]


def test_hash_of_ids_does_not_depend_on_their_order() -> None:
    assert ids_sha256(["10", "9"]) == ids_sha256(["9", "10"]) != ids_sha256(["9", "11"])


@given(st.lists(st.floats(0, 40), min_size=4, max_size=60))
def test_truncated_scores_tie_and_ties_go_by_file_order(values: Any) -> None:
    scores = np.array(values)
    labels = np.arange(len(scores)) % 2

    chosen = select_rows(scores, labels, (0, 1))

    for label in (0, 1):
        rows = np.flatnonzero(labels == label)
        best = sorted(rows, key=lambda row: (-int(scores[row]), row))
        taken = [row for row in best if row in chosen]
        assert taken == best[: len(taken)]
