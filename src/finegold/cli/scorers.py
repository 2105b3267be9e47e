"""`finegold scorers`: the indicators that can be computed."""


def scorers() -> None:
    """List the scorers with what each measures and its parameters."""
    from rich.console import Console
    from rich.padding import Padding

    from finegold.errors import ConfigError
    from finegold.scorers import SCORERS, parameter_names

    console = Console(highlight=False)
    for name in SCORERS:
        try:
            found = SCORERS.get(name)
        except ConfigError as error:
            console.print(f"[bold]{name}[/bold]  [red]{error}[/red]")
            continue
        console.print(f"[bold]{name}[/bold]  [dim]{', '.join(parameter_names(found))}[/dim]")
        console.print(
            Padding((found.__doc__ or "").strip().split("\n\n")[0].replace("\n", " "), (0, 0, 0, 2))
        )
