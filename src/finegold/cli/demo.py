"""`finegold demo`: models side by side on one's own images and prompts."""

from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.sampling import SamplingOptions
from finegold.cli.show import say
from finegold.errors import counted


@options.grouped
def demo(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL...",
            help="Models as `finegold chat` takes them; minigpt4-7b=FILE names its checkpoint, so that two "
            "may stand side by side.",
        ),
    ],
    image: Annotated[list[Path], typer.Option(help="An image; can be repeated.")],
    prompt: Annotated[
        list[str],
        typer.Option(help="A prompt; several are the turns of one conversation, in the order given."),
    ],
    out: Annotated[Path, typer.Option(help="HTML page to write.")],
    separate: Annotated[
        bool, typer.Option("--separate", help="Put each prompt by itself, without the turns before it.")
    ] = False,
    decode: options.Decode = None,
    *,
    tokens: SamplingOptions,
    loading: options.ModelOptions,
    endpoint: options.EndpointOptions,
    output: OutputOptions,
) -> None:
    """Show the answers of two or more models to images and prompts on one page, as the paper's Tables 6 to 8.

    A model sees its own answers to the earlier prompts. The page names the models whose format has one turn.
    """
    from finegold.report.demo import demonstrate, demonstration_page
    from finegold.report.html import write_html

    sampling = tokens.sampling()
    loaded = loading.load_all(models, endpoint)
    with output.printing() as facts:
        found = demonstrate(loaded, image, prompt, sampling, separate=separate, decoding=decode or "finegold")
        write_html(demonstration_page(models, prompt, found, sampling), out)
        facts |= {"images": len(image), "prompts": len(prompt), "models": models, "page": str(out.resolve())}
        shown = (counted(len(image), "image"), counted(len(prompt), "prompt"), counted(len(models), "model"))
        say(f"{shown[0]}, {shown[1]} and {shown[2]} in {out}")
        endpoint.say_spent(facts)
