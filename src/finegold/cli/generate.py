"""`finegold generate`: answer a file of questions about images."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import llm_options as llm
from finegold.cli import model_options as options
from finegold.cli.options import Device


def generate(
    model: options.Model,
    questions: Annotated[
        Path,
        typer.Option(
            "--questions", help="JSON lines with question_id, image and text (LLaVA-Bench's format)."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="Answer file, JSON lines.")],
    images: Annotated[Path | None, typer.Option("--images", help="Folder of the questions' images.")] = None,
    batch_size: options.BatchSize = 8,
    max_new_tokens: options.MaxNewTokens = 256,
    temperature: options.Temperature = 0.0,
    top_p: options.TopP = 1.0,
    seed: options.DrawSeed = 0,
    device: Device = "auto",
    dtype: options.Dtype = "auto",
    base_url: llm.BaseUrl = None,
    concurrency: llm.Concurrency = None,
    max_calls: llm.MaxCalls = None,
) -> None:
    """Answer questions about images. The same command again goes on where a killed one stopped."""
    from finegold.evaluation.questions import generate as run
    from finegold.models import Sampling

    with options.open_model(model, device, dtype, base_url, max_calls, concurrency) as answering:
        count = run(
            answering,
            questions=questions,
            images=images,
            out=out,
            sampling=Sampling(max_new_tokens, temperature, top_p, seed),
            batch_size=batch_size,
        )
    print(f"{count:,} answers in {out}")
