"""Overlap with benchmarks: their items read and hashed, and the rows of a run that contain them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from finegold.arrays import Vectors
from finegold.clustering.table import read_embeddings
from finegold.dedup import hash_images
from finegold.dedup.hash_index import from_hexadecimal, pack
from finegold.dedup.overlap import (
    COMMON,
    NGRAM,
    SHARE,
    Overlaps,
    image_overlap,
    perceptual_overlap,
    semantic_overlap,
    text_overlap,
)
from finegold.dedup.perceptual import RADIUS
from finegold.dedup.semantic import THRESHOLD
from finegold.encoders import load_encoder
from finegold.encoders.step import embed
from finegold.engines import choose_engine, map_ordered
from finegold.errors import ConfigError, DataError, did_you_mean
from finegold.evaluation.task import TASKS, Item
from finegold.run import PartTable, RunFolder, TextColumn, fingerprint
from finegold.run.cards import FieldCard
from finegold.samples import ImageRef, open_dataset
from finegold.samples.excluded import ExcludedRows
from finegold.samples.exclusions import ImageError
from finegold.samples.image_folder import ImageFiles, ImageList, image_files
from finegold.samples.images import image_sha256
from finegold.selection.manifest import OverlapInfo
from finegold.workflow.rows import Rows, is_brought

CODE = "benchmark-overlap"


@dataclass(frozen=True, slots=True)
class BenchmarkItem:
    """What rows are compared with.

    Attributes:
        name: Its id in the benchmark.
        images: Its images.
        texts: Its question with each answer, or its captions; empty for an image alone.
    """

    name: str
    images: tuple[ImageRef, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark.

    Attributes:
        name: Its name for people.
        where: How it was named, with an absolute path.
        items: Its items.
        files_only: Whether only the bytes of image files are compared: drawings look alike, and short
            questions are asked of many images.
    """

    name: str
    where: str
    items: tuple[BenchmarkItem, ...]
    files_only: bool = False


@dataclass(frozen=True, slots=True)
class FoundOverlap(FieldCard):
    """The rows that contain an item of a benchmark.

    Attributes:
        ids: Their ids.
        excluded: Why each is excluded.
        benchmarks: What rows were compared with.
        notes: How many rows there are, a sentence a benchmark.
    """

    ids: TextColumn
    excluded: ExcludedRows
    benchmarks: tuple[OverlapInfo, ...]
    notes: tuple[str, ...]

    @classmethod
    def none(cls) -> "FoundOverlap":
        """What is found where nothing is compared."""
        return cls(TextColumn(()), ExcludedRows.together(()), (), ())

    def among(self, ids: TextColumn) -> ExcludedRows:
        """The excluded of some rows, by position there.

        Raises:
            DataError: If no row is left.
        """
        place = ids.find(self.ids)
        found = replace(self.excluded, rows=place).only(place >= 0)
        if len(found) and len(found) == len(ids):
            named = " and ".join(one.name for one in self.benchmarks)
            raise DataError(
                f"each of the {len(ids):,} usable rows has an image or a text of {named}: name other "
                "benchmarks, or other data"
            )
        return found


def read_benchmark(text: str) -> Benchmark:
    """Read the items of a benchmark.

    Args:
        text: A dataset in any format, an image or a folder of images, or `TASK=FOLDER` or
            `TASK/SPLIT=FOLDER` for the files of an evaluation task.

    Raises:
        ConfigError: If there is no such task or split.
        DataError: If the files cannot be understood, or hold no item.
    """
    name, equals, folder = text.partition("=")
    if equals and not Path(text).exists():
        return _read_task(name, Path(folder).absolute())
    path = Path(text).absolute()
    try:
        dataset = open_dataset(path)
    except DataError as error:
        if not image_files(path):
            raise DataError(f"--without names {text}, which cannot be read: {error}") from None
        dataset = ImageFiles(path)
    only_images = isinstance(dataset, ImageFiles)
    items = [
        BenchmarkItem(
            row.id,
            row.sample.images,
            () if only_images else tuple(f"{pair.question} {pair.answer}" for pair in row.sample.pairs),
        )
        for row in dataset.rows()
        if row.sample is not None
    ]
    if not items:
        raise DataError(f"--without names {text}, and none of its rows can be read: name another benchmark")
    return Benchmark(path.name, str(path), tuple(items))


