"""How large Arrow values become in Python, counted before they are made.

Arrow names a value again by a few bits where Python holds it again: in dictionaries, views and runs. What is
counted is what Python would hold, or more.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_LISTS = pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray
_LIST_VIEWS = pa.ListViewArray | pa.LargeListViewArray
_VIEW = 16
"""Bytes of one view of a text, of which the first four are its length."""


def python_size(array: Any) -> tuple[int, int]:
    """Number of values that a batch or array becomes in Python, and bytes of their texts.

    A list of nulls takes no bytes in Arrow and its values do in Python. The array must be validated.
    """
    if isinstance(array, pa.RecordBatch):
        return _sum(array.columns)
    if isinstance(array, pa.ExtensionArray):
        return python_size(array.storage)
    if isinstance(array, pa.DictionaryArray):
        return _times(len(array), array.dictionary)
    if isinstance(array, pa.RunEndEncodedArray):
        return _times(len(array), array.values)
    if isinstance(array, pa.StructArray):
        return _sum(array.flatten())
    if isinstance(array, pa.UnionArray):
        return _times(len(array), *(array.field(place) for place in range(array.type.num_fields)))
    if isinstance(array, pa.MapArray):
        first, last = (array.offsets[place].as_py() for place in (0, len(array)))
        values, size = _sum(part.slice(first, last - first) for part in (array.keys, array.items))
        return len(array) + values, size
    if isinstance(array, _LISTS):
        values, size = python_size(array.flatten())
        return len(array) + values, size
    if isinstance(array, _LIST_VIEWS):
        values, size = _times(pc.sum(array.sizes).as_py() or 0, array.values)
        return len(array) + values, size
    return len(array), _bytes(array)


def _sum(arrays: Any) -> tuple[int, int]:
    sizes = [python_size(array) for array in arrays]
    return sum(values for values, _ in sizes), sum(size for _, size in sizes)


def _times(count: int, *arrays: Any) -> tuple[int, int]:
    """The size of `count` values of arrays, each of which may be the largest."""
    largest = [_largest(array) for array in arrays]
    values = max((one[0] for one in largest), default=1)
    return count * max(1, values), count * max((one[1] for one in largest), default=0)


def _largest(array: Any) -> tuple[int, int]:
    """Values and bytes of the largest value of an array, or of more than that."""
    kind = array.type
    if not len(array):
        return 0, 0
    if pa.types.is_nested(kind) or isinstance(array, pa.DictionaryArray | pa.ExtensionArray):
        return python_size(array)
    if pa.types.is_binary(kind) or pa.types.is_string(kind) or _is_large(kind):
        return 1, pc.max(pc.binary_length(array)).as_py() or 0
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return 1, int(_view_lengths(array).max())
    return 1, 0


def _bytes(array: Any) -> int:
    kind = array.type
    if pa.types.is_binary(kind) or pa.types.is_string(kind) or _is_large(kind):
        return int(pc.sum(pc.cast(pc.binary_length(array), pa.int64())).as_py() or 0)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return int(_view_lengths(array).sum())
    if pa.types.is_fixed_size_binary(kind):
        return len(array) * int(kind.byte_width)
    return 0


def _is_large(kind: Any) -> bool:
    return bool(pa.types.is_large_binary(kind) or pa.types.is_large_string(kind))


def _view_lengths(array: Any) -> Any:
    import numpy as np

    views = np.frombuffer(array.buffers()[1], np.int32)
    start = array.offset * _VIEW // 4
    return views[start : start + len(array) * _VIEW // 4 : _VIEW // 4].astype(np.int64)
