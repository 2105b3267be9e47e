"""Where an arm gains: the evaluation's images by the cluster of the pool that they are nearest to."""

from pathlib import Path
from typing import Any

import numpy as np

from finegold.encoders import Encoder, load_encoder
from finegold.engines import map_ordered
from finegold.evaluation.task import Item
from finegold.report.study.findings import Gain
from finegold.run import fingerprint, read_sealed, write_sealed
from finegold.samples import ImageRef
from finegold.samples.exclusions import ImageError
from finegold.samples.images import by_content, decode
from finegold.selection.pickers.edges import unit_rows
from finegold.selection.table import gather
from finegold.statistics import HierarchicalBootstrap, SeedMeasure
from finegold.study.arms import StudyRows
from finegold.study.measure import Metric
from finegold.study.study import Study
from finegold.workflow.overlap import readable_sha256

FEWEST = 5
"""Number of images in a cluster below which no gain is stated."""


def nearest_clusters(
    folder: Path, pool: StudyRows, encoder: str, device: str, items: list[Item]
) -> dict[str, int]:
    """The pool's cluster of each image: the one whose mean embedding has the highest cosine.

    Kept in the study's folder under the content of the images, since embedding takes a while. An image that
    cannot be read is in none.

    Args:
        folder: The study's folder.
        pool: The rows; they get the clusters of the preset `stratified`, ten spectral ones.
        encoder: Encoder of the pool's embeddings.
        device: Device of the encoder: `auto`, `cpu`...
        items: Items whose images are placed.
    """
    computed = pool.tables("stratified")
    assert computed.clusters is not None
    assert computed.embeddings is not None
    refs = {item.image.name: item.image for item in sorted(items, key=lambda item: item.image.name)}
    hashes = dict(zip(refs, map_ordered(readable_sha256, refs.values()), strict=True))
    depends = {"clusters": computed.clusters.table.fingerprint, "images": hashes}
    path = folder / "clusters" / f"{fingerprint(depends)}.json"
    if path.exists():
        return {name: int(cluster) for name, cluster in read_sealed(path).items()}
    everything = gather(pool.run.rows().table, {}, computed.clusters, computed.embeddings)
    assert everything.labels is not None
    assert everything.embeddings is not None
    unit = unit_rows(everything.embeddings)
    labels = everything.labels
    whole = np.isfinite(unit).all(axis=1)
    numbers = np.unique(labels[whole & (labels >= 0)])
    means = unit_rows(np.stack([unit[whole & (labels == number)].mean(axis=0) for number in numbers]))
    model = load_encoder(encoder, device=device)
    found: dict[str, int] = {}
    for start in range(0, len(refs), 32):
        part = list(refs)[start : start + 32]
        inputs = {name: one for name in part if (one := _input(model, refs[name])) is not None}
        if inputs:
            vectors = unit_rows(model.encode_images(list(inputs.values())))
            near = numbers[(vectors @ means.T).argmax(axis=1)]
            found |= dict(zip(inputs, near.tolist(), strict=True))
    write_sealed(path, found)
    return found


def _input(model: Encoder, ref: ImageRef) -> Any:
    """An image as the encoder takes it; None if it cannot be read."""
    try:
        return model.preprocess(decode(by_content(ref)))
    except ImageError:
        return None


def gains(metric: Metric, study: Study, clusters: dict[str, int]) -> tuple[Gain, ...]:
    """Each arm's difference to the baseline on the images of each cluster; more is better."""
    of_item = np.array([clusters.get(image, -1) for image in metric.images])
    found = []
    for number in np.unique(of_item[of_item >= 0]):
        rows = np.flatnonzero(of_item == number)
        images = [metric.images[row] for row in rows]
        if len(set(images)) < FEWEST:
            continue
        bootstrap = HierarchicalBootstrap.of(images, replicates=study.replicates, level=study.level)
        measures = {
            arm: SeedMeasure(measure.statistics[:, rows], measure.combine)
            for arm, measure in metric.arms.items()
        }
        for arm, measure in measures.items():
            if arm != (base := study.baseline_of(arm)):
                gain = bootstrap.difference(measure, measures[base]).times(metric.sign)
                found.append(Gain(arm, int(number), len(set(images)), gain))
    return tuple(sorted(found, key=lambda gain: (list(metric.arms).index(gain.arm), gain.cluster)))
