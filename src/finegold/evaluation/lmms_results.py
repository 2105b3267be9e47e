"""Results of lmms-eval on the tasks that both know, read back beside our own."""

from pathlib import Path
from typing import Any

from finegold.errors import DataError
from finegold.samples.formats.json_text import read_json

LMMS_TASKS = {
    "flickr30k_test": "flickr30k",
    "nocaps_val": "nocaps",
    "scienceqa_img": "scienceqa",
    "ok_vqa_val2014": "okvqa",
    "llava_bench_coco": "llava-bench-coco",
    "llava_in_the_wild": "llava-bench-wild",
}
"""Ours by lmms-eval's name. Prompts, lengths and metrics differ: a second opinion, not the same number."""


def read_lmms_results(path: Path) -> list[dict[str, Any]]:
    """The scores in a `*_results.json` of lmms-eval, a record a metric.

    Each has `task` (ours), `lmms_task`, `metric`, `value`, and `standard_error` (None where it gives none).

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
