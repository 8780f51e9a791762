"""A job watched while it runs: a progress bar on a terminal, lines where there is none."""

import sys
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import typer
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from unitscale.cli import printing, wording
from unitscale.cli.exits import ExitCode
from unitscale.cli.plots import sparkline

if TYPE_CHECKING:
    from unitscale.cli.connection import Connection
    from unitscale.client import Client
    from unitscale.models.events import Event
    from unitscale.models.jobs import Job

NUMBERS = 44
"""Characters of a line for the time left and for two losses, without their courses."""
REMEMBERED = 4096
"""Values of a curve that its sparkline is drawn from."""


class Course:
    """How far a job has come, by what its events say from the beginning."""

    def __init__(self, job: "Job") -> None:
        self.state: str = "queued"
        self.step = 0
        self.steps = job.progress.steps
        self.curves: dict[str, deque[float | None]] = {}

    def absorb(self, event: "Event") -> None:
        """Take up what happened. A job that lost an attempt goes back to its checkpoint, and so does its step."""
        self.state = str(event.data.get("state", self.state))
        if event.type == "points":
            self.step = int(event.data.get("last_step", self.step))
            for name, curve in event.data.get("curves", {}).items():
                self._remember(name, curve)

    def losses(self, width: int = 16) -> str:
        """The last train and validation loss, each with its course `width` characters wide."""
        return "  ".join(
            f"{name} {wording.number(values[-1])} {sparkline(values, width) if width > 0 else ''}".rstrip()
            for name in ("train", "val")
            if (values := list(self.curves.get(f"{name}_loss", ())))
        )

    def _remember(self, name: str, curve: dict[str, Any]) -> None:
        self.curves.setdefault(name, deque(maxlen=REMEMBERED)).extend(curve.get("value", ()))


class View(Protocol):
    """Shows a course."""

    def __call__(self, course: Course) -> None: ...


def watch(client: "Client", connection: "Connection", job: "Job") -> "Job":
    """Show the job until it has ended; Ctrl-C detaches and says how to come back."""
    if job.ended_at:
        return job
    course = Course(job)
    with detachable(connection, f"watch {job.id}", job.id), _view(job) as view:
        for event in client.follow(job.id):
            course.steps = course.steps or _steps(client, job.id, event)
            course.absorb(event)
            view(course)
    return client.wait(job.id)


@contextmanager
def detachable(connection: "Connection", words: str, job_id: str) -> Generator[None]:
    """Ctrl-C leaves the job alone, and says how to come back: with `words`."""
    try:
        yield
    except KeyboardInterrupt:
        printing.say(f"Detached; the job goes on. Come back:  {connection.command(words)}")
        printing.say(f"To end it:  {connection.command(f'cancel {job_id}')}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def ending(job: "Job") -> None:
    """Leave with the exit code that the job's end deserves."""
    if job.state in {"failed", "cancelled"}:
        raise typer.Exit(ExitCode.ENDED_BADLY)


def _steps(client: "Client", job_id: str, event: "Event") -> int | None:
    return client.job(job_id).progress.steps if event.type == "points" else None


@contextmanager
def _view(job: "Job") -> "Generator[View]":
    if not sys.stderr.isatty():
        yield _Lines(job)
        return
    console = printing.stderr()
    bar = BarColumn(bar_width=_bar_width(console.width))
    columns = (TextColumn("{task.fields[state]}"), bar, TextColumn("{task.fields[step]}"), _Left())
    losses = TextColumn("{task.fields[losses]}", markup=False)
    with Progress(*columns, losses, console=console, transient=True) as progress:
        yield _Bar(progress, job)


def _bar_width(width: int) -> int:
    return max(4, width // 10)


class _Left(TimeRemainingColumn):
    """The time that is left, said to be that."""

    def render(self, task: Task) -> Text:
        left = super().render(task)
        return left if "-" in left.plain else left + Text(" left", style=left.style)


class _Bar:
    """A live line on a terminal."""

    def __init__(self, progress: Progress, job: "Job") -> None:
        self._progress = progress
        printing.say(f"{job.id}  {job.spec.name or job.spec.task}")
        self._task = progress.add_task(job.id, total=None, state="", step="", losses="")

    def __call__(self, course: Course) -> None:
        step, width = f"step {course.step}/{wording.number(course.steps)}", self._progress.console.width
        style = wording.STYLES.get(course.state, "default")
        self._progress.update(
            self._task,
            total=course.steps,
            completed=course.step,
            state=f"[{style}]{course.state}[/]",
            step=step,
            losses=course.losses((width - _bar_width(width) - len(course.state) - len(step) - NUMBERS) // 2),
        )


class _Lines:
    """A line for each new state and each tenth of the way, for logs and pipes."""

    def __init__(self, job: "Job") -> None:
        self._id = job.id
        self._said: tuple[str, int] | None = None

    def __call__(self, course: Course) -> None:
        tenth = 10 * course.step // course.steps if course.steps else 0
        if self._said != (course.state, tenth):
            self._said = (course.state, tenth)
            step = f"{course.step}/{wording.number(course.steps)}"
            printing.stderr().print(f"{self._id} {course.state} {step} {course.losses()}".rstrip(), soft_wrap=True)
