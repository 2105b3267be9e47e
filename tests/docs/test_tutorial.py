"""The tutorial notebook runs from top to bottom, and shows what is kept in it."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from scripts.site import notebook_page

ROOT = Path(__file__).parents[2]


def test_the_notebook_runs_and_shows_what_is_kept_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("skimage", reason="pip install 'finegold[demo]'")
    if not os.environ.get("CI"):
        pytest.importorskip("nbclient", reason="pip install 'finegold[dev]'")
        pytest.importorskip("ipykernel", reason="pip install 'finegold[dev]'")
    import nbformat
    from scripts.tutorial import NOTEBOOK, run_tutorial

    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    monkeypatch.setenv("FINEGOLD_CACHE", str(tmp_path / "cache"))
    run = run_tutorial(tmp_path)
    kept = nbformat.read(NOTEBOOK, as_version=4)
    assert [_kinds(cell) for cell in run.cells] == [_kinds(cell) for cell in kept.cells]
    assert _printed(run) == _printed(kept)
    assert len(NOTEBOOK.read_bytes()) < 200_000
    page = notebook_page(kept)
    assert "missing-image" in page
    assert page.count("data:image/webp") > 5


def _kinds(cell: Any) -> list[list[str]]:
    return [sorted(output.get("data", {"text": ""})) for output in cell.get("outputs", [])]


def _printed(notebook: Any) -> list[str]:
    """What cells print, without numbers: another machine may choose a row or two differently."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", []) if "text" in output]
    return [re.sub(r" *\d+", " N", output.text) for output in outputs]
