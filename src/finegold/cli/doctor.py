"""`finegold doctor`: what this installation can do, for a look before a long run and for defect reports."""

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say

LEAST_FREE = 1e9
"""Bytes of free disk below which a warning is due."""


@options.grouped
def doctor(*, output: OutputOptions) -> None:
    """Show versions, devices, extras, the models in the cache, the network and the disk. Changes nothing."""
    with output.printing() as facts:
        facts |= _found()
        for name, value in facts.items():
            for number, line in enumerate(value if isinstance(value, list) else [value]):
                say(f"{name if not number else '':<12} {line}")


def _found() -> dict[str, str | list[str]]:
    import os
    import platform
    import shutil
    from pathlib import Path

    from finegold.extras import hub_address, hub_answers
    from finegold.run import cache_folder
    from finegold.version import __version__

    folder = cache_folder()
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    hub = hub_address()
    short = f"; below {LEAST_FREE / 1e9:.0f} GB: free some space" if free < LEAST_FREE else ""
    return {
        "finegold": f"{__version__}, in {Path(__file__).parents[1]}",
        "python": f"{platform.python_version()}, {platform.system()} {platform.machine()}",
        "devices": _devices(os.cpu_count() or 1),
        "extras": _extras(),
        "models": _models() or "none in the cache of the model hub",
        "hub": f"{hub} answers"
        if hub_answers()
        else f"{hub} does not answer: use models by path, or offline",
        "endpoint": os.environ.get("FINEGOLD_LLM_BASE_URL", "none set: FINEGOLD_LLM_BASE_URL"),
        "disk": f"{free / 1e9:,.1f} GB free for {folder}{short}",
    }


def _devices(cores: int) -> list[str]:
    from importlib.util import find_spec

    devices = [f"cpu, {cores} cores"]
    if find_spec("torch") is None:
        return [*devices, "torch is not installed: no GPU can be used"]
    import torch

    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        devices.append(f"cuda:{index}, {facts.name}, {facts.total_memory / 2**30:.0f} GiB")
    if torch.backends.mps.is_available():
        devices.append("mps")
    return devices


def _extras() -> list[str]:
    from importlib.metadata import packages_distributions, version
    from importlib.util import find_spec

    from finegold.extras import EXTRAS

    names = packages_distributions()
    lines = []
    for extra in sorted(set(EXTRAS.values())):
        modules = [module for module, brought_by in EXTRAS.items() if brought_by == extra]
        missing = [module for module in modules if find_spec(module) is None]
        if missing:
            lines.append(f"{extra}: no, {', '.join(missing)} is missing: pip install 'finegold[{extra}]'")
        else:
            packages = [names[module][0] for module in modules]
            lines.append(f"{extra}: {', '.join(f'{name} {version(name)}' for name in packages)}")
    return lines


def _models() -> list[str]:
    from importlib.util import find_spec

    if find_spec("huggingface_hub") is None:
        return []
    from huggingface_hub import CacheNotFound, scan_cache_dir

    try:
        found = scan_cache_dir()
    except CacheNotFound:
        return []
    return sorted(f"{one.repo_id}, {one.size_on_disk / 1e9:.1f} GB" for one in found.repos)
