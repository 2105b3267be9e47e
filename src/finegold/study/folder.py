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

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from finegold.errors import RunError
from finegold.run import RunFolder, write_json

DONE = "done.json"


class StudyFolder:
    """A study's folder, made if it is not there."""

    def __init__(self, path: Path) -> None:
        """Open it; raises RunError if it holds other things."""
        self.path = path.resolve()
        if self.path.exists() and not (self.path / "manifest.json").exists() and any(self.path.iterdir()):
            raise RunError(f"{self.path} is not empty and not a study's folder: give --out a new folder")
        # A run folder in small: its lock and its log of events.
        self._run = RunFolder.create(self.path, {"study": True})

    @property
    def features(self) -> Path:
        """Image features."""
        return self.path / "features"

    def stage1(self, fingerprint: str) -> Path:
        """Offline models."""
        return self.path / f"stage1-{fingerprint}"

    def base(self, fingerprint: str) -> Path:
        """A model put together."""
        return self.path / f"base-{fingerprint}"

    def pool(self, fingerprint: str) -> Path:
        """Run folder of a dataset."""
        return self.path / f"pool-{fingerprint}.run"

    def subset(self, fingerprint: str) -> Path:
        """Chosen rows."""
        return self.path / "subsets" / fingerprint

    def model(self, fingerprint: str) -> Path:
        """A tuned model."""
        return self.path / "models" / fingerprint

    def answers(self, fingerprint: str) -> Path:
        """What a model answered."""
        return self.path / "answers" / fingerprint

    def results(self, study: str) -> Path:
        """A study's tables and report."""
        return self.path / study

    @contextmanager
    def step(self, name: str, **fields: Any) -> Iterator[None]:
        """Log start and end of what the block does."""
        with self._run.step(name, **fields):
            yield

    def log(self, event: str, **fields: Any) -> None:
        """Append a line to events.jsonl."""
        self._run.log(event, **fields)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder's lock."""
        with self._run.writing():
            yield


def finish(folder: Path, facts: Mapping[str, Any]) -> None:
    """Mark a folder as whole, with what is known about it."""
    write_json(folder / DONE, dict(facts))


def finished(folder: Path) -> dict[str, Any] | None:
    """What `finish` wrote; None if the folder is not whole."""
    try:
        facts: dict[str, Any] = json.loads((folder / DONE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts
