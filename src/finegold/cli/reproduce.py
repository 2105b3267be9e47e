"""`finegold reproduce instructiongpt4`: replay the published selection and say what it shows."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from finegold.cli import options
from finegold.cli.output import OutputOptions
from finegold.cli.show import say

if TYPE_CHECKING:
    from finegold.instructiongpt4 import Finding


@options.grouped
def reproduce(
    what: Annotated[
        Literal["instructiongpt4"], typer.Argument(metavar="PUBLICATION", help="The publication to replay.")
    ],
    source: Annotated[Path, typer.Option("--from", help="Folder with the released files.")],
    out: Annotated[Path, typer.Option(help="Folder for ids.txt, retrained.pth and findings.json.")],
    ids_only: Annotated[
        bool, typer.Option("--ids-only", help="Write ids.txt only, which takes a second.")
    ] = False,
    *,
    output: OutputOptions,
) -> None:
    """Replay a published selection from its released files.

    Writes `ids.txt` (the 200 ids, one a line, sorted as integers, so that `sha256sum ids.txt` gives the
    published hash), `retrained.pth` (the selector trained again) and `findings.json`, and prints what the
    replay shows.
    """
    from finegold.cli.show import show_table
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
    with output.printing() as facts:
        facts |= {"publication": what, "ids": len(ids), "ids_sha256": digest, "findings": []}
        say(f"{len(ids)} ids in {out / 'ids.txt'}, sha256 {digest}: the published selection")
        if ids_only:
            return
        findings = replay_findings(published, scores)
        retrained = train_selector(published.subsets, published.results)
        write_selector(retrained.selector, out / "retrained.pth")
        findings += retraining_findings(published, retrained, chosen)
        listed = [asdict(one) for one in findings]
        write_json(out / "findings.json", {"publication": what, "ids_sha256": digest, "findings": listed})
        facts["findings"] = listed
        show_table("What the replay shows", ("topic", "measure", "value"), _rows(findings))


def _rows(findings: "list[Finding]") -> Iterator[tuple[str, str, str]]:
    topic = ""
    for one in findings:
        whole = one.value == int(one.value) and abs(one.value) >= 1
        value = f"{one.value:.0f}" if whole else f"{one.value:.3g}"
        yield "" if one.topic == topic else one.topic, one.measure, value
        topic = one.topic
