"""ReportInputs to one HTML file that loads nothing and sends nothing."""

import json
from base64 import b64encode
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from finegold.report.charts import number
from finegold.report.selection.inputs import ReportInputs
from finegold.report.selection.view import FIRST, page
from finegold.report.thumbnails import data_uri
from finegold.run import atomic_path


def render(inputs: ReportInputs) -> str:
    """The report as one HTML page.

    Text from the data is escaped everywhere. A content security policy forbids every request, and every
    script but the page's own, which is named by its hash.

    Raises:
        ConfigError: If the inputs contradict one another: an array of another length, a near miss that is no
            row, a thumbnail that is no image.
    """
    script = _read("report.js")
    digest = b64encode(sha256(script.encode()).digest()).decode("ascii")
    return template("report.html").render(
        page=page(inputs),
        first=FIRST,
        inputs=inputs,
        style=stylesheet(),
        script=Markup(script),
        script_hash=digest,
    )


def write(inputs: ReportInputs, path: Path) -> None:
    """Render to a file; a reader sees the old report or the new one, never half of one.

    Raises:
        ConfigError: As `render`.
    """
    write_html(render(inputs), path)


def write_html(page: str, path: Path) -> None:
    """Write a page whole or not at all."""
    # A lone surrogate, which JSON can hold and UTF-8 cannot, is shown as its escape rather than lost.
    encoded = page.encode("utf-8", "backslashreplace")
    with atomic_path(path) as temporary:
        temporary.write_bytes(encoded)


def embedded_json(value: Any) -> Markup:
    """JSON that is safe inside a script element: no text in it can close the element or open a comment."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def template(name: str, package: str = "finegold.report") -> Template:
    """A template of a package of finegold, with escaping on and the report's filters."""
    return _environment(package).get_template(name)


def stylesheet() -> Markup:
    """What the report looks like, light and dark, for other pages of finegold to look the same."""
    return Markup(_read("report.css"))


@lru_cache
def _environment(package: str) -> Environment:
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    environment.filters["count"] = lambda value: f"{value:,}"
    environment.filters["percent"] = _percent
    environment.filters["data_uri"] = data_uri
    environment.filters["embedded_json"] = embedded_json
    return environment


def _percent(share: float) -> str:
    """One decimal; a share of a few rows of many is not zero."""
    percent = share * 100
    return "<0.1%" if 0 < percent < 0.1 else f"{percent:.1f}%"


def _read(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")
