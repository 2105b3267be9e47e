"""Write a subset and a ready configuration for two other trainers: LLaMA-Factory and ms-swift.

Field names are those of llamafactory 0.9.5 and ms-swift 4.6.0; docs/tune.md says how they were checked.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from finegold.errors import ConfigError, DataError
from finegold.run import filled_folder, write_json, write_lines, write_text
from finegold.samples import IMAGE_PLACEHOLDER, Dataset, Sample
from finegold.samples.control_tokens import control_token_in
from finegold.samples.images import read_bytes
from finegold.tuning.recipe import Recipe
from finegold.tuning.rows import usable_samples, with_ordered_turns

Framework = Literal["llama-factory", "ms-swift"]
COMMANDS: dict[Framework, str] = {
    "llama-factory": "llamafactory-cli train train.yaml",
    "ms-swift": "swift sft train.yaml",
}
"""What trains an export, in its folder."""
DATASET = "finegold"
CONFIGURATION = "train.yaml"
_WRITTEN = {"images", "data.json", "data.jsonl", "dataset_info.json", CONFIGURATION}


def write_export(
    dataset: Dataset,
    framework: Framework,
    model: str,
    recipe: Recipe,
    out: Path,
    *,
    template: str | None = None,
) -> int:
    """Write data, images and configuration to `out`; nothing is trained.

    Args:
        dataset: The subset.
        framework: Trainer whose formats are written.
        model: Folder or hub id for the configuration, where a folder becomes absolute.
        recipe: A recipe of the kind `huggingface`.
        out: A folder that is new or empty, or holds an export, which is replaced.
        template: LLaMA-Factory's name of the model's chat format, such as `qwen2_vl`; ms-swift needs none.

    Returns:
        Number of rows.

    Raises:
        DataError: If a row is bad, or its text has a word that the trainer reads as media or as a control
            token; the message names its id.
        ConfigError: If the recipe is for prefix models, `out` holds other things, or LLaMA-Factory's template
            is missing.
    """
    if recipe.kind != "huggingface":
        raise ConfigError(
            f"the recipe {recipe.name} is for prefix models, expected hf-lora or hf-full to export"
        )
    if framework == "llama-factory" and template is None:
        raise ConfigError(
            "LLaMA-Factory needs the name of the model's chat format: give --template, such as qwen2_vl"
        )
    with filled_folder(out, lambda: _check_free(out)) as filling:
        return _write(dataset, framework, filling, _settings(framework, model, recipe, template))


def _check_free(out: Path) -> None:
    """Raise ConfigError unless the folder is new or empty, or holds an export and nothing else."""
    if not out.exists():
        return
    names = {entry.name for entry in out.iterdir()} if out.is_dir() else {"a file"}
    if names and not {CONFIGURATION} <= names <= _WRITTEN:
        raise ConfigError(f"--out {out} is not empty: name a new folder")


def _write(dataset: Dataset, framework: Framework, out: Path, settings: Mapping[str, Any]) -> int:
    # The rows are read twice, so that nothing is written of a refused subset and no more than a row is held.
    _refuse_tokens((sample for _, sample in usable_samples(dataset)), framework)
    (out / "images").mkdir(parents=True)
    samples = (with_ordered_turns(row.sample) for row in dataset.rows() if row.sample is not None)
    rows = (json.dumps(_row(sample, n, out), ensure_ascii=False) for n, sample in enumerate(samples))
    if framework == "llama-factory":
        count = write_lines(out / "data.json", rows, start="[\n", between=",\n", end="\n]\n")
        write_json(out / "dataset_info.json", {DATASET: _DATASET_INFO})
    else:
        count = write_lines(out / "data.jsonl", rows, between="\n", end="\n")
    write_text(out / CONFIGURATION, "".join(f"{key}: {_yaml(value)}\n" for key, value in settings.items()))
    return count


_DATASET_INFO = {
    "file_name": "data.json",
    "formatting": "sharegpt",
    "columns": {"messages": "messages", "images": "images"},
    "tags": {f"{name}_tag": name for name in ("role", "content", "user", "assistant", "system")},
}


_MEDIA_TAGS = {
    "llama-factory": re.compile(r"<(?:video|audio)>"),
    "ms-swift": re.compile(
        r"<(?:video|audio|bbox|ref-object|cot-process|start-image)>|<(img|video|audio)>.+?</\1>", re.DOTALL
    ),
}
"""What a trainer takes for media or a box wherever it stands in a text, besides `<image>`."""
_SHOWN = 5


def _refuse_tokens(samples: Iterable[Sample], framework: Framework) -> None:
    found = []
    for sample in samples:
        texts = [turn.text.replace(IMAGE_PLACEHOLDER, "") for turn in sample.turns]
        words = (_first_word(text, framework) for text in texts)
        word = next((word for word in words if word is not None), None)
        if word is not None:
            found.append(f"'{sample.id}' ('{word[:40]}')")
    if found:
        more = f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else ""
        raise DataError(
            f"the texts of {len(found):,} rows hold words that {framework} reads as media or as control "
            f"tokens: {', '.join(found[:_SHOWN])}{more}: remove these rows, or change their texts"
        )


def _first_word(text: str, framework: Framework) -> str | None:
    media = _MEDIA_TAGS[framework].search(text)
    return control_token_in(text) if media is None else media[0]


def _row(sample: Sample, number: int, out: Path) -> dict[str, Any]:
    """A row in both frameworks' format, with its id, which they ignore; its images are copied to `out`."""
    names = []
    for place, image in enumerate(sample.images):
        names.append(f"images/{number}-{place}{Path(image.name).suffix.lower() or '.jpg'}")
        (out / names[-1]).write_bytes(read_bytes(image))
    turns = [{"role": turn.role, "content": turn.text} for turn in sample.turns]
    return {"id": sample.id, "messages": turns, "images": names}


