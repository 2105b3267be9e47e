"""Results of lmms-eval on the tasks that both know, read back beside finegold's."""

from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.run import write_json
from finegold.samples.json_text import read_json

LMMS_TASKS = {
    "flickr30k_test": "flickr30k",
    "nocaps_val": "nocaps",
    "scienceqa_img": "scienceqa",
    "ok_vqa_val2014": "okvqa",
    "llava_bench_coco": "llava-bench-coco",
    "llava_in_the_wild": "llava-bench-wild",
}
"""finegold's task by lmms-eval's name. Prompts, lengths and metrics differ: these are a second opinion."""


_FILE = "lmms_eval.json"


def keep_lmms_results(out: Path, path: Path) -> None:
    """Keep scores that lmms-eval gave the same model in a folder, to be shown beside finegold's.

    Raises:
        DataError: If the file holds none of a task that both know.
    """
    write_json(out / _FILE, read_lmms_results(path))


def kept_lmms_results(out: Path) -> list[dict[str, Any]]:
    """What `keep_lmms_results` kept in the folder; empty if nothing."""
    return list(read_json(out / _FILE)) if (out / _FILE).exists() else []


def read_lmms_results(path: Path) -> list[dict[str, Any]]:
    """The scores in a `*_results.json` of lmms-eval, a record a metric.

    Each has `task` (finegold's name), `lmms_task`, `metric`, `value` and `standard_error`, perhaps None.

    Raises:
        DataError: If the file holds no results of a task that both know.
    """
    content = read_json(path)
    results = content.get("results") if isinstance(content, dict) else None
    found = []
    for name, scores in (results if isinstance(results, dict) else {}).items():
        for key, value in scores.items() if name in LMMS_TASKS and isinstance(scores, dict) else ():
            metric, _, variant = key.partition(",")
            if isinstance(value, bool) or not isinstance(value, int | float) or "_stderr" in metric:
                continue
            error = scores.get(f"{metric}_stderr,{variant}")
            found.append(
                {
                    "task": LMMS_TASKS[name],
                    "lmms_task": name,
                    "metric": metric,
                    "value": float(value),
                    "standard_error": float(error) if isinstance(error, int | float) else None,
                }
            )
    if not found:
        raise DataError(f"{path.name} holds no lmms-eval results of {', '.join(LMMS_TASKS)}")
    return found
