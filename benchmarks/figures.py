"""Figures: what was measured, beside what it should be."""

import ctypes
import math
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil
from rich.console import Console
from rich.table import Table

MILLISECONDS = 1e3
CHILD_SUBREAPER = 36
"""As prctl(2) numbers it."""


@dataclass(frozen=True)
class Figure:
    """One number. Without an aim it stands beside others, to tell what they are made of."""

    what: str
    value: float
    unit: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def measured(self) -> str:
        """The number as people read it: three digits."""
        digits = max(0, 2 - math.floor(math.log10(abs(self.value)))) if self.value else 0
        return f"{self.value:,.{min(digits, 4)}f} {self.unit}".strip()

    @property
    def aim(self) -> str:
        """What it should be."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g} {self.unit}".strip()
        return f"≥ {self.at_least:g} {self.unit}".strip() if self.at_least is not None else ""

    @property
    def met(self) -> bool | None:
        """Whether it is what it should be; None where there is no aim."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return self.value >= self.at_least if self.at_least is not None else None


@dataclass
class Ledger:
    """Every figure of a run, told as it comes."""

    console: Console = field(default_factory=Console)
    figures: list[Figure] = field(default_factory=list[Figure])

    def note(self, figure: Figure) -> None:
        """Put down one figure."""
        self.figures.append(figure)
        aim = f"  (aim: {figure.aim})" if figure.aim else ""
        self.console.print(f"  {MARKS[figure.met]} {figure.what}: {figure.measured}{aim}", highlight=False)

    @contextmanager
    def subject(self, name: str) -> Iterator[None]:
        """Say what is measured now and, at its end, how much of the machine others had meanwhile."""
        self.console.print(f"[bold]{name}[/bold]")
        _adopt_orphans()
        began, used, own = time.monotonic(), _machine_seconds(), _own_seconds()
        yield
        _bury_orphans()
        others = _machine_seconds() - used - (_own_seconds() - own)
        share = max(0.0, others) / (time.monotonic() - began) / (os.cpu_count() or 1)
        self.console.print(f"  [dim]other programs used {share:.0%} of this machine meanwhile[/dim]", highlight=False)

    def show(self) -> None:
        """Print the table."""
        table = Table("what", "measured", "aim", "met")
        for figure in self.figures:
            met = {True: "yes", False: "[red]no[/red]", None: ""}[figure.met]
            table.add_row(figure.what, figure.measured, figure.aim, met)
        self.console.print(table)


MARKS = {True: "ok  ", False: "MISS", None: "    "}


def quantile(values: Iterable[float], share: float) -> float:
    """The smallest value that at least this share of them do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return quantile(values, 0.5)


def cpu_seconds(pid: int) -> float:
    """What a process has used of the CPU so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def _machine_seconds() -> float:
    times = psutil.cpu_times()
    return times.user + times.nice + times.system


def _adopt_orphans() -> None:
    """Have processes below this one whose parent ends first become its own: their seconds are not others'."""
    ctypes.CDLL(None).prctl(CHILD_SUBREAPER, 1)


def _bury_orphans() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _own_seconds() -> float:
    """This process and every one below it that has ended."""
    return sum(psutil.Process().cpu_times()[:4])