def _settings(framework: Framework, model: str, recipe: Recipe, template: str | None) -> dict[str, Any]:
    """Settings of a training, by the framework's names."""
    # The trainer runs in the export's folder, where a relative path would lead elsewhere.
    model = str(Path(model).absolute()) if Path(model).is_dir() else model
    tuner = "lora" if recipe.trains == "lora" else "full"
    lora = {"lora_rank": recipe.lora_rank, "lora_alpha": recipe.lora_alpha} if tuner == "lora" else {}
    if framework == "llama-factory":
        named: dict[str, Any] = {
            "model_name_or_path": model,
            "stage": "sft",
            "do_train": True,
            "finetuning_type": tuner,
            **lora,
            **({"lora_target": "all"} if lora else {}),
            "dataset_dir": ".",
            "dataset": DATASET,
            "template": template,
            "cutoff_len": 4096,
            "report_to": "none",
        }
    else:
        named = {
            "model": model,
            "use_hf": True,
            "tuner_type": tuner,
            **lora,
            **({"target_modules": ["all-linear"]} if lora else {}),
            "dataset": ["data.jsonl"],
            "split_dataset_ratio": 0.0,
            "torch_dtype": recipe.precision,
            "report_to": ["none"],
        }
    micro = recipe.micro_batch or recipe.batch
    return {
        **named,
        "per_device_train_batch_size": micro,
        "gradient_accumulation_steps": max(1, recipe.batch // micro),
        "learning_rate": recipe.rate,
        "max_steps": recipe.steps,
        "lr_scheduler_type": "cosine_with_min_lr",
        "lr_scheduler_kwargs": {"min_lr": recipe.rate_floor},
        "warmup_steps": recipe.warmup_steps,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.clip,
        "bf16": recipe.precision == "bfloat16",
        "fp16": recipe.precision == "float16",
        "seed": recipe.seed,
        "save_steps": recipe.save_every,
        "logging_steps": recipe.log_every,
        "output_dir": "model",
    }


def _yaml(value: Any) -> str:
    """A value as YAML: as JSON, with a point in 1e-05, which YAML 1.1 reads as text without one."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_yaml(item)}" for key, item in value.items()) + "}"
    text = json.dumps(value)
    return text if not isinstance(value, float) or "." in text else text.replace("e", ".0e")
