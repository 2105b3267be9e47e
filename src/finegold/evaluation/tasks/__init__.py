"""The benchmarks, by name."""

from collections.abc import Sequence

from finegold.errors import ConfigError
from finegold.evaluation.task import Task
from finegold.evaluation.tasks.flickr30k import FLICKR30K
from finegold.evaluation.tasks.llava_bench import LLAVA_BENCH_COCO, LLAVA_BENCH_WILD
from finegold.evaluation.tasks.nocaps import NOCAPS
from finegold.evaluation.tasks.okvqa import OKVQA
from finegold.evaluation.tasks.scienceqa import SCIENCEQA
from finegold.evaluation.tasks.vcr import VCR_MCI, VCR_MCI_REPAIRED, VCR_OC
from finegold.evaluation.tasks.vsr import VSR

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        FLICKR30K,
        NOCAPS,
        SCIENCEQA,
        OKVQA,
        VSR,
        VCR_OC,
        VCR_MCI,
        VCR_MCI_REPAIRED,
        LLAVA_BENCH_COCO,
        LLAVA_BENCH_WILD,
    )
}
"""The seven benchmarks of the paper, the repaired one, and LLaVA-Bench's questions, in the paper's order."""


def find_tasks(names: Sequence[str]) -> list[Task]:
    """Tasks by name, each once; `all` names every one.

    Raises:
        ConfigError: If a name is none of theirs.
    """
    wanted = list(dict.fromkeys(TASKS if "all" in names else names))
    for name in wanted:
        if name not in TASKS:
            raise ConfigError(f"there is no task '{name}': there are {', '.join(TASKS)} and all")
    return [TASKS[name] for name in wanted]


__all__ = ["TASKS", "find_tasks"]
