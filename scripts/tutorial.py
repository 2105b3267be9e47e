"""Run the tutorial notebook, and keep what it shows.

python scripts/tutorial.py

The tests run it too (`tests/docs/test_tutorial.py`) and write nothing.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "tutorial.ipynb"


def run_tutorial(folder: Path) -> Any:
    """Run every cell in an empty folder, and return the notebook with what they show but progress.

    Raises:
        nbclient.exceptions.CellExecutionError: If a cell fails.
    """
    (folder / "docs").mkdir()
    (folder / "demo").symlink_to(ROOT / "demo")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    place = {"metadata": {"path": str(folder / "docs")}}
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources=place).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = _without_progress(cell.outputs)
    shown = nbformat.writes(notebook).replace(f"{folder}/docs/", "")
    return nbformat.reads(shown, as_version=4)


def _without_progress(outputs: list[Any]) -> list[Any]:
    """The outputs without stderr; what was printed in pieces is one output."""
    kept: list[Any] = []
    for output in outputs:
        if output.get("name") == "stdout" and kept and kept[-1].get("name") == "stdout":
            kept[-1].text += output.text
        elif output.get("name") != "stderr":
            kept.append(output)
    return kept


def main() -> None:
    """Run the notebook and write it back."""
    with TemporaryDirectory() as folder:
        notebook = run_tutorial(Path(folder))
    nbformat.write(notebook, NOTEBOOK)


if __name__ == "__main__":
    main()
