"""`finegold reproduce instructiongpt4`: replay the published selection and say what it shows."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from finegold.instructiongpt4 import Finding


def reproduce(
    what: Annotated[Literal["instructiongpt4"], typer.Argument(help="The publication to replay.")],
    source: Annotated[Path, typer.Option("--from", help="Folder with the released files.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write ids.txt and findings.json to.")],
    ids_only: Annotated[
        bool, typer.Option("--ids-only", help="Write ids.txt and leave out what takes a minute.")
    ] = False,
) -> None:
    """Replay a published selection from its released files.

    Writes `ids.txt` (the 200 ids, one a line, sorted as integers, so that `sha256sum ids.txt` gives the
    published hash), `retrained.pth` (the selector trained again) and `findings.json`, and prints what the
    replay shows.
    """
    from rich.console import Console

    from finegold.errors import ConfigError, DataError
    from finegold.instructiongpt4 import (
        PUBLISHED_SHA256,
        ids_sha256,
        read_published,
        replay_findings,
        retraining_findings,
        select_rows,
        train_selector,
        write_selector,
    )
    from finegold.run import write_json, write_text

    if out.exists() and not out.is_dir():
        raise ConfigError(f"--out {out} is a file: name a folder")
    published = read_published(source)
    scores = published.selector.score(published.features)
    chosen = select_rows(scores, published.labels, published.cluster_order)
    ids = sorted((published.ids[row] for row in chosen), key=int)
    digest = ids_sha256(ids)
    write_text(out / "ids.txt", "\n".join(ids))
    if digest != PUBLISHED_SHA256:
        raise DataError(
            f"the {len(ids)} ids in {out / 'ids.txt'} have the sha256 {digest} where {PUBLISHED_SHA256} "
            f"was expected: a file in {source} differs from the released one"
        )
    console = Console()
    console.print(
        f"{len(ids)} ids in {out / 'ids.txt'}, sha256 {digest}: the published selection", soft_wrap=True
    )
    if ids_only:
        return
    findings = replay_findings(published, scores)
    retrained = train_selector(published.subsets, published.results)
    write_selector(retrained.selector, out / "retrained.pth")
    findings += retraining_findings(published, retrained, chosen)
    write_json(
        out / "findings.json",
        {"publication": what, "ids_sha256": digest, "findings": [asdict(one) for one in findings]},
    )
    console.print(_table(findings))


def _table(findings: "list[Finding]") -> "Table":
    from rich.table import Table

    table = Table(title="What the replay shows", box=None, show_header=False)
    table.add_column(ratio=2)
    table.add_column(ratio=5)
    table.add_column(justify="right", no_wrap=True)
    topic = ""
    for one in findings:
        value = (
            f"{one.value:.0f}" if one.value == int(one.value) and abs(one.value) >= 1 else f"{one.value:.3g}"
        )
        table.add_row("" if one.topic == topic else one.topic, one.measure, value)
        topic = one.topic
    return table
