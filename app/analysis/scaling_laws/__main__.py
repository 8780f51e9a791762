"""One question on stdin, one answer on stdout, both JSON: a fit has a process of its own, and ends with it."""

import json
import signal
import sys

from app.analysis.scaling_laws.law import law

LONGEST_SECONDS = 120


def main() -> None:
    """Answer; when nobody has been there to stop it for so long, end."""
    question = json.load(sys.stdin)
    signal.alarm(LONGEST_SECONDS)
    json.dump(law(question), sys.stdout)


main()
