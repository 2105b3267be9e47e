"""LoRA or full fine-tuning of a vision-language model through TRL, with the loss on answers only."""

import math
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from finegold.errors import ConfigError, DataError, RunError
from finegold.extras import require
from finegold.models.loading import load_processor, load_vlm
from finegold.run import atomic_path, progress
from finegold.samples import Dataset
from finegold.samples.images import Decoding, decode
from finegold.tuning.monitor import Monitor
from finegold.tuning.recipe import Recipe
from finegold.tuning.rows import ChatRow, chat_rows, refuse_control_tokens, usable_samples
from finegold.tuning.steps import Processes

TRAINER = "trainer"
"""Folder of TRL's checkpoints, inside the run's folder."""
ROW = "finegold_row"
_OF_THE_TRAINER = ("optimizer", "scheduler", "scaler", "rng_state", "trainer_state")
"""Beginnings of the names of a checkpoint's files that are not of the model."""


def tune_huggingface(
    dataset: Dataset, name: str, recipe: Recipe, out: Path, processes: Processes, trackers: Sequence[str]
) -> tuple[int, int, float]:
    """Tune a model and write it, or its adapters, to `out`; goes on from TRL's last checkpoint.

    Returns:
        Number of answers to learn, number of steps done now, and their seconds.

    Raises:
        DataError: If a row is bad or cannot be encoded; names the row.
        ConfigError: If the processes cannot share a batch evenly.
        RunError: If a loss is not finite; names the rows.
    """
    import torch

    trl = require("trl", extra="tune", why="tuning a Hugging Face model")
    if recipe.trains == "lora":
        require("peft", extra="tune", why="the recipe with low-rank adapters")
    processor = load_processor(name, chat=True)
    rows = [row for _, sample in usable_samples(dataset) for row in chat_rows(sample)]
    if not rows:
        raise DataError(f"{dataset.path.name} has no rows, expected at least one to train on")
    refuse_control_tokens(processor.tokenizer, rows)
    if processes.index == 0:
        _encode_all(rows, _collator(processor), recipe.decoding)
    if recipe.batch % processes.count:
        raise ConfigError(
            f"batches of {recipe.batch} rows cannot be shared by {processes.count} processes: "
            "give --batch-size a multiple"
        )
    saved = {
        int(path.parent.name.rpartition("-")[2]): path.parent
        for path in (out / TRAINER).glob("checkpoint-*/trainer_state.json")
    }
    done = max(saved, default=0)
    checkpoint = saved.get(done)
    if checkpoint is not None and done >= recipe.steps:
        # The trainer would take a further step.
        if processes.index == 0:
            _copy_model(checkpoint, out)
            processor.save_pretrained(out)
        return len(rows), 0, 0.0
    # A full checkpoint is a whole model. The trainer would read it by its raw tensor names, which newer
    # versions of transformers have renamed for many models, and go on from the untuned weights.
    source = str(checkpoint) if checkpoint and recipe.trains == "everything" else name
    half = recipe.half(processes.device) if recipe.trains == "lora" else None
    model = load_vlm(source, processes.device, half or torch.float32)
    began = time.perf_counter()
    with Monitor(out, recipe, done, trackers, quiet=processes.index > 0) as monitor:
        trainer = _trainer(trl, model, processor, rows, recipe, out, processes, monitor)
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    seconds = time.perf_counter() - began
    trainer.save_model(str(out))
    processor.save_pretrained(out)
    return len(rows), recipe.steps - done, seconds


def _copy_model(checkpoint: Path, out: Path) -> None:
    """Bring the model of a checkpoint to the tuned folder, as the trainer saves it there at the end."""
    for file in checkpoint.iterdir():
        if file.is_file() and not file.name.startswith(_OF_THE_TRAINER):
            with atomic_path(out / file.name) as temporary:
                shutil.copyfile(file, temporary)


