"""Where rows lie on the map, and which of them are nearest to a row."""

import threading
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from finegold.arrays import Floats, Ints
from finegold.encoders.step import embeddings_of
from finegold.errors import DataError
from finegold.report.selection.layout import layout
from finegold.run import PartTable, TextColumn
from finegold.view.database import RowDatabase
from finegold.view.filters import RowFilter, inside
from finegold.view.word_vectors import MOST_TEXTS, word_vectors

LAYERS = {"image": "embeddings", "text": "texts"}
"""The kind of table that each map is drawn from."""
CHUNK = 16_384


class Places:
    """Maps and neighbours by the embeddings that the run folder holds.

    The vectors lie in a file of the temporary folder, scaled to length one, so that memory stays bounded.
    """

    def __init__(self, pool: RowDatabase, folder: Path) -> None:
        self._pool, self._rows, self._folder = pool, pool.rows, folder
        self._lock = threading.RLock()
        self._maps: dict[str, Floats] = {}
        self._vectors: dict[str, tuple[Ints, Any]] = {}
        self._found: tuple[tuple[str, bytes], list[int]] | None = None

    @cached_property
    def _ids(self) -> TextColumn:
        """Ids of the rows that can be used, in dataset order."""
        return TextColumn(self._rows.table.read(["sample_id"])["sample_id"].filter(self._rows.usable))

    def _rows_of(self, ids: TextColumn) -> Ints:
        """Positions of the rows of some ids, all of which can be used."""
        found: Ints = np.flatnonzero(self._rows.usable)[self._ids.find(ids)]
        return found

    def table(self, layer: str) -> PartTable | None:
        """The table of embeddings behind a map: the first by name; None if there is none."""
        found = self._rows.folder.tables(LAYERS[layer], data=self._rows.sequence)
        return found[0] if found else None

    def embedded(self) -> list[str]:
        """The maps whose embeddings the run folder has: of these a row has neighbours."""
        return [layer for layer in LAYERS if self.table(layer) is not None]

    def layers(self) -> list[str]:
        """The maps that can be drawn: those with embeddings, and that of the texts by their words."""
        found = self.embedded()
        by_words = "text" not in found and 0 < len(self._ids) <= MOST_TEXTS
        return [*found, "text"] if by_words else found

    def map(self, layer: str) -> Floats:
        """The place of each row, shape (rows, 2), in 0..1; NaN for a row without one.

        The report's places, if the run folder keeps them; otherwise they are computed, about ten seconds for
        3,439 rows, and kept in memory. Without embeddings, texts lie close together that share words.

        Raises:
            DataError: If there is no such map.
        """
        with self._lock:
            if layer not in self._maps:
                if layer not in self.layers():
                    raise DataError(f"the run folder has no embeddings for a map of the {layer}s")
                found = np.full((len(self._rows.usable), 2), np.nan)
                ids, places = self._placed(layer)
                found[self._rows_of(ids)] = places
                self._maps[layer] = found
            return self._maps[layer]

    def _placed(self, layer: str) -> tuple[TextColumn, Floats]:
        """Ids of rows, and the place of each."""
        table = self.table(layer)
        if table is None:
            texts = self._pool.query(
                "SELECT r.sample_id, concat_ws(chr(10), array_to_string(t.answers, chr(10)), "
                "array_to_string(t.questions, chr(10))) FROM rows r JOIN texts t USING (row) WHERE r.usable"
            )
            ids = TextColumn([str(key) for key, _ in texts])
            return ids, layout(ids, word_vectors([text for _, text in texts]))
        kept = self._rows.folder.tables("layout", embeddings=table.fingerprint)
        if kept:
            read = kept[0].read()
            placed = np.stack([read["x"].to_numpy(), read["y"].to_numpy()], axis=1)
            return TextColumn(read["sample_id"]), placed
        read = table.read(["sample_id", "embedding"])
        ids = TextColumn(read["sample_id"])
        return ids, layout(ids, embeddings_of(read))

    def inside(self, wanted: RowFilter) -> list[int]:
        """Positions of the rows in the area of a filter; none without an area."""
        if wanted.area is None or wanted.layer not in self.layers():
            return []
        key = (wanted.layer, wanted.area.tobytes())
        with self._lock:
            if self._found is None or self._found[0] != key:
                rows = np.flatnonzero(inside(self.map(wanted.layer), wanted.area))
                self._found = (key, rows.tolist())
            return self._found[1]

    def nearest(self, layer: str, row: int, number: int) -> list[tuple[int, float]]:
        """The nearest other rows of a row with their cosine, the nearest first; ties by position."""
        if self.table(layer) is None:
            return []
        rows, vectors = self._load(layer)
        at = np.flatnonzero(rows == row)
        if not len(at) or not np.isfinite(vectors[at[0]]).all():
            return []
        wanted = np.asarray(vectors[at[0]])
        cosines = np.concatenate(
            [np.asarray(vectors[start : start + CHUNK]) @ wanted for start in range(0, len(rows), CHUNK)]
        )
        cosines[at[0]] = np.nan
        order = np.argsort(-np.nan_to_num(cosines, nan=-2.0), kind="stable")[:number]
        return [(int(rows[one]), float(cosines[one])) for one in order if np.isfinite(cosines[one])]

    def _load(self, layer: str) -> tuple[Ints, Any]:
        """The position of each vector's row, and the vectors of length one, mapped from a file."""
        with self._lock:
            if layer not in self._vectors:
                table = self.table(layer)
                assert table is not None
                path = self._folder / f"{layer}.vectors"
                rows: list[Ints] = []
                width = 0
                with path.open("wb") as file:
                    for part in table.parts(["sample_id", "embedding"]):
                        rows.append(self._rows_of(TextColumn(part["sample_id"])))
                        if len(part):
                            vectors = embeddings_of(part).astype(np.float32)
                            norms = np.linalg.norm(vectors, axis=1, keepdims=True)
                            file.write((vectors / np.where(norms > 0, norms, 1)).tobytes())
                            width = vectors.shape[1]
                places = np.concatenate(rows)
                mapped = np.memmap(path, np.float32, "r", shape=(len(places), width))
                self._vectors[layer] = (places, mapped)
            return self._vectors[layer]
