"""`finegold presets`: the ways to select."""


def presets() -> None:
    """List the presets with what each does."""
    from rich.console import Console
    from rich.table import Table

    from finegold.selection.presets import PRESETS

    table = Table("preset", "what it does", "quality", "allocate", "pick", box=None, pad_edge=False)
    for preset in PRESETS.values():
        weights = ", ".join(f"{name}={value:g}" for name, value in preset.weights.items()) or "-"
        table.add_row(preset.name, preset.summary, weights, preset.allocate, preset.pick)
    Console().print(table)
