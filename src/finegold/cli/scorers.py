"""`finegold scorers`: the indicators that can be computed."""


def scorers() -> None:
    """List the scorers with what each measures and its parameters."""
    from rich.console import Console
    from rich.markup import escape
    from rich.padding import Padding

    from finegold.cli.show import printable
    from finegold.errors import ConfigError
    from finegold.scorers import SCORERS, parameter_names

    def plain(text: str) -> str:
        return escape(printable(text))

    console = Console(highlight=False)
    for name in SCORERS:
        try:
            found = SCORERS.get(name)
        except ConfigError as error:
            console.print(f"[bold]{plain(name)}[/bold]  [red]{plain(str(error))}[/red]")
            continue
        console.print(f"[bold]{name}[/bold]  [dim]{', '.join(parameter_names(found))}[/dim]")
        console.print(
            Padding((found.__doc__ or "").strip().split("\n\n")[0].replace("\n", " "), (0, 0, 0, 2))
        )
