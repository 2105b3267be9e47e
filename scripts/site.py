"""Hooks of mkdocs: README, CONTRIBUTING, CHANGELOG and the notebook become pages; no text stands twice."""

import json
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository's root, with links as the site needs them, and the notebook."""
    for source, page in PAGES.items():
        text = re.sub(r"\]\(docs/", "](", (ROOT / source).read_text(encoding="utf-8"))
        for name, target in PAGES.items():
            text = text.replace(f"]({name}", f"]({target}")
        text = re.sub(r"\[([^]]+)\]\(NOTICE\)", r"`\1`", text)
        text = re.sub(r"\]\((\w+)\.ipynb", r"](\1.md", text)
        files.append(File.generated(config, page, content=text))
    notebook = json.loads((ROOT / "docs" / "tutorial.ipynb").read_text(encoding="utf-8"))
    files.append(File.generated(config, "tutorial.md", content=notebook_page(notebook)))
    return files


def notebook_page(notebook: dict[str, Any]) -> str:
    """A notebook as Markdown: text, code, and what each cell shows."""
    parts = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        for output in cell["outputs"]:
            shown = output.get("data", {})
            if "text/html" in shown:
                html = re.sub(r"\n\s*", " ", "".join(shown["text/html"]))
                # A wide frame scrolls in its own box: on a phone it would widen the page.
                parts.append(f'<div class="output" style="overflow-x: auto">{html}</div>')
            else:
                plain = "".join(shown.get("text/plain") or output.get("text", ""))
                parts.append(f"```text\n{plain.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"
