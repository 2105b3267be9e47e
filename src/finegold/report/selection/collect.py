"""The report of a selection: its page, with what the run folder and the dataset add."""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from finegold.arrays import Floats, Vectors
from finegold.clustering.table import read_embeddings
from finegold.engines import map_ordered
from finegold.errors import ConfigError, DataError
from finegold.judging import replay_verdicts
from finegold.report.html import write_html
from finegold.report.judge import judgement_section
from finegold.report.selection.layout import layout
from finegold.report.selection.page import render_report
from finegold.report.selection.sections import RowContent, Section, comparison_section
from finegold.run import (
    Columns,
    PartTable,
    RunFolder,
    TextColumn,
    fill_once,
    read_sealed,
    with_addresses,
)
from finegold.samples import Dataset, Row
from finegold.samples.check import row_bytes
from finegold.samples.exclusions import ImageError
from finegold.samples.image_cache import is_remote
from finegold.samples.images import ImageRef, with_image
from finegold.samples.thumbnails import thumbnail
from finegold.selection.compare import PresetComparison
from finegold.selection.manifest import MANIFEST, Manifest
from finegold.selection.preset import Preset, find_preset

LAYOUT_SCHEMA = pa.schema([("sample_id", pa.string()), ("x", pa.float64()), ("y", pa.float64())])


def write_report(
    run: RunFolder,
    dataset: Dataset,
    manifest: Manifest,
    table: pa.Table,
    embeddings: PartTable | None,
    path: Path,
    judged: Path | None = None,
) -> None:
    """Draw the report to a file; a reader sees the old report or the new one, never half of one.

    Args:
        run: The run folder that the selection was made in; keeps the map's layout.
        dataset: The rows, for texts and thumbnails.
        manifest: Content of `selection.json`.
        table: The selection's table, columns as in `selection.table.SCHEMA`.
        embeddings: Finished table of the images' embeddings, for the map and the clusters' examples; None if
            the selection used none.
        path: The HTML file.
        judged: Audit of a judge whose verdicts are shown too.

    Raises:
        ConfigError: If the manifest does not fit the table.
    """

    def read(positions: set[int]) -> Mapping[int, RowContent]:
        describe = partial(_content, beside=path.parent)
        return dict(map_ordered(describe, dataset.rows_at(positions), weigh=row_bytes))

    embedded = None
    if embeddings is not None:
        ids, vectors = read_embeddings(embeddings)
        embedded = (ids, vectors, _map(run, embeddings, ids, vectors))
    commands = [shlex.join(replay_command(run)), shlex.join(select_command(run, manifest))]
    sections = list(_comparisons(run, manifest))
    if judged is not None:
        sections.append(Section("judged", "Answers judged", judgement_section(replay_verdicts(judged))))
    write_html(render_report(manifest, table, read, embedded, commands, sections), path)


def _content(row: Row, beside: Path) -> tuple[int, RowContent]:
    """Position and content of a row, with the thumbnail of its first image if it has one that can be read."""
    if row.sample is None:
        return row.index, RowContent(row.place, "", "")
    picture, address = None, ""
    if row.sample.images:
        with suppress(ImageError):
            picture = with_image(row.sample.images[0], thumbnail)
            address = _address(row.sample.images[0], beside)
    return row.index, RowContent(row.place, row.sample.instruction, row.sample.answer, picture, address)


def _address(image: ImageRef, beside: Path) -> str:
    """Where a page in a folder finds an image: in the subset there, else where the dataset has it."""
    name = PurePath(image.name)
    if not name.is_absolute() and ".." not in name.parts:
        for folder in ("images", "image", "."):
            if _is_same(beside / folder / name, image):
                return quote(os.fsencode((PurePosixPath(folder) / name.as_posix()).as_posix()))
    return "" if image.path is None or is_remote(image.path) else image.path.absolute().as_uri()


def _is_same(path: Path, image: ImageRef) -> bool:
    """Whether a file is there that may be an image: of an image in a file, one of the same size."""
    if not path.is_file():
        return False
    return (
        image.path is None
        or not image.path.is_file()
        or path.samefile(image.path)
        or (path.stat().st_size == image.path.stat().st_size)
    )


