"""`finegold generate`: answer a file of questions about images."""

from pathlib import Path
from typing import Annotated

import typer


def generate(
    model: Annotated[
        str, typer.Argument(help="offline, a folder that tune wrote, or a Hugging Face folder or hub id.")
    ],
    questions: Annotated[
        Path,
        typer.Option(
            "--questions", help="JSON lines with question_id, image and text (LLaVA-Bench's format)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Answer file, JSON lines.")],
    images: Annotated[Path | None, typer.Option("--images", help="Folder of the questions' images.")] = None,
    batch: Annotated[int, typer.Option("--batch", help="Questions at a time.")] = 8,
    longest: Annotated[int, typer.Option("--longest", help="New tokens an answer, at most.")] = 256,
    temperature: Annotated[
        float, typer.Option("--temperature", help="0: the likeliest token each time.")
    ] = 0.0,
    top_p: Annotated[
        float, typer.Option("--top-p", help="When drawing: share of the likeliest tokens.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the draws.")] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, ...")] = "auto",
) -> None:
    """Answer questions about images. The same command again goes on where a killed one stopped."""
    from finegold.tuning import Sampling
    from finegold.tuning import generate as run

    count = run(
        model,
        questions=questions,
        images=images,
        out=out,
        sampling=Sampling(longest, temperature, top_p, seed),
        batch=batch,
        device=device,
    )
    print(f"{count:,} answers in {out}")
