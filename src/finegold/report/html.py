"""Pages that load nothing and send nothing: one file each, from one base template and style sheet."""

import json
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from finegold.report.text import duration, number, percent
from finegold.run import atomic_path
from finegold.samples.thumbnails import data_uri

BASE_STYLE = Path(__file__).parent / "templates" / "base.css"
"""The style sheet that all pages share."""


def render_page(name: str, *, style: str = "", script: str = "", data: Any = None, **values: Any) -> str:
    """A page as one HTML text.

    All text is escaped. A content security policy forbids every request, and every script except the page's,
    which it names by its hash.

    Args:
        name: Template that extends `base.html`.
        style: Further style sheet beside the common one, such as `study.css`.
        script: Script of the page, such as `report.js`.
        data: What the script reads from the element `data`, JSON-able.
        values: What the template needs.
    """
    code = _read(script) if script else ""
    return (
        _environment()
        .get_template(name)
        .render(
            style=Markup(_read("base.css") + (_read(style) if style else "")),
            script=Markup(code),
            script_hash=b64encode(sha256(code.encode()).digest()).decode("ascii"),
            data=data,
            **values,
        )
    )


def render_part(name: str, **values: Any) -> Markup:
    """A part of a page from its template; all text is escaped."""
    return Markup(_environment().get_template(name).render(**values))


def write_html(page: str, path: Path) -> None:
    """Write a page whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(html_bytes(page))


def html_bytes(page: str) -> bytes:
    """A page as UTF-8. A lone surrogate, which JSON can hold and UTF-8 cannot, becomes its escape."""
    return page.encode("utf-8", "backslashreplace")


def file_address(path: str) -> str:
    """Where a browser opens a file of this computer; empty for what is no path."""
    try:
        return Path(path).absolute().as_uri() if path else ""
    except ValueError:  # a lone surrogate
        return ""


def embedded_json(value: Any) -> Markup:
    """JSON that is safe inside a script element: no text in it can close the element or open a comment."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("finegold.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": number,
        "count": "{:,}".format,
        "percent": percent,
        "duration": duration,
        "data_uri": data_uri,
        "file_address": file_address,
        "embedded_json": embedded_json,
    }
    return environment


def _read(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
