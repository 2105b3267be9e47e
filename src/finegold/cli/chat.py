"""`finegold chat`: ask a model about an image in the terminal."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from finegold.cli import options
from finegold.cli.sampling import SamplingOptions
from finegold.cli.show import say


@options.grouped
def chat(
    model: options.AnsweringModel,
    image: Annotated[Path | None, typer.Option(help="The image of the first questions.")] = None,
    *,
    tokens: SamplingOptions,
    loading: options.ModelOptions,
    endpoint: options.EndpointOptions,
) -> None:
    """Answer questions about an image in the terminal, one line each. `/image FILE` shows another image.

    The model sees one question at a time and no earlier ones. An empty line or the end of the input ends the
    chat.
    """
    from finegold.errors import FinegoldError
    from finegold.samples import Exclusion, ImageRef
    from finegold.samples.images import decode

    shown = None if image is None else decode(ImageRef(image.name, path=image))
    sampling = tokens.sampling()
    with loading.load(model, endpoint) as answering:
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
                    say(f"finegold: {answer.reason}", error=True)
                else:
                    say(answer)
            except FinegoldError as error:
                say(f"finegold: {error}", error=True)
