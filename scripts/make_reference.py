"""Write the generated pages of the docs: command line, API, selection.json, presets and exclusions.

python scripts/make_reference.py [--check]
"""

import sys
import tomllib
from pathlib import Path
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

import finegold
from finegold.cli import app
from finegold.cli.verbs import BEGINS_AGAIN, GOES_ON
from finegold.samples.exclusions import CODES, STEPS
from finegold.selection.manifest import Manifest
from finegold.selection.preset import find_preset, preset_names
from finegold.selection.table import SCHEMA as TABLE_SCHEMA

DOCS = Path(__file__).parents[1] / "docs"
COLUMNS = {
    "sample_id": "Id of the row; null if the record has none that can be read",
    "status": "`selected`, `not selected` or `excluded`",
    "code": "Why the row is excluded: one of [the codes](exclusions.md); null if it is not",
    "reason": "The same as a sentence, with the particulars",
    "duplicate_of": "Of a duplicate that `--dedup` found, the id of the row that stays",
    "source": "Where the row comes from: see [mixtures](mixtures.md); null if the record cannot be read",
    "kind": "Kind of instruction: see [mixtures](mixtures.md); null if the record cannot be read",
    "group": "Group that the row was chosen in: see [mixtures](mixtures.md#a-mixture-of-groups)",
    "cluster": "Image cluster of a usable row; null without clusters",
    "quality": "Quality of a usable row; null for a preset that looks at no indicator",
    "rank": "Of a chosen row, its place by quality: 1 is the highest; null for the others",
    "row": "Position in the dataset, from 0",
    "place": "Where the record is: file and line, record or member",
    "content_hash": "Hash of the record and its images",
}
"""What the columns of a selection's table mean."""
MISTAKES = Path(__file__).parents[1] / "tests" / "cli" / "mistakes.toml"
STATUS_1 = {
    "check": "something is damaged and not repaired",
    "evaluate": "no item has an answer",
    "inspect": "no row can be used, or `--strict` found a bad one",
    "judge": "too many questions have no verdict (`--max-invalid`), or a limit stopped the calls",
    "replay": "a chosen row is missing or changed",
    "score": "every row failed, or a limit stopped the calls",
}
"""When a verb ends with the exit status 1."""
MADE = "<!-- made by scripts/make_reference.py -->\n\n"


def selection_json() -> str:
    """The schema of `selection.json`, model by model."""
    schema = Manifest.model_json_schema(by_alias=True)
    lines = [
        "# selection.json and selection.parquet\n",
        "A selection is two files. `selection.json` says what was chosen, from what and how, and lists the "
        "chosen rows. `selection.parquet` is a table with every row of the dataset. Both lie beside the "
        "subset, and in `selections/` of [the run folder](run-folder.md). A missing number is null.\n",
        "The report and `finegold replay` read these files. `finegold replay` also reads a `selection.json` "
        "of schema `finegold/selection/1`, which has no table. A report of it is refused.\n",
        "## The table\n",
        "One row a record, in the order of the dataset. A column for each indicator that counts follows "
        "the columns below; its name is that of the indicator.\n",
        "| column | type | meaning |",
        "| --- | --- | --- |",
        *(f"| `{column.name}` | {column.type} | {COLUMNS[column.name]} |" for column in TABLE_SCHEMA),
        "",
        "```python",
        "import pyarrow.parquet as pq",
        "",
        'table = pq.read_table("subset/selection.parquet").to_pandas()',
        'table[table.status == "excluded"][["sample_id", "code", "reason", "place"]]',
        "```\n",
    ]
    for name, model in {"Manifest": schema, **schema["$defs"]}.items():
        title = "The JSON file" if name == "Manifest" else name
        lines += [f"## {title}\n", f"{' '.join(model.get('description', '').split())}\n"]
        lines += ["| field | type | meaning |", "| --- | --- | --- |"]
        for field, entry in model["properties"].items():
            lines.append(f"| `{field}` | {_type(entry)} | {entry.get('description', '')} |")
        lines.append("")
    return MADE + "\n".join(lines)


