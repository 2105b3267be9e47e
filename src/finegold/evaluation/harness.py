"""lmms-eval as a program of its own: run on a model in another environment, and what it wrote read back.

finegold's own models run there through the entry point that `lmms_eval` describes, and others as one of
lmms-eval's model types. Written against lmms-eval 0.7.3.
"""

import hashlib
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError, DataError, RunError
from finegold.evaluation.files import json_lines
from finegold.models.prefix.storage import is_prefix_name
from finegold.run import file_sha256, fingerprint
from finegold.samples.json_text import read_json

LOG = "lmms_eval.log"
"""What lmms-eval printed, beside its files."""
FOLDER = "lmms_eval"
"""Folder of lmms-eval's files."""
OWN = "finegold"
"""The model type under which finegold's entry point offers its models."""
TYPES = {
    "gemma3": "gemma3",
    "idefics2": "idefics2",
    "llava": "llava_hf",
    "llava_next": "llava_hf",
    "qwen2_5_vl": "qwen2_5_vl",
    "qwen2_vl": "qwen2_vl",
    "qwen3_vl": "qwen3_vl",
}
"""lmms-eval's model type for `model_type` in the config of a Hugging Face model; others run as `finegold`."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"Error during evaluation: (.*?)\.? Please set `--verbosity")
_LOOK = (
    "import json, importlib.metadata as m; "
    "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}))"
)


@dataclass(frozen=True, slots=True)
class Harness:
    """How lmms-eval is run.

    Attributes:
        python: The Python of its environment, or a command that runs one.
        model: Model type, perhaps with more of `--model_args` behind a comma; None to choose it by the model.
        include: Folder of further tasks, as `--include_path` takes it; None for none.
        limit: Number of items of each task, the first ones; None for all.
        batch: Items of one call; None for what suits the model type.
    """

    python: str
    model: str | None = None
    include: str | None = None
    limit: int | None = None
    batch: int | None = None

    def versions(self) -> dict[str, str]:
        """Versions of lmms-eval and of what a model's answers depend on there.

        Raises:
            ConfigError: If there is no lmms-eval.
        """
        found = _packages(self.python)
        if "lmms-eval" not in found:
            raise ConfigError(
                f"harness_python is '{self.python}', which has no lmms-eval: install it there with pip "
                "install lmms-eval, or name the Python of another environment"
            )
        return {
            name: found[name] for name in ("lmms-eval", "finegold", "torch", "transformers") if name in found
        }

    def model_type(self, model: str) -> str:
        """The model type of a model, with what it adds to `--model_args`.

        Raises:
            ConfigError: If it runs through finegold, and finegold is not installed beside lmms-eval.
        """
        found = self.model or _type_of(model)
        if found.partition(",")[0] == OWN and OWN not in _packages(self.python):
            raise ConfigError(
                f"lmms-eval runs '{model}' through finegold, and harness_python '{self.python}' has no "
                "finegold: install it there too"
            )
        return found

    def fingerprint(self) -> str:
        """Fingerprint of all that its scores depend on beside the model and the task."""
        depends = asdict(self) | {"python": self.versions(), "include": _files_sha256(self.include)}
        return fingerprint(depends)

    def command(self, task: str, model: str, out: Path, device: str) -> list[str]:
        """The command that evaluates a model on a task."""
        kind, _, more = self.model_type(model).partition(",")
        if self.model is None and kind != OWN:
            more = f"device_map={device}"  # their default does not go with every transformers
        batch = self.batch or (16 if kind == OWN else 1)
        given = ",".join(part for part in (f"pretrained={model}", more) if part)
        named = ["--model", kind, "--model_args", given, "--tasks", task, "--device", device]
        named += ["--batch_size", str(batch), "--output_path", str(out), "--log_samples"]
        named += [] if self.include is None else ["--include_path", str(Path(self.include).absolute())]
        named += [] if self.limit is None else ["--limit", str(self.limit)]
        return [*shlex.split(self.python), "-m", "lmms_eval", *named]

    def run(self, task: str, model: str, where: Path, device: str) -> None:
        """Evaluate a model on a task; lmms-eval's files are in `where/lmms_eval` when it is done.

        Raises:
            RunError: If lmms-eval did not end with scores; names the log.
        """
        where.mkdir(parents=True, exist_ok=True)
        fresh = where / f"{FOLDER}.part"
        shutil.rmtree(fresh, ignore_errors=True)
        with (where / LOG).open("wb") as log:
            command = self.command(task, model, fresh, device)
            log.write(f"$ {shlex.join(command)}\n".encode())
            log.flush()
            try:
                with subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
                ) as process:
                    RUNNING.add(process)
                    try:
                        status = process.wait()
                    finally:
                        RUNNING.discard(process)
                        if process.poll() is None:
                            process.kill()
            except OSError as error:
                raise RunError(
                    f"harness_python '{self.python}' cannot be run ({error.strerror}): name the Python of an "
                    "environment with lmms-eval"
                ) from None
        if status or not list(fresh.rglob("*_results.json")):
            raise RunError(
                f"lmms-eval gave no scores for {task} ({_last_words(where / LOG, status)}): see {where / LOG}"
            )
        shutil.rmtree(where / FOLDER, ignore_errors=True)
        fresh.rename(where / FOLDER)


RUNNING: set[subprocess.Popen[bytes]] = set()
"""Programs that run now, for a process that ends without its handlers."""


@dataclass(frozen=True, slots=True)
class HarnessScore:
    """One metric of one task, as lmms-eval gave it.

    Attributes:
        task: Name of the task; of a subtask where a group was named.
        metric: Name of the metric, with the filter behind a comma unless it is `none`.
        value: The value.
        standard_error: Its standard error; None if lmms-eval gives none.
        better: Whether a higher value is better.
        items: What each item adds, by its id, if the value is the mean of these; None otherwise.
        images: What tells the images of these items apart, by the item's id.
    """

    task: str
    metric: str
    value: float
    standard_error: float | None
    better: bool
    items: Mapping[str, float] | None
    images: Mapping[str, str]


def read_harness(where: Path) -> list[HarnessScore]:
    """The scores in a folder that `Harness.run` filled, in lmms-eval's order.

    Raises:
        DataError: If lmms-eval's files are not as it writes them.
    """
    (path,) = list((where / FOLDER).rglob("*_results.json"))[:1] or [where / FOLDER]
    content = read_json(path)
    better = content.get("higher_is_better") if isinstance(content, dict) else None
    found = []
    for task, metric, variant, value, error in read_scores(content):
        samples = sorted(path.parent.glob(f"*_samples_{task}.jsonl"))
        items, images = _item_values(samples[-1], metric) if samples else ({}, {})
        mean = sum(items.values()) / len(items) if items else float("nan")
        whole = abs(mean - value) < 1e-6 * max(1.0, abs(value))
        higher = better.get(task, {}).get(metric) if isinstance(better, dict) else None
        name = metric if variant in ("", "none") else f"{metric},{variant}"
        found.append(
            HarnessScore(task, name, value, error, higher is not False, items if whole else None, images)
        )
    if not found:
        raise DataError(f"{path} holds no scores of lmms-eval: evaluate again")
    return found


def read_scores(content: Any) -> Iterator[tuple[str, str, str, float, float | None]]:
    """Yield task, metric, filter, value and standard error of each score in the results of lmms-eval."""
    results = content.get("results") if isinstance(content, dict) else None
    for name, scores in (results if isinstance(results, dict) else {}).items():
        for key, value in scores.items() if isinstance(scores, dict) else ():
            metric, _, variant = key.partition(",")
            if "_stderr" in metric or (number := _number(value)) is None:
                continue
            yield name, metric, variant, number, _number(scores.get(f"{metric}_stderr,{variant}"))


def _number(value: Any) -> float | None:
    """A finite number of JSON; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) < float("inf") else None


