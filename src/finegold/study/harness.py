"""A task that lmms-eval measures in place of finegold: what a job keeps of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from finegold.evaluation.harness import Harness
from finegold.models.base import located
from finegold.models.prefix.storage import is_prefix_name
from finegold.run import fingerprint
from finegold.study.study import Study

VERSION = 1
"""Version of the runs: raise it when the same inputs give other scores."""


@dataclass(frozen=True, slots=True)
class HarnessSpec:
    """A task of lmms-eval with all that its scores depend on.

    Attributes:
        task: Name of the task or group.
        harness: How lmms-eval is run.
        settings: Fingerprint of that.
        losses: False: lmms-eval measures no losses.
    """

    task: str
    harness: Harness
    settings: str
    losses: ClassVar[bool] = False

    @property
    def name(self) -> str:
        """Name of the task in tables."""
        return self.task

    def fingerprint(self, model: str) -> str:
        """Name of the folder of a model's scores; `model` is the fingerprint of its weights."""
        return fingerprint(
            {"model": model, "lmms-eval": self.settings, "task": self.task, "version": VERSION}
        )

    def run(self, where: Path, model: str, device: str) -> None:
        """Measure a model; raises RunError if there are no scores in the end."""
        self.harness.run(self.task, located(model), where, device)


def harness_specs(study: Study) -> tuple[HarnessSpec, ...]:
    """The tasks that lmms-eval measures; none without a harness.

    Raises:
        ConfigError: If lmms-eval is not there.
    """
    wanted = study.evaluation
    if wanted.harness is None:
        return ()
    batch = wanted.batch if "batch" in wanted.model_fields_set else None
    harness = Harness(
        wanted.harness_python, wanted.harness_model, wanted.harness_include, wanted.limit, batch
    )
    if is_prefix_name(study.model):
        harness.model_type(study.model)
    settings = harness.fingerprint()
    return tuple(HarnessSpec(task, harness, settings) for task in wanted.tasks)
