"""`fit`: a scaling law through points or jobs."""

import csv
import io
import json
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from unitscale.cli import law_page, printing
from unitscale.cli.connection import connect
from unitscale.cli.options import AsJson

COLUMNS = ("parameters", "tokens", "loss")
Row = dict[str, object]

PointsFile = Annotated[
    str | None,
    typer.Option("--points", "-p", help="CSV with a header, or JSON lines: parameters, tokens, loss; - for stdin."),
]
JobIds = Annotated[
    list[str] | None, typer.Option("--jobs", "-j", help="Ids of finished jobs, with commas between them; repeatable.")
]
Form = Annotated[Literal["chinchilla", "kaplan"], typer.Option(help="E + A/N^α + B/D^β, or Kaplan's, without a floor.")]
Flops = Annotated[
    list[float] | None, typer.Option("--flops", min=1, help="A budget: print its best sizes; repeatable.")
]
At = Annotated[list[str] | None, typer.Option("--at", metavar="N,D", help="A size: print its loss; repeatable.")]
Refits = Annotated[int, typer.Option("--bootstrap", min=0, help="Refits that intervals are read from; 0: none.")]
Seed = Annotated[int, typer.Option(min=0, help="Of the refits' draws.")]


def fit(
    ctx: typer.Context,
    points: PointsFile = None,
    jobs: JobIds = None,
    form: Form = "chinchilla",
    flops: Flops = None,
    at: At = None,
    bootstrap: Refits = 200,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """Fit a scaling law: how the loss follows from parameters N and tokens D.

        unitscale fit --points runs.csv --flops 1e21 --at 7e9,1.4e11

        unitscale fit --jobs JOB,JOB,JOB,JOB,JOB,JOB

    Points are runs that differ in N and in D, six at the least, fifteen and more to be relied on. Jobs are those of
    tasks on texts that have succeeded.
    """
    if (points is None) == (not jobs):
        raise typer.BadParameter("give a file of points, or jobs", param_hint="--points, --jobs")
    source = {"points": _points(points)} if points is not None else {"jobs": _ids(jobs or ())}
    predict = {"at": [_size(size) for size in at or ()], "flops": list(flops or ())}
    with connect(ctx) as client, _patience():
        law = client.fit_scaling_law({**source, "form": form, "predict": predict, "bootstrap": bootstrap, "seed": seed})
    printing.document(law, as_json, lambda: law_page.page(law))


def _ids(words: Iterable[str]) -> list[str]:
    return [job_id.strip() for word in words for job_id in word.split(",") if job_id.strip()]


def _size(words: str) -> dict[str, float]:
    parameters, _, tokens = words.partition(",")
    try:
        return {"parameters": float(parameters), "tokens": float(tokens)}
    except ValueError as error:
        raise typer.BadParameter(f"'{words}' is not N,D, such as 7e9,1.4e11", param_hint="--at") from error


def _points(source: str) -> list[Row]:
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8-sig")
        return _lines(text) if text.lstrip().startswith("{") else _rows(text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{source} cannot be read: {error}", param_hint="--points") from error


def _lines(text: str) -> list[Row]:
    """JSON lines. Raises ValueError, naming the line."""
    rows: list[Row] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                entry: Row = json.loads(line)
                rows.append({column: entry[column] for column in COLUMNS})
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"line {number} is not an object with {', '.join(COLUMNS)}") from error
    return rows


def _rows(text: str) -> list[Row]:
    """CSV; columns that a law does not need are passed over. Raises ValueError, naming the line."""
    reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"its first line names no column {', '.join(missing)}")
    rows: list[Row] = []
    for row in reader:
        try:
            rows.append({column: float(row[column]) for column in COLUMNS})
        except (TypeError, ValueError) as error:
            raise ValueError(f"line {reader.line_num} has no number in each of {', '.join(COLUMNS)}") from error
    return rows


@contextmanager
def _patience() -> Generator[None]:
    """On a terminal: something that turns."""
    if not sys.stderr.isatty():
        yield
        return
    with printing.stderr().status("Fitting"):
        yield
