"""How large Arrow values become in Python, counted before they are made.

Arrow names a value again by a few bits where Python holds it again: in dictionaries, views and runs. What is
counted is what Python would hold, or more.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

_LISTS = pa.ListArray | pa.LargeListArray | pa.FixedSizeListArray
_LIST_VIEWS = pa.ListViewArray | pa.LargeListViewArray
MAX_NAMED = 512 << 20
"""Bytes of the texts of a batch or row group from which on it is looked at how often they are named."""
_ALWAYS, _OFTEN = 50, 4
"""How many times what is stored they may have, and how many times if they have more than `_LONG` a row."""
_LONG = 1 << 20
_VIEW = 16
"""Bytes of one view of a text, of which the first four are its length."""


def python_size(array: Any, *, of_text: bool = False) -> tuple[int, int]:
    """Number of values that a batch or array becomes in Python, and bytes of their texts.

    A list of nulls takes no bytes in Arrow and its values do in Python. The array must be validated.

    Args:
        array: A batch or an array.
        of_text: Count the bytes of texts alone, not those of binary values.
    """
    if isinstance(array, pa.RecordBatch):
        return _sum(array.columns, of_text)
    if isinstance(array, pa.ExtensionArray):
        return python_size(array.storage, of_text=of_text)
    if isinstance(array, pa.DictionaryArray):
        lengths = _lengths(array.dictionary, of_text)
        if lengths is not None:
            return len(array), int(pc.sum(lengths.take(array.indices)).as_py() or 0)
        return _times(of_text, len(array), array.dictionary)
    if isinstance(array, pa.RunEndEncodedArray):
        return _times(of_text, len(array), array.values)
    if isinstance(array, pa.StructArray):
        return _sum(array.flatten(), of_text)
    if isinstance(array, pa.UnionArray):
        return _times(of_text, len(array), *(array.field(place) for place in range(array.type.num_fields)))
    if isinstance(array, pa.MapArray):
        first, last = (array.offsets[place].as_py() for place in (0, len(array)))
        values, size = _sum((part.slice(first, last - first) for part in (array.keys, array.items)), of_text)
        return len(array) + values, size
    if isinstance(array, _LISTS):
        values, size = python_size(array.flatten(), of_text=of_text)
        return len(array) + values, size
    if isinstance(array, _LIST_VIEWS):
        values, size = _times(of_text, pc.sum(array.sizes).as_py() or 0, array.values)
        return len(array) + values, size
    return len(array), _bytes(array, of_text)


def find_named_excess(size: int, rows: int, own: int) -> str | None:
    """Why rows are not read that name the same texts again and again; None if they are.

    Args:
        size: Bytes of the texts, as often as they are named.
        rows: Number of rows.
        own: Bytes that the texts and all that names them take in the file, unpacked.
    """
    often = _OFTEN if size > rows * _LONG else _ALWAYS
    if size <= MAX_NAMED or size <= often * own:
        return None
    return f"its rows name texts of {size:,} bytes, more than {often} times what it stores"


def _lengths(array: Any, of_text: bool) -> Any:
    """The lengths of texts and, if wanted, binary values as numbers of 64 bits; None of other values."""
    kind = array.type
    if of_text and not (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    ):
        return None
    if pa.types.is_binary(kind) or pa.types.is_string(kind) or _is_large(kind):
        return pc.cast(pc.binary_length(array), pa.int64())
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return pa.array(_view_lengths(array))
    return None


def _sum(arrays: Any, of_text: bool) -> tuple[int, int]:
    sizes = [python_size(array, of_text=of_text) for array in arrays]
    return sum(values for values, _ in sizes), sum(size for _, size in sizes)


def _times(of_text: bool, count: int, *arrays: Any) -> tuple[int, int]:
    """The size of `count` values of arrays, each of which may be the largest."""
    largest = [_largest(array, of_text) for array in arrays]
    values = max((one[0] for one in largest), default=1)
    return count * max(1, values), count * max((one[1] for one in largest), default=0)


def _largest(array: Any, of_text: bool) -> tuple[int, int]:
    """Values and bytes of the largest value of an array, or of more than that."""
    kind = array.type
    if not len(array):
        return 0, 0
    if pa.types.is_nested(kind) or isinstance(array, pa.DictionaryArray | pa.ExtensionArray):
        return python_size(array, of_text=of_text)
    lengths = _lengths(array, of_text)
    return 1, 0 if lengths is None else int(pc.max(lengths).as_py() or 0)


def _bytes(array: Any, of_text: bool) -> int:
    kind = array.type
    lengths = _lengths(array, of_text)
    if lengths is not None:
        return int(pc.sum(lengths).as_py() or 0)
    if pa.types.is_fixed_size_binary(kind) and not of_text:
        return len(array) * int(kind.byte_width)
    return 0


def _is_large(kind: Any) -> bool:
    return bool(pa.types.is_large_binary(kind) or pa.types.is_large_string(kind))


def _view_lengths(array: Any) -> Any:
    import numpy as np

    views = np.frombuffer(array.buffers()[1], np.int32)
    start = array.offset * _VIEW // 4
    return views[start : start + len(array) * _VIEW // 4 : _VIEW // 4].astype(np.int64)