def _type(entry: dict[str, Any]) -> str:
    if "$ref" in entry:
        name = entry["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in entry:
        return f"`{entry['const']}`"
    if "enum" in entry:
        return " or ".join(f"`{value}`" for value in entry["enum"])
    if "anyOf" in entry:
        return " or ".join(_type(part) for part in entry["anyOf"])
    if entry.get("type") == "array":
        return f"list of {_type(entry['items'])}"
    if entry.get("type") == "object" and isinstance(entry.get("additionalProperties"), dict):
        return f"object of {_type(entry['additionalProperties'])}"
    return str(entry.get("type", "any"))


def presets() -> str:
    """Every preset with the functions it is put together from."""
    lines = [
        "# Presets\n",
        "`finegold presets` lists them too. [Pick](pick.md) says how a selection is put together, and how to "
        "write a preset of your own. Each preset is a TOML file in `finegold/selection/presets/`.\n",
    ]
    lines += [
        "| preset | what it does | quality | within | allocate | pick |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for preset in map(find_preset, preset_names()):
        weights = ", ".join(f"{name} {value:g}" for name, value in preset.weights.items())
        made_of = weights or ", ".join(preset.indicators)
        quality = f"{preset.quality} of {made_of} ({preset.normalise})" if made_of else "-"
        within = "whole pool" if preset.strata is None else f"{preset.strata} strata of quality"
        if preset.clustering is not None:
            within = f"{preset.clustering.clusters} {preset.clustering.method} clusters"
        drop = f", best {1 - preset.drop:.0%} only" if preset.drop else ""
        lines.append(
            f"| `{preset.name}` {preset.version} | {preset.summary} | {quality} | {within}{drop} "
            f"| {preset.allocate} | {preset.pick} |"
        )
    return MADE + "\n".join(lines) + "\n"


def exclusions() -> str:
    """Every exclusion code, step by step."""
    lines = [
        "# Why a row is out\n",
        "Each row that a step cannot use gets an exclusion: a code, a reason with the particulars, and for a "
        "duplicate that `--dedup` found the id of the row that stays. `finegold inspect` lists the rows that "
        "cannot be read. The table [`selection.parquet`](selection-json.md) has the exclusion of every row, "
        "the report lists them, and `selection.json` counts them by code.\n",
        "This page is made from the one register of codes, the module `samples/exclusions.py`.\n",
    ]
    for step, what in STEPS.items():
        lines += [f"## {step.capitalize()}\n", f"{what}\n", "| code | what was found | what to do |"]
        lines += ["| --- | --- | --- |"]
        for code, entry in CODES.items():
            if entry.step == step:
                lines.append(f"| `{code}` | {entry.meaning} | {entry.remedy} |")
        lines.append("")
    return MADE + "\n".join(lines)


def api() -> str:
    """The public names of `finegold`, each where the site puts its signature and docstring."""
    lines = [
        "# Python API\n",
        "Each name below is imported from `finegold`. `import finegold` takes a few hundredths of a second: "
        "a name is imported when it is first used. The words are those of the command line.\n",
    ]
    for name in finegold.__all__:
        found = getattr(finegold, name)
        if hasattr(found, "__module__"):
            lines += [
                f"## `{name}`\n",
                f"::: {found.__module__}.{name}",
                "    options: {show_root_heading: false}\n",
            ]
    return MADE + "\n".join(lines)


def verbs() -> dict[str, Any]:
    """The verbs of the command line by name."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return dict(group.commands)


def command_line() -> str:
    """What every verb prints, how it ends and goes on, and the mistakes with their sentences."""
    mistakes = tomllib.loads(MISTAKES.read_text(encoding="utf-8"))["mistakes"]
    lines = [
        "# The command line\n",
        "`finegold -h` lists the verbs, and `-h` after a verb its options. `finegold --install-completion` "
        "makes the shell complete them. One name stands for one thing in all verbs: `--data` is a dataset, "
        "`--task-data` the folder of the benchmarks, `--images` a folder of images, `--out` what is written, "
        "`--batch-size`, `--max-new-tokens`, `--seed`. An earlier name of an option is understood, and the "
        "command says the new one.\n",
        "## What is printed\n",
        "Results go to stdout, errors and progress to stderr. `--json` prints exactly one JSON object on "
        "stdout in place of the lines, also where the exit status is 1. `--quiet` prints nothing there. "
        "`--log-level info` logs each step with its seconds on stderr, `--log-level debug` also each bad row "
        "and each call to an endpoint; the option works at any place of the command. The steps of a run "
        "folder are in its `events.jsonl` too. `--save-config FILE` writes the options that were given to a "
        "TOML file, and `--config FILE` takes them from there.\n",
        "## Exit status\n",
        "| status | meaning |",
        "| --- | --- |",
        "| 0 | Done. |",
        "| 1 | The command worked, and what it looked at is not as it should be: see the table of verbs. |",
        "| 2 | An error, explained in one sentence: what was found, what was expected, what to do. |",
        "| 130 | Ctrl-C. The last line says how to go on. An open view ends with 0 and says nothing. |",
        "",
        "| verb | `--json`, `--quiet` | `--config` | exit status 1 | after Ctrl-C |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, verb in sorted(verbs().items()):
        options = {word for one in verb.params for word in one.opts}
        cells = ("yes" if one in options else "" for one in ("--json", "--config"))
        after = GOES_ON.get(name, BEGINS_AGAIN)
        lines.append(f"| `{name}` | {' | '.join(cells)} | {STATUS_1.get(name, '')} | {after} |")
    lines += [
        "\n## Mistakes, and what is said\n",
        "A test gives each of these commands and compares. The dots stand for more text.\n",
        "| mistake | what follows `finegold` | status | sentence |",
        "| --- | --- | --- | --- |",
    ]
    for one in mistakes:
        says = " ".join(one["says"].split()).replace("|", "\\|")
        lines.append(f"| {one['what']} | `{one['command']}` | {one['status']} | {says} |")
    return MADE + "\n".join(lines) + "\n"


def main() -> None:
    """Write, or with --check compare, every generated page."""
    stale = []
    pages = {
        "command-line.md": command_line,
        "api.md": api,
        "selection-json.md": selection_json,
        "presets.md": presets,
        "exclusions.md": exclusions,
    }
    for name, make in pages.items():
        path, text = DOCS / name, make()
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(name)
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        sys.exit(f"{', '.join(stale)} are not what the code says: python scripts/make_reference.py")


if __name__ == "__main__":
    main()
