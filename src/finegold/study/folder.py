"""A study's folder: everything that its runs share, each part named after what it depends on.

OUT/
  stage1-<fingerprint>/   offline models made for studies: heads.safetensors, model/
  base-<fingerprint>/     a model put together from its parts, before any tuning
  pool-<fingerprint>.run/ run folder of the rows: scores, embeddings, clusters
  subsets/<fingerprint>/  rows that an arm chose, with selection.json
  models/<fingerprint>/   tuned models
  answers/<fingerprint>/  what a model answered to a task, its losses, done.json
  features/               image features, shared by all models of one tower
  <study>/                the results
  events.jsonl            what happened when

Several studies may share a folder: what one has trained the next finds there.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.run import FILES, RunFolder, file_list, listed_files_are_there, read_sealed, write_sealed
from finegold.run.folder import may_become_run

DONE = "done.json"


class StudyFolder:
    """A study's folder, made if it is not there.

    Attributes:
        path: The folder.
        run: A run folder's lock and log of events.
    """

    def __init__(self, path: Path) -> None:
        """Open it; raises RunError if it holds other things."""
        self.path = path.resolve()
        there = self.path.exists() and not (self.path / "manifest.json").exists()
        if there and not may_become_run(self.path):
            raise RunError(f"{self.path} is not empty and not a study's folder: give --out a new folder")
        self.run = RunFolder.create(self.path, {"study": True})

    @property
    def features(self) -> Path:
        """Folder of the image features."""
        return self.path / "features"

    def model(self, fingerprint: str) -> Path:
        """Folder of a tuned model."""
        return self.path / "models" / fingerprint

    def results(self, study: str) -> Path:
        """Folder of a study's tables and report."""
        return self.path / study


def finish(folder: Path, facts: Mapping[str, Any]) -> None:
    """Mark a folder as whole, with what is known about it and the hashes of its files."""
    write_sealed(folder / DONE, {**facts, FILES: file_list(folder, skip={DONE})})


def finished(folder: Path) -> dict[str, Any] | None:
    """What `finish` wrote; None if the folder is not whole, or a file of it was deleted.

    Raises:
        RunError: If the record or a file does not fit its hash.
    """
    try:
        facts = read_sealed(folder / DONE)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not listed_files_are_there(folder / DONE, facts):
        return None
    facts.pop(FILES, None)
    return facts
