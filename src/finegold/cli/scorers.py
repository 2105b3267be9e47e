"""`finegold scorers`: the indicators that can be computed."""

from finegold.cli import options
from finegold.cli.output import OutputOptions


@options.grouped
def scorers(*, output: OutputOptions) -> None:
    """List the scorers with what each measures and its parameters."""
    from rich.console import Console
    from rich.markup import escape
    from rich.padding import Padding

    from finegold.cli.show import printable
    from finegold.errors import ConfigError
    from finegold.scorers import SCORERS, parameter_names

    def plain(text: str) -> str:
        return escape(printable(text))

    with output.printing() as facts:
        console = Console(highlight=False)
        facts["scorers"] = []
        for name in SCORERS:
            try:
                found = SCORERS.get(name)
            except ConfigError as error:
                console.print(f"[bold]{plain(name)}[/bold]  [red]{plain(str(error))}[/red]")
                facts["scorers"].append({"name": name, "error": str(error)})
                continue
            about = (found.__doc__ or "").strip().split("\n\n")[0].replace("\n", " ")
            known = parameter_names(found)
            facts["scorers"].append({"name": name, "about": about, "parameters": known})
            console.print(f"[bold]{name}[/bold]  [dim]{', '.join(known)}[/dim]")
            console.print(Padding(about, (0, 0, 0, 2)))
