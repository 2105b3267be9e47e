"""`finegold tune`: fine-tune a model on a subset."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from finegold.cli import options
from finegold.cli.config import Config, SaveConfig, write_config
from finegold.cli.output import OutputOptions
from finegold.cli.show import say
from finegold.errors import counted


@options.grouped
def tune(
    context: typer.Context,
    subset: Annotated[
        str, typer.Argument(metavar="SUBSET", help="Dataset, such as a folder that `finegold pick` wrote.")
    ],
    model: Annotated[
        str,
        typer.Option(
            help="`offline`, `offline-vqa`, `offline-smollm2`, `minigpt4-7b`, `minigpt4-13b`, "
            "`minigpt4-llama2-7b`, a folder that `finegold tune` wrote, or a Hugging Face vision-language "
            "model by folder or hub id."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the tuned model, its log and its checkpoint.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="`minigpt4-stage1`, `minigpt4-stage2`, `minigpt4-llama2-stage2`, `offline-stage1`, "
            "`offline-stage2`, "
            "`offline-smollm2-stage1`, `hf-lora`, `hf-full`, or a TOML file. [default: that of the model]"
        ),
    ] = None,
    images: options.Images = None,
    ids: options.Ids = "record",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Number of optimiser steps. [default: the recipe's]")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Number of rows in a step. [default: the recipe's]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the order and the draws. [default: the recipe's]")
    ] = None,
    augment: Annotated[
        bool | None,
        typer.Option(
            "--augment/--no-augment",
            help="Show a random crop of each image, as MiniGPT-4 did. Image features are then not cached.",
        ),
    ] = None,
    decode: options.Decode = None,
    language_model: options.LanguageModel = None,
    vision_model: options.VisionModel = None,
    projection: options.Projection = None,
    from_scratch: options.FromScratch = False,
    device: options.Device = "auto",
    features: Annotated[
        Path | None, typer.Option(help="Folder of image features; runs may share it.")
    ] = None,
    export: Annotated[
        Literal["llama-factory", "ms-swift"] | None,
        typer.Option(help="Write data and a configuration for this trainer; train nothing."),
    ] = None,
    template: Annotated[
        str | None, typer.Option(help="LLaMA-Factory's name of the model's chat format.")
    ] = None,
    track: Annotated[
        list[str] | None, typer.Option(help="`tensorboard` or `wandb`; can be repeated.")
    ] = None,
    config: Config = None,  # noqa: ARG001 (its callback reads it)
    save_config: SaveConfig = None,
    *,
    output: OutputOptions,
) -> None:
    """Tune a model on a subset. The same command continues where a killed one stopped.

    On several GPUs: `accelerate launch --no_python finegold tune ...`.
    """
    from finegold.models.prefix import Parts
    from finegold.tuning import load_recipe, write_export
    from finegold.tuning import tune as run

    if save_config is not None:
        write_config(context, save_config)
    if export is not None:
        from finegold.samples import open_dataset
        from finegold.tuning.export import COMMANDS

        plan = load_recipe(recipe or "hf-lora", steps=steps, batch=batch_size, seed=seed)
        with output.printing() as facts:
            data = open_dataset(subset, images=images, ids=ids)
            count = write_export(data, export, model, plan, out, template=template)
            epochs = plan.steps * plan.batch / count
            facts |= {"rows": count, "trainer": export, "steps": plan.steps, "epochs": epochs}
            facts |= {"out": str(out.resolve()), "command": COMMANDS[export]}
            say(f"{counted(count, 'row')} with a configuration for {export} in {out}; each row keeps its id")
            say(f"{plan.steps:,} steps of {plan.batch} rows: each row is seen {epochs:,.1f} times")
            say(f"Next: cd {shlex.quote(str(out))} && {COMMANDS[export]}")
        return
    with output.printing() as facts:
        result = run(
            subset,
            model=model,
            out=out,
            recipe=recipe,
            images=images,
            ids=ids,
            steps=steps,
            batch_size=batch_size,
            seed=seed,
            augment=augment,
            decoding=decode,
            parts=Parts(language_model, vision_model, projection, from_scratch),
            device=device,
            features=features,
            trackers=track or (),
        )
        facts |= asdict(result) | {"out": str(result.out.resolve())}
        cut = f", {result.cut} answers cut" if result.cut else ""
        say(
            f"{counted(result.rows, 'row')}{cut}, {counted(result.steps, 'step')} in "
            f"{result.seconds:,.0f} s: "
            f"loss {result.first_loss:.3f} -> {result.last_loss:.3f}; the model is in {result.out}"
        )
