"""From a raw dataset to the best N rows: every step in order."""

from collections.abc import Mapping
from pathlib import Path

from finegold.engines import Compute
from finegold.selection.preset import Preset
from finegold.workflow.run import Run
from finegold.workflow.selection import Selection
from finegold.workflow.settings import SelectionSettings
from finegold.workflow.source import DataSource


def pick(
    data: DataSource | str | Path,
    size: int | str,
    out: str | Path | None = None,
    *,
    preset: str | Preset = "sound",
    weights: Mapping[str, float] | str | None = None,
    seed: int = 0,
    encoder: str | None = None,
    run: str | Path | None = None,
    compute: Compute | None = None,
    strict: bool = False,
    **settings: object,
) -> Selection:
    """Read, score, cluster, select, write and report.

    Args:
        data: The dataset.
        size: Rows to pick: a number, or a share of the usable rows such as `6%`.
        out: Folder for the subset, `selection.json`, the table and `report.html`; only an earlier selection
            is replaced. None writes nothing.
        preset: A preset, its name, or a `.toml` file.
        weights: Indicator weights in place of the preset's, as a mapping or `clip=1,length=0.5`.
        seed: Seed of every random choice.
        encoder: Image-text model, as `load_encoder` takes it; None for the one that the run folder has, or
            CLIP ViT-L/14.
        run: Run folder; `<out>.run` if not given. Used again, it makes the next pick fast.
        compute: Device, batch size and workers.
        strict: Stop at the first bad row instead of excluding and counting it.
        settings: Further attributes of `SelectionSettings`, such as `clusters`, `dedup` and `files`.

    Raises:
        FinegoldError: If something is wrong with the data, the options or the models; one sentence.
    """
    asked = SelectionSettings.of(preset, size, weights, seed=seed, **settings)
    target = None if out is None else Path(out)
    if run is None:
        path = Path(data.path if isinstance(data, DataSource) else data) if target is None else target
        run = path.with_name(path.name + ".run")
    selection = Run.open(run, data, encoder=encoder, compute=compute, strict=strict).pick(asked, target)
    if target is not None:
        selection.write(target)
    return selection
