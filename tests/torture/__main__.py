"""Try to break finegold: `make torture`, or `python -m tests.torture [--minutes 25 | --short] [NAME ...]`.

Prints a table; exits with 1 unless nothing was lost, believed, paid twice or unexpected, in 2 GB of memory.
"""

import argparse
import json
import sys

from tests.torture.campaign import CAMPAIGNS, run, work
from tests.torture.table import table


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, prog="python -m tests.torture")
    options.add_argument("names", nargs="*", choices=[*CAMPAIGNS, []], help="campaigns; all if none is named")
    options.add_argument("--minutes", type=float, default=25.0, help="for all campaigns together")
    options.add_argument("--short", action="store_true", help="a part of everything, once")
    options.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    options.add_argument("--worker", choices=list(CAMPAIGNS), help=argparse.SUPPRESS)
    options.add_argument("--part", default="", help=argparse.SUPPRESS)
    options.add_argument("--seconds", type=float, default=0.0, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.worker:
        found = work(given.worker, given.part, given.seed, given.seconds, given.short)
        print(json.dumps([row.to_json() for row in found]))
        return
    rows = run(given.minutes * 60, seed=given.seed, short=given.short, only=given.names)
    print(table(rows))
    sys.exit(not all(row.clean for row in rows))


if __name__ == "__main__":
    main()
