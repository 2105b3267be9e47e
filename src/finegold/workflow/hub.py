"""Send a selection to Hugging Face's hub: the subset, `selection.json`, its table, and a card."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError, DataError
from finegold.extras import hub_address, hub_answers, require
from finegold.run import write_text
from finegold.run.addresses import RemoteAddress
from finegold.run.store_errors import explained
from finegold.samples import Dataset, WrittenSubset
from finegold.samples.formats.mix import MixDataset
from finegold.samples.roots import MOVED_FROM
from finegold.selection.manifest import Manifest


def push_selection(
    selection: Any,
    repo_id: str,
    *,
    private: bool = True,
    license: str | None = None,
    dry_run: Path | None = None,
) -> str:
    """Write a selection with its card and send it; see `Selection.push_to_hub`."""
    if repo_id.count("/") != 1 or not all(repo_id.split("/")):
        raise ConfigError(f"the dataset to make on the hub is '{repo_id}', expected OWNER/NAME")
    if dry_run is not None:
        if dry_run.exists() and (not dry_run.is_dir() or any(dry_run.iterdir())):
            raise ConfigError(f"{dry_run} is not empty, expected a new folder for the dry run")
        _write(selection, dry_run, repo_id, license)
        return str(dry_run)
    hub = require("huggingface_hub", extra="remote", why="push_to_hub")
    if not hub_answers():
        raise DataError(
            f"the hub does not answer, so '{repo_id}' was not sent: check the network, and that "
            "HF_HUB_OFFLINE is not set"
        )
    address = RemoteAddress("hf", f"hf://datasets/{repo_id}", repo_id)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        _write(selection, folder, repo_id, license)
        with explained(address, sending=True):
            api = hub.HfApi(endpoint=hub_address())
            api.create_repo(repo_id, repo_type="dataset", private=private, exist_ok=True)
            api.upload_folder(
                repo_id=repo_id,
                repo_type="dataset",
                folder_path=folder,
                commit_message="Rows that finegold chose",
            )
    return address.url


def _write(selection: Any, folder: Path, repo_id: str, license: str | None) -> None:
    # No folder of the data or of a benchmark is named. Of a model in a folder the parameters name it: the
    # fingerprint covers them.
    selection = replace(selection, manifest=_without_places(selection.manifest))
    subset: WrittenSubset = selection.write(folder)
    (folder / "report.html").unlink(missing_ok=True)
    for note in folder.rglob(MOVED_FROM):
        note.unlink()
    files = _data_files(selection.dataset, folder)
    write_text(folder / "README.md", _card(selection.manifest, files, subset, repo_id, license))


def _data_files(dataset: Dataset, folder: Path) -> dict[str, list[str]]:
    """The data files by configuration: a mix has one for each source that gave rows."""
    if isinstance(dataset, MixDataset):
        parts = zip(dataset.sources, dataset.parts, strict=True)
        return {
            one.name: [f"{one.name}/{file}" for file in _data_files(part, folder / one.name)["default"]]
            for one, part in parts
            if (folder / one.name).is_dir()
        }
    names = sorted(name for name in dataset.written_names() if (folder / name).exists())
    return {"default": [name for name in names if name not in ("state.json", "dataset_info.json")]}


def _without_places(manifest: Manifest) -> Manifest:
    """The manifest with the names of benchmarks alone; the fingerprint stays, since places do not count."""
    known = manifest.configuration
    named = [one.model_copy(update={"where": one.name}) for one in known.without]
    return manifest.model_copy(update={"configuration": known.model_copy(update={"without": named})})


def _card(
    manifest: Manifest, files: dict[str, list[str]], subset: WrittenSubset, repo_id: str, license: str | None
) -> str:
    configuration = manifest.configuration
    scorers = ", ".join(f"`{one.name}`" for one in configuration.scorers) or "none"
    weights = ", ".join(f"{name}={weight:g}" for name, weight in configuration.weights.items()) or "none"
    name = configuration.preset["name"]
    encoder = f" --encoder {configuration.encoder_name}" if configuration.encoder_name else ""
    options = f"--size {manifest.size} --preset {name} --seed {manifest.seed}{encoder}"
    lines = [
        "---",
        *([f"license: {json.dumps(license)}"] if license else []),
        "configs:",
        *(line for name, paths in files.items() for line in _configuration(name, paths)),
        "---",
        "",
        f"# {repo_id.rpartition('/')[2]}",
        "",
        f"{manifest.size:,} of the {manifest.counts.rows_in:,} rows of `{manifest.dataset.name}`, chosen by "
        f"[finegold](https://arxiv.org/abs/2308.12067) {manifest.finegold}. Each record is as it came.",
        "",
        "| | |",
        "| --- | --- |",
        f"| preset | `{name}` |",
        f"| rows | {manifest.size:,} chosen, {manifest.counts.not_selected:,} not chosen, "
        f"{sum(manifest.counts.excluded.values()):,} excluded |",
        f"| seed | {manifest.seed} |",
        f"| indicators | {scorers} |",
        f"| weights | {weights} |",
        f"| encoder | {configuration.encoder_name or 'none'} |",
        f"| format | `{manifest.dataset.format}`, {subset.files:,} image files |",
        f"| licence | {license or 'unknown: that of the source data counts'} |",
        "",
        "The preset chooses like this; options that were given besides are in `selection.json`:",
        "",
        f"    finegold pick DATA {options} --out OUT",
        "",
        "`selection.json` and `selection.parquet` say why each row is in or out. The subset again:",
        "",
        "    finegold replay selection.json --data DATA --out OUT",
        "",
    ]
    if manifest.notes:
        lines += ["## Notes", "", *(f"- {note}" for note in manifest.notes), ""]
    return "\n".join(lines)


def _configuration(name: str, paths: list[str]) -> list[str]:
    head = [f"- config_name: {name}", "  data_files:", "  - split: train", "    path:"]
    return [*head, *(f"    - {json.dumps(path)}" for path in paths)]
