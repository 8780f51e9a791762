"""Three trainings through the whole service: what `make demo` runs.

Starts API, worker and an embedded store, submits over HTTP with the Python client, follows, asks the trained models,
and ends everything it started.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import figures
import stack
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from unitscale.client import Client, ClientError
from unitscale.errors import ServiceError
from unitscale.models.jobs import Job, State

INTERRUPTED = 130


class DemoFailed(Exception):
    """A training did not come to what it should; one sentence says why."""


@dataclass(frozen=True)
class Shown:
    """Where the demo writes, and whom it asks."""

    console: Console
    client: Client


def main() -> int:
    """Run the demo; the exit code."""
    console = Console(highlight=False)
    signal.signal(signal.SIGTERM, _interrupted)
    signal.signal(signal.SIGHUP, _interrupted)
    try:
        _demo(console)
    except KeyboardInterrupt:
        console.print("\nInterrupted; the service was stopped.")
        return INTERRUPTED
    except (stack.NotStarted, DemoFailed, ServiceError, ClientError) as error:
        console.print(Text(f"\nThe demo failed: {error}", style="bold red"))
        console.print(Text("\n".join(getattr(error, "__notes__", ())), style="dim"))
        return 1
    return 0


def _demo(console: Console) -> None:
    began = time.monotonic()
    console.print("[bold]Unitscale[/]: three trainings through one service, over HTTP\n")
    with contextlib.ExitStack() as house:
        with console.status("Starting API, worker and store"):
            service = house.enter_context(stack.running())
        console.print(f"API, worker and store run at {service.url}, ready after {time.monotonic() - began:.1f} s.")
        with Client(service.url, service.api_key) as client:
            shown = Shown(console, client)
            jobs = [line(shown), diabetes(shown), digits(shown)]
        console.print()
        console.print(Rule("[bold]What came out[/]", align="left"), _summary(jobs))
        with console.status("Stopping the service"):
            house.close()
    console.print(f"\nDone in {time.monotonic() - began:.0f} s; the service is stopped. [bold]make up[/] starts yours.")


def line(shown: Shown) -> Job:
    """Linear regression by plain gradient descent, loss by loss."""
    spec = {
        "name": "line",
        "task": "regression",
        "dataset": "linear",
        "model": {"kind": "linear"},
        "units": {"learning_rate": 0.01, "batch_size": "full"},
        "optimizer": {"name": "sgd"},
        "budget": {"epochs": 100},
    }
    _head(shown, "1  Linear regression", "100 points of y = 2x + 1 + noise; SGD, learning rate 0.01, 100 epochs")
    job = _train(shown, spec)
    losses = dict(figures.points(shown.client, job.id, "train_loss"))
    xs = [-2.5 + 0.55 * n for n in range(10)]
    answers = shown.client.predict(job.id, [[x] for x in xs]).outputs

    told = figures.table("epoch", "loss")
    for epoch in range(10, 101, 10):
        told.add_row(str(epoch), f"{losses[epoch]:.4f}")
    fresh = figures.table("x", "predicted", "2x + 1")
    for x, y in zip(xs, answers, strict=True):
        fresh.add_row(f"{x:.2f}", f"{y:.3f}", f"{2 * x + 1:.3f}")
    shown.console.print(figures.beside(told, fresh))
    return job


def diabetes(shown: Shown) -> Job:
    """A regression on real measurements, held against the exact least-squares answer."""
    spec = {
        "name": "diabetes",
        "task": "regression",
        "dataset": "diabetes",
        "model": {"kind": "linear"},
        "units": {"learning_rate": 0.05, "batch_size": "full"},
        "schedule": {"name": "cosine", "warmup_steps": 20},
        "budget": {"epochs": 1000},
    }
    _head(shown, "2  Regression on patients", "disease progression of 442 patients from 10 measurements; AdamW, cosine")
    job = _train(shown, spec)
    with shown.console.status("Solving the same split by ordinary least squares"):
        exact = figures.least_squares_r2()
    trained = _test_metric(job, "r2")
    verdict = figures.table("R² on the test split", "", first="left")
    verdict.add_row("trained here", f"{trained:.4f}")
    verdict.add_row("ordinary least squares", f"{exact:.4f}")
    shown.console.print(figures.beside(verdict))
    if abs(trained - exact) > 0.02:
        raise DemoFailed(f"R² is {trained:.4f}, but ordinary least squares reach {exact:.4f} on the same split.")
    return job


def digits(shown: Shown) -> Job:
    """A small convolutional network on handwritten digits."""
    spec = {
        "name": "digits",
        "task": "image-classification",
        "dataset": "digits",
        "model": {"kind": "convnet"},
        "schedule": {"name": "cosine", "warmup_steps": 20},
        "budget": {"epochs": 10},
    }
    _head(shown, "3  Image recognition", "1,797 handwritten digits of 8 × 8 pixels; a small convolutional network")
    job = _train(shown, spec)
    images, labels = figures.some_digits(7)
    answers: Sequence[dict[str, Any]] = shown.client.predict(job.id, images).outputs
    shown.console.print(
        figures.pictures(images, [f"{a['label']} (is {t})" for a, t in zip(answers, labels, strict=True)])
    )
    if (accuracy := _test_metric(job, "accuracy")) < 0.9:
        raise DemoFailed(f"Only {accuracy:.1%} of the digits in the test split were recognized.")
    return job


def _head(shown: Shown, title: str, about: str) -> None:
    shown.console.print()
    shown.console.print(Rule(f"[bold]{title}[/]", align="left"), about, sep="\n")


def _train(shown: Shown, spec: dict[str, Any]) -> Job:
    """Submit, follow with a live bar, draw the loss."""
    job = shown.client.submit(spec)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(None), MofNCompleteColumn())
    loss = TextColumn("loss {task.fields[loss]}")
    with Progress(*columns, loss, TimeElapsedColumn(), console=shown.console) as progress:
        bar = progress.add_task(f"{job.state:<9}", total=job.progress.steps, loss="…")
        for event in shown.client.follow(job.id):
            if event.type == "points":
                values = event.data["curves"].get("train_loss", {}).get("value") or [None]
                told = {} if values[-1] is None else {"loss": f"{values[-1]:.4f}"}
                progress.update(bar, completed=event.data["last_step"], **told)
            elif "state" in event.data:
                progress.update(bar, description=f"{event.data['state']:<9}")
    job = shown.client.wait(job.id)
    if job.state is not State.SUCCEEDED:
        why = job.reason.message if job.reason else ""
        raise DemoFailed(f"Job {job.id} ended as {job.state}. {why}")
    shown.console.print(*figures.drawn(shown.client, job.id, shown.console.width), sep="\n")
    return job


def _test_metric(job: Job, name: str) -> float:
    value = job.result.test_metrics.get(name) if job.result else None
    if value is None:
        raise DemoFailed(f"Job {job.id} did not measure {name}.")
    return value


def _summary(jobs: Sequence[Job]) -> Table:
    """Loss, quality and time of each job."""
    columns: dict[str, Callable[[Job], str]] = {
        "job": lambda job: str(job.spec.name),
        "steps": lambda job: f"{job.progress.step:,}",
        "val loss": lambda job: figures.number(job.result and job.result.val_loss),
        "quality (test)": _quality,
        "start-up": lambda job: figures.seconds(job.timings.startup_seconds),
        "training": lambda job: figures.seconds(job.timings.training_seconds),
        "steps/s": lambda job: f"{job.timings.steps_per_second or 0:,.0f}",
    }
    table = figures.table(*columns, first="left")
    for job in jobs:
        table.add_row(*(cell(job) for cell in columns.values()))
    return table


def _quality(job: Job) -> str:
    name = "accuracy" if job.spec.task == "image-classification" else "r2"
    return f"{'R²' if name == 'r2' else name} {_test_metric(job, name):.4f}"


def _interrupted(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
