"""The published selection rule: truncated scores, floor quotas, file order (selector/eval_clus.py)."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from finegold.arrays import Floats, Ints

PUBLISHED_SHA256 = "dde77345fe02ead966f0780c21cc23abb223794dcfab17ed8b63fd4e6f442364"
"""sha256 of the 200 published ids, sorted as integers and joined with newlines, no newline at the end."""
_QUOTA_TOTAL = 204  # the published code writes 204 for 200: with it the floors sum to exactly 200
_BUDGET = 200


def ids_sha256(ids: Iterable[str]) -> str:
    """Hash of a set of integer ids, independent of their order."""
    return hashlib.sha256("\n".join(map(str, sorted(map(int, ids)))).encode()).hexdigest()


def published_quotas(sizes: Sequence[int]) -> list[int]:
    """Rows that each cluster may give: `max(1, floor(204 * size / sum of sizes))`."""
    return [max(1, _QUOTA_TOTAL * size // sum(sizes)) for size in sizes]


def select_rows(scores: Floats, labels: Ints, cluster_order: Sequence[int], *, truncate: bool = True) -> Ints:
    """Choose rows as the published code does.

    Args:
        scores: Shape (n,), in file order.
        labels: Shape (n,): cluster of each row.
        cluster_order: Clusters in the order in which their picks are pooled.
        truncate: Sort by `int(score)`, as published; False sorts by the score itself.

    Returns:
        At most 200 row indices, ascending. Equal sorting keys go by file order.
    """
    keys = np.trunc(scores) if truncate else scores
    members = [np.flatnonzero(labels == cluster) for cluster in cluster_order]
    quotas = published_quotas([len(rows) for rows in members])

    def best(rows: Ints, count: int) -> Ints:
        return rows[np.argsort(-keys[rows], kind="stable")][:count]

    pooled = np.concatenate([best(rows, quota) for rows, quota in zip(members, quotas, strict=True)])
    return np.sort(best(pooled, _BUDGET)).astype(np.int64)
