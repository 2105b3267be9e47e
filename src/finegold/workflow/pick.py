"""From a raw dataset to the best N rows: every step in order."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from finegold.run import RunFolder, write_text
from finegold.samples import Dataset, WrittenSubset
from finegold.selection.manifest import Manifest, manifest_text
from finegold.selection.options import parse_size, parse_weights
from finegold.selection.presets import find_preset
from finegold.workflow.choose import Choice, choose
from finegold.workflow.compute import check_encoder, compute
from finegold.workflow.files import NOTHING_GIVEN, SelectionFiles, check_given
from finegold.workflow.output import MANIFEST, REPORT, check_free, output_folder, relocated, subset_names
from finegold.workflow.rows import Compute, read_rows
from finegold.workflow.source import DataSource, start_run


@dataclass(frozen=True, slots=True)
class Picked:
    """What a pick left behind.

    Attributes:
        manifest: Content of `selection.json`.
        subset: The written records, where to open them again.
        manifest_path: `selection.json`.
        report: `report.html`.
        run: The run folder.
    """

    manifest: Manifest
    subset: WrittenSubset
    manifest_path: Path
    report: Path
    run: Path


def pick(
    source: DataSource | str | Path,
    *,
    size: int | str,
    out: str | Path,
    preset: str = "sound",
    weights: Mapping[str, float] | str | None = None,
    encoder: str = "openai/clip-vit-large-patch14",
    clusters: int | None = None,
    seed: int = 0,
    run: str | Path | None = None,
    strict: bool = False,
    link: bool = False,
    machine: Compute | None = None,
    given: SelectionFiles = NOTHING_GIVEN,
) -> Picked:
    """Read, score, cluster, select, write and report.

    Args:
        source: The dataset; a path is opened with `DataSource.of(path)`.
        size: Rows to pick: a number, or a share of the usable rows such as `6%`.
        out: Folder for the subset, `selection.json` and `report.html`; only an earlier selection is replaced.
        preset: A name of `finegold.selection.PRESETS`.
        weights: Indicator weights instead of the preset's, as a mapping or `clip=1,length=0.5`.
        encoder: As `finegold.encoders.load_encoder` takes it.
        clusters: Number of image clusters instead of the preset's.
        seed: Of every random choice.
        run: Run folder; `<out>.run` if not given. Used again, it makes the next pick fast.
        strict: Stop at the first bad row instead of excluding and counting it.
        link: Hard-link image files instead of copying them.
        machine: Device, batch size and workers.
        given: Duplicates to leave out, targets, and files that some presets need.

    Raises:
        FinegoldError: Whatever is wrong with the data, the options or the models, in one sentence.
    """
    recipe = find_preset(preset)
    check_given([recipe], given, weights)
    own = parse_weights(weights) if isinstance(weights, str) else weights
    source = source if isinstance(source, DataSource) else DataSource.of(source)
    out = Path(out).resolve()
    folder, dataset = start_run(source, Path(run) if run else out.with_name(out.name + ".run"))
    check_free(out, subset_names(dataset))
    machine = machine or Compute()
    check_encoder(recipe, own, encoder, machine, given)
    with folder.writing():
        rows = read_rows(folder, dataset, machine, strict=strict)
        # Before the hours of scoring, not after.
        parse_size(str(size), int(rows.usable.sum()))
        computed = compute(
            folder,
            dataset,
            rows,
            recipe,
            weights=own,
            encoder=encoder,
            clusters=clusters,
            machine=machine,
            given=given,
        )
        choice = choose(folder, dataset, computed, recipe, str(size), weights=own, seed=seed, given=given)
        return deliver(folder, dataset, choice, out, link=link)


def deliver(run: RunFolder, dataset: Dataset, choice: Choice, out: Path, *, link: bool) -> Picked:
    """Write subset, manifest and report to `out`, and keep the manifest in the run folder."""
    from finegold.workflow.report import write_report

    text = manifest_text(choice.manifest)
    with run.step("write", out=str(out)), output_folder(out, subset_names(dataset)) as folder:
        subset = dataset.write(folder, choice.positions(), link=link)
        write_text(folder / MANIFEST, text)
        write_report(run, dataset, choice, folder / REPORT)
    write_text(run.path / "selections" / f"{out.name}.json", text)
    return Picked(
        choice.manifest,
        relocated(subset, folder, out),
        out / MANIFEST,
        out / REPORT,
        run.path,
    )
