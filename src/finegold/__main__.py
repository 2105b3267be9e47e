"""`python -m finegold`."""

from finegold.cli import main

main()
