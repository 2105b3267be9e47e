"""`python -m finegold`."""

import os
import sys

# Python puts the current folder first, where a file of the data could stand in for any module but those that
# are loaded by now, as `os` is.
_HOME = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120
if sys.path and os.path.realpath(sys.path[0] or ".") == os.path.realpath(".") != _HOME:
    del sys.path[0]

from finegold.cli import main  # noqa: E402

main()
