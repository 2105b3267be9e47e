"""`finegold chat`: ask a model about an image in the terminal."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from finegold.cli import options
from finegold.cli.sampling import SamplingOptions
from finegold.cli.show import say

if TYPE_CHECKING:
    from PIL import Image


@options.grouped
def chat(
    model: options.AnsweringModel,
    image: Annotated[Path | None, typer.Option(help="The image of the first questions.")] = None,
    decode: options.Decode = None,
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
    from finegold.samples.images import decode as decode_image

    def read(path: Path) -> "Image.Image":
        return decode_image(ImageRef(path.name, path=path), decoding=decode or "finegold")

    shown = None if image is None else read(image)
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
                    shown = read(Path(line.removeprefix("/image ").strip()))
                    continue
                answer = answering.answer([shown], [line], sampling)[0]
                if isinstance(answer, Exclusion):
                    say(f"finegold: {answer.reason}", error=True)
                else:
                    say(answer)
            except FinegoldError as error:
                say(f"finegold: {error}", error=True)