def _trainer(
    trl: Any,
    model: Any,
    processor: Any,
    rows: Sequence[ChatRow],
    recipe: Recipe,
    out: Path,
    processes: Processes,
    monitor: Monitor,
) -> Any:
    datasets = require("datasets", extra="tune", why="tuning a Hugging Face model")
    import torch

    micro = min(recipe.micro_batch or recipe.batch, recipe.batch // processes.count)
    options = trl.SFTConfig(
        output_dir=str(out / TRAINER),
        max_steps=recipe.steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=max(1, recipe.batch // processes.count // micro),
        learning_rate=recipe.rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr": recipe.rate_floor},
        warmup_steps=recipe.warmup_steps,
        weight_decay=recipe.weight_decay,
        adam_beta1=recipe.betas[0],
        adam_beta2=recipe.betas[1],
        max_grad_norm=recipe.clip or math.inf,
        bf16=model.dtype is torch.bfloat16,
        fp16=model.dtype is torch.float16,
        use_cpu=processes.device == "cpu",
        gradient_checkpointing=processes.device.startswith("cuda"),
        seed=recipe.seed,
        save_steps=recipe.save_every,
        save_total_limit=1,
        logging_steps=1,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to=[],
        remove_unused_columns=False,
        completion_only_loss=True,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )

    def show(columns: dict[str, list[int]]) -> dict[str, list[Any]]:
        chosen = [rows[i] for i in columns[ROW]]
        examples = [_example(row, recipe.decoding) for row in chosen]
        return {ROW: columns[ROW], **{key: [e[key] for e in examples] for key in examples[0]}}

    data = datasets.Dataset.from_dict({ROW: list(range(len(rows)))}).with_transform(show)
    adapters = None
    if recipe.trains == "lora":
        import peft

        adapters = peft.LoraConfig(
            r=recipe.lora_rank,
            lora_alpha=recipe.lora_alpha,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        )

    class NamedTrainer(trl.SFTTrainer):  # type: ignore[misc]  # TRL has no types
        """Names the rows of a loss that is not finite, and reports steps to the monitor."""

        def compute_loss(self, model: Any, inputs: dict[str, Any], *arguments: Any, **named: Any) -> Any:
            numbers = inputs.pop(ROW)
            result = super().compute_loss(model, inputs, *arguments, **named)
            loss = result[0] if isinstance(result, tuple) else result
            if not math.isfinite(value := float(loss.detach())):
                names = ", ".join(rows[i].id for i in numbers.tolist())
                raise RunError(
                    f"step {self.state.global_step} has a loss of {value} on the rows {names}: "
                    "look at these, or lower the rate"
                )
            return result

        def create_model_card(self, *arguments: Any, **named: Any) -> None:
            """Writes no card: TRL's is a template whose list of tags has another order each time."""

        def _load_from_checkpoint(self, checkpoint: str, model: Any = None) -> None:
            if adapters is not None:
                super()._load_from_checkpoint(checkpoint, model)

        def log(self, logs: dict[str, float], *arguments: Any, **named: Any) -> None:
            if "loss" in logs:
                step = self.state.global_step - 1
                monitor.step(step, float(logs["loss"]), float(logs.get("learning_rate", 0.0)))
            super().log(logs, *arguments, **named)

    trainer = NamedTrainer(
        model=model,
        args=options,
        train_dataset=data,
        processing_class=processor,
        data_collator=_collator(processor),
        peft_config=adapters,
    )
    # TRL prints each log; the monitor writes them to the JSONL file and on one line.
    for callback in list(trainer.callback_handler.callbacks):
        if type(callback).__name__ in ("PrinterCallback", "ProgressCallback"):
            trainer.remove_callback(callback)
    return trainer


def _collator(processor: Any) -> Any:
    """TRL's collator for prompts and completions, with the rows' numbers in the batch."""
    import torch
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    inner = DataCollatorForVisionLanguageModeling(processor, completion_only_loss=True)

    def collate(examples: list[dict[str, Any]]) -> dict[str, Any]:
        numbers = [example.pop(ROW, 0) for example in examples]
        batch: dict[str, Any] = dict(inner([dict(example) for example in examples]))
        batch[ROW] = torch.tensor(numbers)
        return batch

    return collate


def _example(row: ChatRow, decoding: Decoding = "finegold") -> dict[str, Any]:
    images = [decode(image, decoding=decoding) for image in row.images]
    return {"images": images, "prompt": list(row.prompt), "completion": list(row.completion)}


def _encode_all(rows: Sequence[ChatRow], collator: Any, decoding: Decoding) -> None:
    with progress("Encoding rows", len(rows), "rows") as advance:
        for row in rows:
            try:
                labels = collator([_example(row, decoding)])["labels"]
            except Exception as error:
                reason = str(error).strip().splitlines()[0]
                raise DataError(f"row '{row.id}' cannot be encoded by the processor: {reason}") from error
            if not bool((labels != -100).any()):
                raise DataError(f"row '{row.id}' has no token to learn after encoding, expected an answer")
            advance(1)
