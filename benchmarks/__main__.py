"""Measure training and service against their aims.

    python -m benchmarks [SUBJECT ...]

Every subject runs on a private service of its own. Ratios are of things measured in turns within one run.
"""

import signal
import sys

from benchmarks import (
    curves,
    deployment,
    engine,
    floors,
    footprint,
    laws,
    ranks,
    seed,
    starts,
    streams,
    sweeps,
    texts,
    traffic,
)
from benchmarks.figures import Ledger

SUBJECTS = {
    "starts": starts.measure,
    "seed": seed.measure,
    "traffic": traffic.measure,
    "curves": curves.measure,
    "streams": streams.measure,
    "footprint": footprint.measure,
    "laws": laws.measure,
    "deployment": deployment.measure,
    "engine": engine.measure,
    "sweeps": sweeps.measure,
    "ranks": ranks.measure,
    "texts": texts.measure,
    "floors": floors.measure,
}
ON_REQUEST = {"floors", "ranks", "texts"}
"""Measured where they are named alone: they take minutes; `floors` needs what `make data` brings."""


def main(names: list[str]) -> None:
    """Measure these subjects, or all, and print the table."""
    unknown = set(names) - SUBJECTS.keys()
    if unknown:
        sys.exit(f"There is no subject {', '.join(sorted(unknown))}; there are: {', '.join(SUBJECTS)}.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the services are ended, too
    ledger = Ledger()
    for name in names or [subject for subject in SUBJECTS if subject not in ON_REQUEST]:
        with ledger.subject(name):
            SUBJECTS[name](ledger)
    ledger.show()


if __name__ == "__main__":
    main(sys.argv[1:])
