"""`finegold scorers`: the indicators that can be computed."""


def scorers() -> None:
    """List the scorers with what each measures and its parameters."""
    from dataclasses import fields

    from rich.console import Console
    from rich.padding import Padding

    from finegold.scorers.registry import scorer_class, scorer_names

    console = Console(highlight=False)
    for name in scorer_names():
        found = scorer_class(name)
        known = ", ".join(field.name for field in fields(found) if field.init and field.repr)  # type: ignore[arg-type]
        console.print(f"[bold]{name}[/bold]  [dim]{known}[/dim]")
        console.print(
            Padding((found.__doc__ or "").strip().split("\n\n")[0].replace("\n", " "), (0, 0, 0, 2))
        )
