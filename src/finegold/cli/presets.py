"""`finegold presets`: what `--preset` takes."""


def presets() -> None:
    """List the presets with what each does, and the functions it is put together from."""
    from rich.console import Console
    from rich.markup import escape
    from rich.padding import Padding

    from finegold.cli.show import printable
    from finegold.errors import ConfigError
    from finegold.selection import find_preset, preset_names

    def plain(text: str) -> str:
        return escape(printable(text))

    console = Console(highlight=False)
    for name in preset_names():
        try:
            preset = find_preset(name)
        except ConfigError as error:
            console.print(f"[bold]{plain(name)}[/bold]  [red]{plain(str(error))}[/red]")
            continue
        weights = ", ".join(f"{name}={value:g}" for name, value in preset.weights.items())
        made_of = weights or ", ".join(preset.indicators)
        quality = f"{preset.quality} of {made_of} ({preset.normalise}); " if made_of else ""
        console.print(f"[bold]{plain(preset.name)}[/bold]  [dim]version {preset.version}[/dim]")
        console.print(Padding(plain(preset.summary), (0, 0, 0, 2)))
        console.print(Padding(f"[dim]{plain(quality)}{preset.allocate}; {preset.pick}[/dim]", (0, 0, 0, 2)))
