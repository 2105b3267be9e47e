"""Write the generated pages of the docs: docs/selection-json.md, docs/presets.md and docs/exclusions.md.

python scripts/make_reference.py [--check]
"""

import sys
from pathlib import Path
from typing import Any

from finegold.samples.exclusions import CODES, STEPS
from finegold.selection.manifest import Manifest
from finegold.selection.preset import find_preset, preset_names

DOCS = Path(__file__).parents[1] / "docs"
MADE = "<!-- made by scripts/make_reference.py -->\n\n"


def selection_json() -> str:
    """The schema of `selection.json`, model by model."""
    schema = Manifest.model_json_schema(by_alias=True)
    lines = [
        "# selection.json\n",
        "What was chosen, from what, how, and why each row is in it. A missing number is null.\n",
    ]
    for name, model in {"Manifest": schema, **schema["$defs"]}.items():
        title = "The file" if name == "Manifest" else name
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
        "`finegold presets` prints the same. How a selection is put together: [pick](pick.md).\n",
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
        "duplicate the id of the row that stays. `finegold inspect` lists the rows that cannot be read; the "
        "report and `selection.json` count and list them all. The table of codes is "
        "`finegold.samples.exclusions`.\n",
    ]
    for step, what in STEPS.items():
        lines += [f"## {step.capitalize()}\n", f"{what}\n", "| code | what was found | what to do |"]
        lines += ["| --- | --- | --- |"]
        for code, entry in CODES.items():
            if entry.step == step:
                lines.append(f"| `{code}` | {entry.meaning} | {entry.remedy} |")
        lines.append("")
    return MADE + "\n".join(lines)


def main() -> None:
    """Write, or with --check compare, every generated page."""
    stale = []
    pages = {"selection-json.md": selection_json, "presets.md": presets, "exclusions.md": exclusions}
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
