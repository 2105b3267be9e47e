"""What became of the tries of a campaign, and the table of all campaigns."""

import re
import resource
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MOST_BYTES = 2 * 10**9
"""Most memory that a command may take, whatever it is given to read."""
KINDS = ("lost", "believed", "paid twice", "unexpected")


@dataclass(slots=True)
class Row:
    """A row of the table.

    Attributes:
        name: The campaign.
        tried: Number of tries; of kills and full disks, of those that met the command before its end.
        lost: Tries after which the same command, or the repair, did not give the whole result.
        believed: Tries in which something false was taken for true, or let in.
        paid: Calls that were paid twice, or beyond the limit.
        unexpected: Whatever else came, with what was seen: a crash, a "defect", a wrong exit status.
        peak_bytes: Most memory that a process of the campaign took.
    """

    name: str
    tried: int = 0
    lost: list[str] = field(default_factory=list)
    believed: list[str] = field(default_factory=list)
    paid: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def problems(self) -> list[str]:
        """What was found, each with its kind."""
        columns = zip(KINDS, (self.lost, self.believed, self.paid, self.unexpected), strict=True)
        return [f"{kind}: {one}" for kind, found in columns for one in found]

    @property
    def clean(self) -> bool:
        """Whether nothing was found, in no more memory than is allowed."""
        return self.tried > 0 and not self.problems and self.peak_bytes <= MOST_BYTES

    def add(self, other: "Row") -> None:
        """Add what another row found; the name stays."""
        self.tried += other.tried
        self.lost += other.lost
        self.believed += other.believed
        self.paid += other.paid
        self.unexpected += other.unexpected
        self.peak_bytes = max(self.peak_bytes, other.peak_bytes)

    def to_json(self) -> dict[str, Any]:
        """The row as JSON."""
        return asdict(self)

    def measure(self) -> "Row":
        """Note the most memory that this process and those that it started took, unless it is noted."""
        self.peak_bytes = self.peak_bytes or max(_own_peak(), _peak(resource.RUSAGE_CHILDREN))
        return self


def _peak(who: int) -> int:
    """Most memory in bytes, as the system accounts it."""
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _own_peak() -> int:
    """Most memory in bytes that this program took.

    Linux accounts to a process also what its parent held when it started it; the memory of the program
    itself stands in `/proc`.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return _peak(resource.RUSAGE_SELF)
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


def table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table, and below it what was found."""
    head = ("campaign", "tried", *KINDS, "peak memory")
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    problems = []
    for row in rows:
        counts = (len(found) for found in (row.lost, row.believed, row.paid, row.unexpected))
        cells = (row.name, f"{row.tried:,}", *map(str, counts), f"{row.peak_bytes / 1e6:,.0f} MB")
        lines.append(f"| {' | '.join(cells)} |")
        problems += [f"{row.name}: {one}" for one in row.problems[:20]]
        if row.peak_bytes > MOST_BYTES:
            problems.append(f"{row.name}: took more than {MOST_BYTES / 1e9:g} GB")
    return "\n".join([*lines, "", *problems]).rstrip()
