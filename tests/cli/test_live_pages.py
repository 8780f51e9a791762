"""`--wait` on a terminal: a page that is drawn anew while a campaign runs, and what is left of it at the end."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from conftest import REPOSITORY

LINES, COLUMNS = 30, 110
REGRESSION = ("-o", "task=regression", "-o", "dataset=linear", "-o", "optimizer.name=sgd", "-o", "budget.steps=50")
TEXT = ("-o", "task=text-generation", "-o", "dataset=grammar", "-o", "model.depth=1", "-o", "model.context=16")
STUDY = """
base: {task: regression, dataset: linear, optimizer: {name: sgd}, budget: {steps: 50}}
units: {learning_rate: {low: 0.01, high: 0.2, scale: log}}
budget: {trials: 2}
parallel: 2
confirmation: {best: 1, seeds: 1}
"""
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def drawn(unitscale, data_dir):
    """Runs a command line on a terminal: every page that was drawn on it, the one that was left at the end last.

    A job holds the only slot until a page has shown others that queue.
    """

    def run(*words: str) -> list[str]:
        holding = unitscale("submit", *REGRESSION[:-1], "budget.steps=10000000", "-o", "resources.alone=true")
        terminal, running = begun("--data-dir", str(data_dir), *words)
        try:
            written = b""
            while part := read(terminal):
                if b"queued" not in written and b"queued" in written + part:
                    unitscale("cancel", holding.stdout.strip())
                written += part
            assert running.wait() == 0, written.decode()
        finally:
            unitscale("cancel", holding.stdout.strip())
            running.kill()
            running.wait()
            os.close(terminal)
        return pages_of(written.decode())

    return run


def begun(*words: str) -> tuple[int, "subprocess.Popen[bytes]"]:
    """A command line on a terminal of its own."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    unset = ("LINES", "COLUMNS", "NO_COLOR")
    environ = {name: value for name, value in os.environ.items() if name not in unset and "UNITSCALE_" not in name}
    command = [sys.executable, "-m", "unitscale.cli", *words]
    environ |= {"TERM": "xterm-256color"}
    running = subprocess.Popen(command, cwd=REPOSITORY, env=environ, stdin=end, stdout=end, stderr=end)
    os.close(end)
    return terminal, running


def read(terminal: int) -> bytes:
    """What comes next; nothing when nobody writes to the terminal any more."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


def pages_of(written: str) -> list[str]:
    """What stood on the terminal between two erasures, without colours."""
    plain = re.sub(r"\x1b\[(?:[0-9;]*m|\?25[lh])", "", written)
    return [page for page in re.split(r"(?:\r?\x1b\[[0-9]*[AK])+", plain) if page.strip()]


def test_a_sweep_is_drawn_until_its_jobs_have_ended(drawn):
    *before, last = drawn("sweep", *REGRESSION, "-a", "seed=0,1,2", "--wait")

    assert any(re.search("sw_.*jobs +3 queued", page, re.DOTALL) for page in before)
    assert "3 succeeded" in last
    assert len(re.findall("job_[0-9a-z]{20}", last)) >= 3


def test_a_study_is_drawn_with_what_it_does_and_ends_with_what_it_found(drawn, tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)

    *before, last = drawn("study", str(tmp_path / "study.yaml"), "--wait")

    assert any(re.search("st_.*jobs +2 queued.*now +[A-Z]", page, re.DOTALL) for page in before)
    assert "3 succeeded" in last
    assert "Recommended is learning_rate" in last


def test_a_transfer_is_drawn_in_blocks_where_a_plot_has_no_room_and_ends_with_the_plot(drawn):
    asked = ("--values", "16,32", "-p", "u-mup", "--learning-rates", "0.25,1,4", "--seeds", "1")

    *before, last = drawn("transfer", *TEXT, "-o", "budget.steps=20", "-o", "units.batch_size=16", *asked, "--wait")

    assert any(re.search("tr_.*jobs +[0-9]+ queued", page, re.DOTALL) for page in before)
    assert any("loss by rate" in page for page in before)
    assert not any("loss against log2" in page for page in before)
    assert re.search("[0-9]+ succeeded", last)
    assert "loss against log2 of the learning rate" in last
