"""Columns of texts, such as ids: read like a sequence of `str`, kept, joined and sorted by Arrow."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Ints

_AT_ONCE = 65_536


class TextColumn(Sequence[str]):
    """Texts, held by Arrow: 8 bytes and the text itself for each, and no Python object."""

    def __init__(self, values: "Sequence[str] | pa.Array | pa.ChunkedArray") -> None:
        """Take an Arrow column, a sequence, or another column as it is."""
        if isinstance(values, TextColumn):
            self.array: pa.Array = values.array
            return
        if not isinstance(values, pa.Array | pa.ChunkedArray):
            values = pa.array(values, pa.large_string())
        values = values.cast(pa.large_string())
        self.array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values

    def __len__(self) -> int:
        return len(self.array)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "TextColumn": ...
    def __getitem__(self, place: int | slice) -> "str | TextColumn":
        """One text, or a column of some."""
        found = self.array[place]
        return TextColumn(found) if isinstance(place, slice) else found.as_py()

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _AT_ONCE):
            yield from self.array[start : start + _AT_ONCE].to_pylist()

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Sequence) and not isinstance(other, str):
            return len(self) == len(other) and self.array.equals(TextColumn(other).array)
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"TextColumn({len(self)} texts)"

    def take(self, places: Ints) -> "TextColumn":
        """The texts at some places."""
        if len(places) == len(self) and bool((places == np.arange(len(self))).all()):
            return self
        return TextColumn(self.array.take(pa.array(places)))

    def order(self) -> Ints:
        """Places of the texts sorted by their characters; equal ones stay in their order."""
        if self.is_ascending:
            return np.arange(len(self))
        places: Ints = pc.array_sort_indices(self.array).to_numpy().astype(np.int64)
        return places

    @property
    def is_ascending(self) -> bool:
        """Whether each text comes after the one before; none is there twice then."""
        return pc.all(pc.less(self.array[:-1], self.array[1:])).as_py() is not False

    def repeated(self) -> int:
        """Number of texts that came before."""
        return 0 if self.is_ascending else len(self) - len(self.array.unique())

    def find(self, texts: "Sequence[str]") -> Ints:
        """The place of each of some texts in this column, -1 where it is not there."""
        wanted = TextColumn(texts).array
        if wanted.equals(self.array):
            return np.arange(len(wanted))
        places: Ints = pc.index_in(wanted, value_set=self.array).fill_null(-1).to_numpy().astype(np.int64)
        return places

    def isin(self, texts: Collection[str]) -> npt.NDArray[np.bool_]:
        """Whether each text is one of some."""
        known = pa.array(list(texts), pa.large_string())
        found: npt.NDArray[np.bool_] = pc.is_in(self.array, value_set=known).to_numpy(zero_copy_only=False)
        return found

    def codes(self, names: Sequence[str]) -> Ints:
        """The place of each text in `names`, which holds all of them."""
        return TextColumn(names).find(self)

    def unique(self) -> Any:
        """The distinct texts, sorted."""
        return sorted(self.array.unique().to_pylist())
