"""`finegold tune`: fine-tune a model on a subset."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from finegold.cli import options
from finegold.cli.show import say


def tune(
    subset: Annotated[
        Path, typer.Argument(metavar="SUBSET", help="Dataset in a format that finegold reads.")
    ],
    model: Annotated[
        str,
        typer.Option(
            help="`offline`, `offline-smollm2`, `minigpt4-7b`, `minigpt4-13b`, `minigpt4-llama2-7b`, a "
            "folder that `finegold tune` wrote, or a Hugging Face vision-language model by folder or hub id."
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
        int | None, typer.Option(help="Number of optimiser steps. [default: the recipe's]")
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Number of rows in a step. [default: the recipe's]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the order and the draws. [default: the recipe's]")
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
    cache: Annotated[Path | None, typer.Option(help="Folder of image features; runs may share it.")] = None,
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
) -> None:
    """Tune a model on a subset. The same command continues where a killed one stopped.

    On several GPUs: `accelerate launch --no_python finegold tune ...`.
    """
    from finegold.models.prefix import Parts
    from finegold.tuning import load_recipe, write_export
    from finegold.tuning import tune as run

    if export is not None:
        from finegold.samples import open_dataset

        plan = load_recipe(recipe or "hf-lora", steps=steps, batch=batch, seed=seed)
        count = write_export(
            open_dataset(subset, images=images, ids=ids), export, model, plan, out, template=template
        )
        say(f"{count:,} rows with a configuration for {export} in {out}")
        return
    parts = Parts(language_model, vision_model, projection, from_scratch)
    result = run(
        subset,
        model=model,
        out=out,
        recipe=recipe,
        images=images,
        ids=ids,
        steps=steps,
        batch=batch,
        seed=seed,
        augment=augment,
        decoding=decode,
        parts=parts,
        device=device,
        cache=cache,
        trackers=track or (),
    )
    cut = f", {result.cut} answers cut" if result.cut else ""
    say(
        f"{result.rows:,} rows{cut}, {result.steps:,} steps in {result.seconds:,.0f} s: "
        f"loss {result.first_loss:.3f} -> {result.last_loss:.3f}; the model is in {result.out}"
    )
