"""One question on stdin, one answer on stdout, both JSON: a fit has a process of its own, and ends with it."""

import json
import os
import signal
import sys

from app.analysis.scaling_laws.law import law

LONGEST_SECONDS = 120
LESS_URGENT = 10


def main() -> None:
    """Answer, without getting in the way of requests; nobody waits for ever."""
    os.nice(LESS_URGENT)
    question = json.load(sys.stdin)
    signal.alarm(LONGEST_SECONDS)
    json.dump(law(question), sys.stdout)


main()
