"""`finegold chat`: ask a model about an image in the terminal."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import llm_options as llm
from finegold.cli import model_options as options
from finegold.cli.options import Device
from finegold.cli.show import printable


def chat(
    model: options.Model,
    image: Annotated[Path | None, typer.Option("--image", help="The image to ask about.")] = None,
    max_new_tokens: options.MaxNewTokens = 256,
    temperature: options.Temperature = 0.0,
    top_p: options.TopP = 1.0,
    seed: options.DrawSeed = 0,
    device: Device = "auto",
    dtype: options.Dtype = "auto",
    base_url: llm.BaseUrl = None,
    max_calls: llm.MaxCalls = None,
) -> None:
    """Ask about an image, one question a line, each answered by itself. `/image FILE` shows another image.

    An empty line or the end of the input ends the chat.
    """
    from finegold.errors import FinegoldError
    from finegold.models import Sampling
    from finegold.samples import Exclusion, ImageRef
    from finegold.samples.images import decode

    shown = None if image is None else decode(ImageRef(image.name, path=image))
    sampling = Sampling(max_new_tokens, temperature, top_p, seed)
    with options.open_model(model, device, dtype, base_url, max_calls) as answering:
        answering.check_sampling(sampling)
        answering.load()
        while True:
            print("> ", end="", flush=True)
            line = sys.stdin.readline().strip()
            if not line:
                print()
                return
            try:
                if line.startswith("/image "):
                    path = Path(line.removeprefix("/image ").strip())
                    shown = decode(ImageRef(path.name, path=path))
                    continue
                answer = answering.answer([shown], [line], sampling)[0]
                if isinstance(answer, Exclusion):
                    print(f"finegold: {answer.reason}", file=sys.stderr)
                else:
                    print(*map(printable, answer.split("\n")), sep="\n")
            except FinegoldError as error:
                print(f"finegold: {error}", file=sys.stderr)