def _read_task(name: str, folder: Path) -> Benchmark:
    known = dict(TASKS.usable())
    task_name, _, split_name = name.partition("/")
    if task_name not in known:
        raise ConfigError(
            f"--without names the task '{task_name}'{did_you_mean(task_name, known)}, expected one of "
            f"{', '.join(known)}: `finegold tasks` lists them"
        )
    task = known[task_name]
    split = task.split(split_name or None)
    missing = task.missing(folder, split)
    if missing:
        raise DataError(
            f"{folder} lacks {missing[0].path} of the task {task.name}: get it from {missing[0].url}"
        )
    return task_benchmark(f"{task.name}/{split.name}", folder, task.items(folder, split))


def task_benchmark(name: str, folder: Path, items: Iterable[Item], *, files_only: bool = False) -> Benchmark:
    """Items of an evaluation task as a benchmark.

    Args:
        name: Task and split, as `flickr30k/all`.
        folder: Folder of the task's files.
        items: The items.
        files_only: Whether only the bytes of image files are compared.
    """
    compared = (
        BenchmarkItem(
            item.id,
            (item.image,),
            tuple(f"{item.question} {answer}".strip() for answer in item.references or ("",)),
        )
        for item in items
        if item.problem is None
    )
    return Benchmark(name, f"{name}={folder}", tuple(compared), files_only)


def find_overlap(
    rows: Rows, benchmarks: Sequence[str | Benchmark], embeddings: PartTable | None, encoder: str | None
) -> FoundOverlap:
    """Find the usable rows that contain an item of a benchmark.

    A row is compared by its image files, by perceptual hash, by cosine where the selection embeds the images,
    and by the n-grams of its texts; the first of these that finds an item gives the reason.

    Args:
        rows: The rows; their images are hashed if they are not yet.
        benchmarks: Benchmarks, or what `read_benchmark` takes.
        embeddings: Finished table of the rows' image embeddings; None where the selection uses none. Those
            that came from a column of a file are not compared, since nothing embeds the items like them.
        encoder: Name of their encoder.

    Raises:
        ConfigError: If a benchmark names no task that there is.
        DataError: If one cannot be understood.
    """
    found = [read_benchmark(one) if isinstance(one, str) else one for one in dict.fromkeys(benchmarks)]
    compared = None if embeddings is None or encoder is None or is_brought(embeddings) else embeddings
    hashes = rows.hash_images()
    ids = TextColumn(hashes.read(["sample_id"])["sample_id"])
    excluded = [ExcludedRows.together(())]
    known_rows = np.zeros(len(ids), np.bool_)
    infos, notes = [], []
    order, row_vectors = ids.order(), None
    if compared is not None and any(item.images for bench in found for item in bench.items):
        names, vectors = read_embeddings(compared)
        row_vectors = vectors[names.find(ids.take(order))]
    for bench in found:
        refs = [(at, ref) for at, item in enumerate(bench.items) for ref in item.images]
        images = _Images([ref for _, ref in refs], rows) if refs else None
        known = [] if images is None else images.hashes()
        owner = [at for at, _ in refs]
        shas, codes = [[sha] if sha else [] for sha, _ in known], pack([code for _, code in known])
        same, near = partial(image_overlap, items=shas), partial(perceptual_overlap, items=codes)
        files = (part["images"].combine_chunks() for part in hashes.parts(["images"]))
        coded = (from_hexadecimal(part["perceptual"]) for part in hashes.parts(["perceptual"]))
        passes = [_by_item(Overlaps.of_parts(files, same), owner)]
        if not bench.files_only:
            passes.append(_by_item(Overlaps.of_parts(coded, near), owner))
            if images and encoder is not None and row_vectors is not None:
                alike = semantic_overlap(row_vectors, images.vectors(encoder))
                passes.append(_by_item(replace(alike, rows=order[alike.rows]), owner))
            passes.append(text_overlap(_texts(rows.table), [item.texts for item in bench.items]))
        fresh = np.zeros(len(ids), np.bool_)
        counts = Counter[int]()
        names_of_items = pa.array([item.name for item in bench.items], pa.string())
        for number, one in enumerate(passes):
            counts[number == len(passes) - 1] += int((~fresh[one.rows]).sum())
            new = ~(fresh | known_rows)[one.rows]
            fresh[one.rows] = True
            item = names_of_items.take(pa.array(one.items[new]))
            how = one.how.filter(pa.array(new))
            end = f" of the benchmark {bench.name}"
            reason = pc.binary_join_element_wise("the row ", how, " item ", item, end, "")
            excluded.append(ExcludedRows.of(one.rows[new], CODE, reason))
        known_rows |= fresh
        infos.append(
            OverlapInfo(
                name=bench.name,
                where=bench.where,
                items=len(bench.items),
                fingerprint=fingerprint(
                    {
                        "items": [[item.name, list(item.texts)] for item in bench.items],
                        "images": [[at, sha] for at, (sha, _) in zip(owner, known, strict=True)],
                        "encoder": None if bench.files_only else compared and compared.parameters["model"],
                        "compared": [] if bench.files_only else [NGRAM, SHARE, COMMON, RADIUS, THRESHOLD],
                    }
                ),
                rows=int(fresh.sum()),
            )
        )
        unread = sum(sha is None for sha, _ in known)
        tail = f" {unread:,} of its images cannot be read, and were not compared." if unread else ""
        how = f"{counts[0]:,} by their images and {counts[1]:,} by their texts alone"
        if bench.files_only:
            how = "which have the bytes of an image; nothing else was compared"
        notes.append(
            f"Excluded for overlap with the {len(bench.items):,} items of {bench.name}: {infos[-1].rows:,} "
            f"rows, {how}.{tail}"
        )
    every = ExcludedRows.together(excluded)
    return FoundOverlap(ids.take(every.rows), every, tuple(infos), tuple(notes))


