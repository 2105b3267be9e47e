"""`finegold presets`: what `--preset` takes."""

from finegold.cli import options
from finegold.cli.output import OutputOptions


@options.grouped
def presets(*, output: OutputOptions) -> None:
    """List the presets with what each does, and the functions it is put together from."""
    from rich.console import Console
    from rich.markup import escape
    from rich.padding import Padding

    from finegold.cli.show import printable
    from finegold.errors import ConfigError
    from finegold.run.records import to_json
    from finegold.selection import find_preset, preset_names

    def plain(text: str) -> str:
        return escape(printable(text))

    with output.printing() as facts:
        console = Console(highlight=False)
        facts["presets"] = []
        for name in preset_names():
            try:
                preset = find_preset(name)
            except ConfigError as error:
                console.print(f"[bold]{plain(name)}[/bold]  [red]{plain(str(error))}[/red]")
                facts["presets"].append({"name": name, "error": str(error)})
                continue
            facts["presets"].append(to_json(preset))
            weights = ", ".join(f"{name}={value:g}" for name, value in preset.weights.items())
            made_of = weights or ", ".join(preset.indicators)
            quality = f"{preset.quality} of {made_of} ({preset.normalise}); " if made_of else ""
            functions = f"{quality}{preset.allocate}; {preset.pick}"
            console.print(f"[bold]{plain(preset.name)}[/bold]  [dim]version {preset.version}[/dim]")
            console.print(Padding(plain(preset.summary), (0, 0, 0, 2)))
            console.print(Padding(f"[dim]{plain(functions)}[/dim]", (0, 0, 0, 2)))
