"""`python -m finegold`."""

import sys
from pathlib import Path

# Python puts the current folder first, where a file of the data could stand in for an installed package.
_HOME = Path(__file__).resolve().parents[1]
if sys.path and Path(sys.path[0] or ".").resolve() == Path.cwd() != _HOME:
    del sys.path[0]

from finegold.cli import main  # noqa: E402

main()
