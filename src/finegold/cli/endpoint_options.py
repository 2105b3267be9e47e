"""Options of the endpoint: its address, the limits on its calls, and the cache of its replies."""

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from finegold.llm import Session


BaseUrl = Annotated[
    str | None, typer.Option(help="URL of the endpoint. [default: FINEGOLD_LLM_BASE_URL, or OpenAI's]")
]
MaxUsd = Annotated[float | None, typer.Option(min=0, help="Largest cost in US dollars; needs both prices.")]
UsdPerMPrompt = Annotated[
    float | None, typer.Option(min=0, help="Price of a million prompt tokens in US dollars.")
]
UsdPerMCompletion = Annotated[
    float | None, typer.Option(min=0, help="Price of a million reply tokens in US dollars.")
]


@dataclass(frozen=True)
class EndpointOptions:
    """How the OpenAI-compatible endpoint is called."""

    base_url: BaseUrl = None
    api_key: Annotated[
        str | None, typer.Option(help="Key. Safer: set FINEGOLD_LLM_API_KEY or OPENAI_API_KEY.")
    ] = None
    max_calls: Annotated[int | None, typer.Option(min=0, help="Largest number of requests.")] = None
    max_usd: MaxUsd = None
    usd_per_m_prompt: UsdPerMPrompt = None
    usd_per_m_completion: UsdPerMCompletion = None
    concurrency: Annotated[
        int | None, typer.Option(min=1, help="Number of requests at the same time. [default: 16]")
    ] = None
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds that one attempt may take. [default: 120]")
    ] = None
    requests_per_minute: Annotated[
        float | None, typer.Option(min=0, help="Largest number of requests in a minute.")
    ] = None
    tokens_per_minute: Annotated[
        float | None, typer.Option(min=0, help="Largest number of tokens in a minute.")
    ] = None
    cache: Annotated[
        Path | None, typer.Option(help="SQLite file of replies. [default: one in the user's cache folder]")
    ] = None

    def session(self, audit: Path | None, *, retry: bool = False, sends: bool = True) -> "Session":
        """A session with the endpoint; all sessions of a command share its limits.

        Args:
            audit: Where its calls are written; None for nowhere.
            retry: Whether calls are sent again whose replies hold no answer.
            sends: False for a plan, which needs no address and no key.
        """
        from finegold.errors import ConfigError
        from finegold.llm import session_from
        from finegold.llm.endpoint import OPENAI_URL

        options = asdict(self)
        try:
            found = session_from(**options, audit=audit, retry=retry)
        except ConfigError:
            if sends or self.base_url is not None:
                raise
            found = session_from(**{**options, "base_url": OPENAI_URL}, audit=audit, retry=retry)
        # Not a field, which would become an option.
        first = vars(self).setdefault("first", found)
        return replace(found, ledger=first.ledger)

    def say_spent(self, facts: dict[str, Any]) -> None:
        """Say what the sessions of this command used, if they sent anything; `facts` gets it too."""
        from finegold.cli.show import say

        session = vars(self).get("first")
        if session is not None and session.ledger.spent.calls:
            facts["spent"] = session.ledger.spent.text(session.limits)
            say(facts["spent"])

    def refuse(self, what: str) -> None:
        """Refuse options that nothing would read; a limit that is not kept is never ignored.

        Raises:
            ConfigError: If an option was given. `what` is what calls no endpoint.
        """
        from finegold.errors import ConfigError

        if given := given_options(self):
            raise ConfigError(
                f"{', '.join(given)} would have no effect, because {what} calls no endpoint: leave "
                f"{'it' if len(given) == 1 else 'them'} out"
            )


def given_options(group: Any) -> list[str]:
    """The options of a group that were given another value than their default, such as `--max-usd`."""
    found = [one.name for one in fields(group) if getattr(group, one.name) != one.default]
    return [f"--{name.replace('_', '-')}" for name in found]
