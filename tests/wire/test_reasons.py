"""What is said of failures is short, and tells of no locals."""

import subprocess
import sys

from unitscale.models.jobs import LONGEST_REASON, Reason

FAILS = """
import structlog
from unitscale.wire.logging import configure

configure("INFO")
secret = "what a caller " + "sent"
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().error("it failed", exc_info=True)
"""


def test_a_reason_is_cut():
    message = Reason(code="internal", message="x" * 10**6).message

    assert len(message) == LONGEST_REASON
    assert message.endswith("x…")


def test_a_traceback_in_the_log_shows_no_locals():
    said = subprocess.run([sys.executable, "-c", FAILS], capture_output=True, text=True, check=True, timeout=60).stderr

    assert "ZeroDivisionError" in said
    assert "what a caller sent" not in said
