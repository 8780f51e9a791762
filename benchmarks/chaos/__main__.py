"""Kill and freeze parts of a running service, and count what was lost.

python -m benchmarks.chaos [SCENARIO ...]
"""

import signal
import sys
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.chaos import doorbells, endings, killing, outages, studies, sweeping
from benchmarks.chaos.report import Report
from benchmarks.chaos.stack import Stack

SCENARIOS = {
    "kills": killing.random_kills,
    "frozen-supervisors": killing.frozen_supervisors,
    "leaving": killing.leaving_worker,
    "valkey-killed": outages.killed_under_load,
    "away-0.5": partial(outages.away, seconds=0.5),
    "away-8": partial(outages.away, seconds=8),
    "away-60": partial(outages.away, seconds=60),
    "frozen-4": partial(outages.frozen, seconds=4),
    "frozen-20": partial(outages.frozen, seconds=20),
    "bells-lost": doorbells.lost,
    "bells-doubled": doorbells.doubled,
    "lost-answers": endings.lost_answers,
    "cancel": endings.cancelling,
    "race": endings.racing,
    "study": studies.disturbed,
    "sweep": sweeping.killed_sweep,
}


def main(names: list[str]) -> int:
    """Run the scenarios, each on a service of its own; 0 when every aim was met."""
    unknown = set(names) - SCENARIOS.keys()
    if unknown:
        sys.exit(f"There is no scenario {', '.join(sorted(unknown))}; there are: {', '.join(SCENARIOS)}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the parts are ended, too
    report = Report()
    for name in names or SCENARIOS:
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder, Stack(Path(folder)) as stack:
            SCENARIOS[name](stack, report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
