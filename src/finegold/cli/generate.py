"""`finegold generate`: answer a file of questions about images."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.sampling import SamplingOptions
from finegold.cli.show import say
from finegold.errors import counted


@options.grouped
def generate(
    model: options.AnsweringModel,
    questions: Annotated[
        Path, typer.Option(help="JSON lines with question_id, image and text, as LLaVA-Bench has them.")
    ],
    out: Annotated[Path, typer.Option(help="File for the answers, JSON lines.")],
    images: options.Images = None,
    batch_size: options.Questions = 8,
    decode: options.Decode = None,
    retry_failed: options.RetryFailed = False,
    shard: Annotated[
        str | None,
        typer.Option(help="I/N: answer one part of the questions; the last one to end writes the file."),
    ] = None,
    *,
    tokens: SamplingOptions,
    loading: options.ModelOptions,
    computing: options.EngineOptions,
    endpoint: options.EndpointOptions,
    output: OutputOptions,
) -> None:
    """Answer questions about images. The same command continues where a killed one stopped."""
    from finegold.evaluation.questions import generate as run
    from finegold.run import Shard

    sampling = tokens.sampling()
    engine = computing.on(loading.device)
    with output.printing() as facts:
        with loading.load(model, endpoint, retry=retry_failed, shard=shard) as answering:
            count = run(
                answering,
                questions=questions,
                images=images,
                out=out,
                sampling=sampling,
                batch_size=batch_size,
                decoding=decode or "finegold",
                engine=engine,
                shard=Shard.parse(shard),
            )
        facts |= {"answers": count, "file": str(out.resolve())}
        if count:
            say(f"{counted(count, 'answer')} in {out}")
        else:
            say(f"shard {shard} is done; the last one to end writes {out}")
        endpoint.say_spent(facts)
