"""Options of the answers' sampling."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from finegold.models import Sampling


@dataclass(frozen=True)
class SamplingOptions:
    """How the tokens of an answer are chosen."""

    max_new_tokens: Annotated[
        int, typer.Option(min=1, help="Number of tokens at which an answer is cut.")
    ] = 256
    temperature: Annotated[
        float, typer.Option(min=0, help="0 takes the likeliest token each time; a larger value draws tokens.")
    ] = 0.0
    top_p: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Draw from the likeliest tokens that together have this probability."
        ),
    ] = 1.0
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0

    def sampling(self) -> "Sampling":
        """The sampling as models take it."""
        from finegold.models import Sampling

        return Sampling(**asdict(self))
