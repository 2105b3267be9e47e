"""finegold picks the image-instruction rows that are worth fine-tuning on."""

from importlib import import_module

from finegold.version import __version__

TYPE_CHECKING = False
"""As in `typing`, which `python -m finegold` would take from the current folder here: see `__main__`."""
if TYPE_CHECKING:
    from typing import Any

    from finegold.evaluation import evaluate
    from finegold.models import Model, Sampling, load_model
    from finegold.samples import Dataset, Sample, inspect, open_dataset
    from finegold.selection import Preset, find_preset, preset_names
    from finegold.study import fit_mixtures, load_study, merge_mixtures, read_findings, run_study
    from finegold.tuning import tune
    from finegold.workflow import (
        Compute,
        DataSource,
        Run,
        Selection,
        SelectionFiles,
        SelectionSettings,
        judge,
        pick,
        replay,
    )

_ROOMS = {
    "evaluation": ("evaluate",),
    "models": ("Model", "Sampling", "load_model"),
    "samples": ("Dataset", "Sample", "inspect", "open_dataset"),
    "selection": ("Preset", "find_preset", "preset_names"),
    "study": ("fit_mixtures", "load_study", "merge_mixtures", "read_findings", "run_study"),
    "tuning": ("tune",),
    "workflow": (
        *("Compute", "DataSource", "Run", "Selection", "SelectionFiles", "SelectionSettings"),
        *("judge", "pick", "replay"),
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
__all__ = [
    "Compute",
    "DataSource",
    "Dataset",
    "Model",
    "Preset",
    "Run",
    "Sample",
    "Sampling",
    "Selection",
    "SelectionFiles",
    "SelectionSettings",
    "__version__",
    "evaluate",
    "find_preset",
    "fit_mixtures",
    "inspect",
    "judge",
    "load_model",
    "load_study",
    "merge_mixtures",
    "open_dataset",
    "pick",
    "preset_names",
    "read_findings",
    "replay",
    "run_study",
    "tune",
]


def __getattr__(name: str) -> "Any":
    """A public name, imported when it is first used, so that `import finegold` stays fast."""
    if name not in _ROOM_OF:
        from finegold.errors import did_you_mean

        raise AttributeError(f"module 'finegold' has no attribute '{name}'{did_you_mean(name, __all__)}")
    return getattr(import_module(f"finegold.{_ROOM_OF[name]}"), name)


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