def _texts(samples: PartTable) -> Iterator[pa.Array]:
    """Questions and answers of the usable rows, a text a row, part by part."""
    for part in samples.parts(["status", "instruction", "answer"]):
        rows = part.filter(pc.equal(part["status"], "ok")).combine_chunks()
        asked, answered = (rows[name].combine_chunks() for name in ("instruction", "answer"))
        turns = pa.concat_arrays([asked.flatten(), answered.flatten()])
        pairs = np.arange(len(turns)).reshape(2, -1).T.ravel()
        ends = np.concatenate([[0], np.cumsum(pc.list_value_length(asked).to_numpy())])
        lists = pa.LargeListArray.from_arrays(pa.array(2 * ends), turns.take(pa.array(pairs)))
        yield pc.binary_join(lists, "\n")


class OverlapFinder:
    """Finds what the rows of a run share with benchmarks, once for the same embeddings."""

    def __init__(self) -> None:
        """Nothing is found yet."""
        self._found: dict[object, FoundOverlap] = {}

    def find(
        self,
        rows: Rows,
        benchmarks: Sequence[str | Benchmark],
        embeddings: PartTable | None,
        encoder: str | None,
    ) -> FoundOverlap | None:
        """What `find_overlap` finds; None without benchmarks."""
        key = (tuple(benchmarks), embeddings and embeddings.fingerprint)
        if benchmarks and key not in self._found:
            self._found[key] = find_overlap(rows, benchmarks, embeddings, encoder)
        return self._found.get(key)


def _by_item(found: Overlaps, owner: Sequence[int]) -> Overlaps:
    """Overlaps with images as overlaps with the items that have them."""
    return replace(found, items=np.array(owner, np.int64)[found.items])


class _Images:
    """The images of a benchmark, hashed and embedded once, in a run folder of their own inside the run.

    The folder is named after the bytes of the images: an image that changed is hashed and embedded again.
    """

    def __init__(self, refs: Sequence[ImageRef], rows: Rows) -> None:
        """Read the images, each once, though several items may have it."""
        images = list(dict.fromkeys(refs))
        hashes = list(map_ordered(readable_sha256, images, workers=rows.compute.workers))
        self._data = fingerprint({"images": hashes})
        self._folder = RunFolder.create(rows.folder.path / "benchmarks" / self._data, {"images": len(images)})
        self._dataset, self._usable = ImageList(images), np.ones(len(images), np.bool_)
        self._compute = rows.compute
        place = {ref: at for at, ref in enumerate(images)}
        self._places = [place[ref] for ref in refs]

    def hashes(self) -> list[tuple[str | None, int | None]]:
        """sha256 and perceptual hash of each image; None for one that cannot be read."""
        table = hash_images(
            self._folder,
            self._dataset,
            usable=self._usable,
            data=self._data,
            engine=choose_engine(self._compute),
        )
        found = [
            (None if row["reason"] else row["images"][0], row["perceptual"] and int(row["perceptual"], 16))
            for row in table.read().to_pylist()
        ]
        return [found[place] for place in self._places]

    def vectors(self, encoder: str) -> Vectors:
        """Embeddings of the images, NaN for one that cannot be read, shape (images, d)."""
        table = embed(
            self._folder,
            self._dataset,
            load_encoder(encoder, device=self._compute.device),
            usable=self._usable,
            data=self._data,
            engine=choose_engine(self._compute),
        )
        vectors: Vectors = read_embeddings(table)[1][self._places]
        return vectors


def readable_sha256(ref: ImageRef) -> str | None:
    """Hex sha256 of an image's encoded bytes; None if they cannot be read."""
    try:
        return image_sha256(ref)
    except ImageError:
        return None