def _item_values(path: Path, metric: str) -> tuple[dict[str, float], dict[str, str]]:
    """What each item adds to a metric, and its image, from a file of samples.

    An item's value is a number, or an object with the number at `score`; a metric of some items is null or
    absent in the others. Without such numbers there are only the images.
    """
    values: dict[str, float | None] = {}
    images: dict[str, str] = {}
    for place, record in json_lines(path):
        if not isinstance(record, dict):
            raise DataError(f"{place} is no sample of lmms-eval: evaluate again")
        value = record.get(metric)
        if value is None:
            continue
        share = value.get("score") if isinstance(value, dict) else value
        number = float(share) if isinstance(share, bool) else _number(share)
        # Not its doc_hash, which holds the address of the image in memory.
        key = f"{record.get('doc_id')} {str(record.get('target'))[:40]}"
        values[key] = number
        media = json.dumps(record.get("input_media") or key)
        images[key] = hashlib.sha256(media.encode()).hexdigest()[:16]
    known = {key: value for key, value in values.items() if value is not None}
    return (known if len(known) == len(values) else {}), images


@cache
def _packages(python: str) -> dict[str, str]:
    """Versions of the packages of an environment, by name in lower case."""
    try:
        done = subprocess.run(
            [*shlex.split(python), "-c", _LOOK],
            capture_output=True,
            text=True,
            check=True,
            stdin=subprocess.DEVNULL,
        )
        found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
        return found
    except (OSError, ValueError, IndexError, subprocess.CalledProcessError) as error:
        told = str(getattr(error, "stderr", None) or getattr(error, "strerror", None) or error)
        raise ConfigError(
            f"harness_python is '{python}', which runs no Python ({told.splitlines()[-1]}): name "
            "the Python of an environment with lmms-eval, such as /envs/lmms/bin/python"
        ) from None


def _type_of(model: str) -> str:
    """lmms-eval's model type of a folder, or of a model of the hub that was downloaded before."""
    if is_prefix_name(model):
        return OWN
    config: Path | None = Path(model) / "config.json"
    if not Path(model).is_dir():
        config = _downloaded_config(model)
    content = read_json(config) if config is not None and config.is_file() else None
    return TYPES.get(str(content.get("model_type")) if isinstance(content, dict) else "", OWN)


def _downloaded_config(model: str) -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(model, "config.json")
    except (ImportError, ValueError):
        return None
    return Path(found) if isinstance(found, str) else None


def _files_sha256(folder: str | None) -> dict[str, str]:
    """Hashes of the files of a folder of tasks."""
    if folder is None:
        return {}
    if not Path(folder).is_dir():
        raise ConfigError(
            f"harness_include is '{folder}', which is no folder: name that of the tasks' YAML files"
        )
    files = (
        file for file in sorted(Path(folder).rglob("*")) if file.suffix in (".yaml", ".yml", ".py", ".json")
    )
    return {str(file.relative_to(folder)): file_sha256(file) for file in files}


def _last_words(log: Path, status: int) -> str:
    """The line of a log that says best why a program failed: lmms-eval's, or the last one with an error."""
    text = _COLOURS.sub("", log.read_text("utf-8", "replace"))
    told = _ERROR.findall(text)
    lines = [line.strip() for line in text.splitlines()[1:] if line.strip()]
    errors = [line for line in lines if "Error" in line]
    return str((told or errors or lines or [f"it ended with status {status}"])[-1])[:300]