def _map(run: RunFolder, embeddings: PartTable, ids: TextColumn, vectors: Vectors) -> Floats:
    """Places on the map, shape (n, 2), of the rows of an embedding table; computed once for it."""
    parameters = {"data": embeddings.parameters["data"], "embeddings": embeddings.fingerprint}
    table = run.table("layout", "tsne", {**parameters, "version": 2, "seed": 0}, LAYOUT_SCHEMA)

    def make() -> Columns:
        xy = layout(ids, vectors)
        return {"sample_id": ids, "x": xy[:, 0], "y": xy[:, 1]}

    places = fill_once(run, table, make, step="layout").read(["x", "y"])
    return np.stack([places["x"].to_numpy(), places["y"].to_numpy()], axis=1)


def _comparisons(run: RunFolder, manifest: Manifest) -> Iterator[Section]:
    """What `finegold compare` left in the run folder for these rows, by size."""
    read = [(path.stem, _read_comparison(path)) for path in sorted((run.path / "comparisons").glob("*.json"))]
    for name, found in sorted(read, key=lambda item: (item[1].size, item[0])):
        if found.fingerprint == manifest.dataset.fingerprint:
            yield comparison_section(found, name)


def _read_comparison(path: Path) -> PresetComparison:
    try:
        return PresetComparison.from_json(read_sealed(path))
    except (OSError, ValueError, KeyError, TypeError, DataError) as error:
        raise DataError(f"the comparison {path} cannot be read ({error}): remove it") from error


def replay_command(run: RunFolder) -> list[str]:
    """The command that finds the chosen rows in the dataset again, opened as the run folder opens it."""
    data = run.manifest["data"]
    words = ["finegold", "replay", MANIFEST, "--data", data["path"]]
    for name in (
        "images",
        "format",
        "instruction",
        "source_field",
        "kinds",
        "allow_links",
        "split",
        "columns",
    ):
        if data.get(name) is not None:
            words += [f"--{name.replace('_', '-')}", data[name]]
    words += ["--ids", data["ids"]] if data.get("ids", "record") != "record" else []
    words += ["--allow-urls"] if data.get("allow_urls") else []
    return [*words, "--out", "AGAIN"]


def select_command(run: RunFolder, manifest: Manifest) -> list[str]:
    """The command that makes the same selection in its run folder, whatever was run there since.

    It names every table that was read, and the copies of files that the run folder keeps.
    """
    made, selector = manifest.configuration, manifest.configuration.selector or {}
    preset, dedup = Preset.read(made.preset), made.dedup_settings()
    words = ["finegold", "select", str(run.path), "--size", str(manifest.size), "--seed", str(manifest.seed)]
    words += ["--preset", _preset_name(run, manifest, preset)]
    if preset.weights:
        words += ["--weights", ",".join(f"{name}={weight!r}" for name, weight in made.weights.items())]
    if made.scorers:
        words += ["--scores", ",".join(scorer.table for scorer in made.scorers if scorer.table)]
    if made.clustering:
        words += ["--clustering", made.clustering["table"]]
    if made.encoder_name:
        words += ["--encoder", made.encoder_name]
    if made.text_encoder_name:
        words += ["--text-encoder", made.text_encoder_name]
    words += [] if dedup is None else ["--dedup", str(dedup)]
    for bench in made.without:
        words += ["--without", bench.where]
    if made.targets:
        data = RunFolder.open(run.path / "targets" / made.targets["folder"]).manifest["data"]
        words += ["--targets", data["path"]]
        words += ["--target-images", data["images"]] if data["images"] else []
    for option, ending in (("pairs", "jsonl"), ("selector", "pth")):
        if option in selector or (option == "selector" and "checkpoint" in selector):
            words += [f"--{option}", str(run.path / "selectors" / f"{selector['sha256'][:12]}.{ending}")]
    words += ["--where", made.where] if made.where else []
    for option, ids in (("include", made.include), ("exclude", made.exclude)):
        if ids is not None:
            words += [f"--{option}", str(run.path / "selectors" / f"{ids.sha256[:12]}.jsonl")]
    return [*map(with_addresses, words), "--out", "AGAIN"]


def _preset_name(run: RunFolder, manifest: Manifest, preset: Preset) -> str:
    """The preset's name; of one that is not installed, the selection that holds it."""
    try:
        known = find_preset(preset.name) == preset
    except ConfigError:
        known = False
    return preset.name if known else str(run.path / "selections" / manifest.folder / MANIFEST)
