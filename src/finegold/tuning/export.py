"""Write a subset and a ready configuration for two other trainers: LLaMA-Factory and ms-swift.

Field names are those of llamafactory 0.9.5 and ms-swift 4.6.0; docs/tune.md says how they were checked.
"""

import json
from pathlib import Path
from typing import Any, Literal

from finegold.errors import ConfigError
from finegold.run import write_json, write_text
from finegold.samples import Dataset, ImageRef, Sample
from finegold.samples.images import read_bytes
from finegold.tuning.recipe import Recipe
from finegold.tuning.rows import usable_samples

Framework = Literal["llama-factory", "ms-swift"]
DATASET = "finegold"


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
        dataset: What to train on. A bad row stops with its id, as in training.
        framework: Whose formats.
        model: Folder or hub id, named in the configuration.
        recipe: A recipe of the kind `huggingface`.
        out: A folder that is empty or new.
        template: LLaMA-Factory's name of the model's chat format, such as `qwen2_vl`; ms-swift finds its own.

    Returns:
        Number of rows.

    Raises:
        DataError: If a row is bad.
        ConfigError: If the recipe is no `huggingface` one, `out` is in use, or LLaMA-Factory gets no
            template.
    """
    if recipe.kind != "huggingface":
        raise ConfigError(
            f"the recipe {recipe.name} is for prefix models, expected hf-lora or hf-full to export"
        )
    if framework == "llama-factory" and template is None:
        raise ConfigError(
            "LLaMA-Factory needs the name of the model's chat format: give --template, such as qwen2_vl"
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"--out {out} is not empty: name a new folder")
    (out / "images").mkdir(parents=True)
    rows = [_row(sample, number, out) for number, (_, sample) in enumerate(usable_samples(dataset))]
    if framework == "llama-factory":
        write_json(out / "data.json", rows)
        write_json(out / "dataset_info.json", {DATASET: _DATASET_INFO})
        _write_yaml(out / "train.yaml", _llama_factory(model, recipe, template or ""))
    else:
        write_text(out / "data.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        _write_yaml(out / "train.yaml", _ms_swift(model, recipe))
    return len(rows)


_DATASET_INFO = {
    "file_name": "data.json",
    "formatting": "sharegpt",
    "columns": {"messages": "messages", "images": "images"},
    "tags": {
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "system_tag": "system",
    },
}


def _row(sample: Sample, number: int, out: Path) -> dict[str, Any]:
    names = [_copy(image, f"images/{number}-{place}", out) for place, image in enumerate(sample.images)]
    messages = [{"role": turn.role, "content": turn.text} for turn in sample.turns]
    return {"messages": messages, "images": names}


def _copy(image: ImageRef, stem: str, out: Path) -> str:
    name = stem + (Path(image.name).suffix.lower() or ".jpg")
    (out / name).write_bytes(read_bytes(image))
    return name


def _common(recipe: Recipe) -> dict[str, Any]:
    micro = recipe.micro_batch or recipe.batch
    return {
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


def _llama_factory(model: str, recipe: Recipe, template: str) -> dict[str, Any]:
    lora = {"lora_rank": recipe.lora_rank, "lora_alpha": recipe.lora_alpha, "lora_target": "all"}
    return {
        "model_name_or_path": model,
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora" if recipe.trains == "lora" else "full",
        **(lora if recipe.trains == "lora" else {}),
        "dataset_dir": ".",
        "dataset": DATASET,
        "template": template,
        "cutoff_len": 4096,
        "report_to": "none",
        **_common(recipe),
    }


def _ms_swift(model: str, recipe: Recipe) -> dict[str, Any]:
    lora = {"lora_rank": recipe.lora_rank, "lora_alpha": recipe.lora_alpha, "target_modules": ["all-linear"]}
    return {
        "model": model,
        "use_hf": True,
        "tuner_type": "lora" if recipe.trains == "lora" else "full",
        **(lora if recipe.trains == "lora" else {}),
        "dataset": ["data.jsonl"],
        "split_dataset_ratio": 0.0,
        "torch_dtype": recipe.precision,
        "report_to": ["none"],
        **_common(recipe),
    }


def _write_yaml(path: Path, fields: dict[str, Any]) -> None:
    write_text(path, "".join(f"{key}: {_yaml(value)}\n" for key, value in fields.items()))


def _yaml(value: Any) -> str:
    """JSON values are YAML values, but for 1e-05, which YAML 1.1 takes for text without a point."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_yaml(item)}" for key, item in value.items()) + "}"
    text = json.dumps(value)
    return text if not isinstance(value, float) or "." in text else text.replace("e", ".0e")
