"""`finegold chat`: ask a model about an image in the terminal."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def chat(
    model: Annotated[
        str, typer.Argument(help="offline, a folder that tune wrote, or a Hugging Face folder or hub id.")
    ],
    image: Annotated[Path | None, typer.Option("--image", help="The picture to ask about.")] = None,
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
    """Ask about an image, one question a line, each answered by itself. `/image FILE` shows another one.

    An empty line or the end of the input ends the talk.
    """
    from finegold.errors import FinegoldError
    from finegold.tuning import Sampling, load_answerer, open_picture

    picture = None if image is None else open_picture(image)
    answerer = load_answerer(model, device=device)
    sampling = Sampling(longest, temperature, top_p, seed)
    while True:
        print("> ", end="", flush=True)
        line = sys.stdin.readline().strip()
        if not line:
            print()
            return
        try:
            if line.startswith("/image "):
                picture = open_picture(Path(line.removeprefix("/image ").strip()))
            else:
                print(answerer.answer([picture], [line], sampling)[0])
        except FinegoldError as error:
            print(f"finegold: {error}", file=sys.stderr)
