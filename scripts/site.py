"""Hooks of mkdocs: README, CONTRIBUTING and CHANGELOG become pages, so that no text stands twice."""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie in the repository's root, with their links as the site needs them."""
    for source, page in PAGES.items():
        text = re.sub(r"\]\(docs/", "](", (ROOT / source).read_text(encoding="utf-8"))
        for name, target in PAGES.items():
            text = text.replace(f"]({name}", f"]({target}")
        text = re.sub(r"\[([^]]+)\]\(NOTICE\)", r"`\1`", text)
        files.append(File.generated(config, page, content=text))
    return files
