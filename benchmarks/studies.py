"""Three studies to their ends, and in each of them the sampler against random and quasi-random search.

python -m benchmarks.studies [digits] [linear] [text] [--seeds 10]

Each study runs once as it stands. Then each sampler runs it from so many seeds of its own, all with the same budget,
which is smaller where the whole would take too long; one study after the other, since one is judged by time. What a
sampler found is the winner's objective: the median of three runs with fresh seeds, as a study names it.
"""

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.chaos.stack import Stack
from unitscale.client import Client
from unitscale.models.studies import Study

SEEDS = 10
SAMPLERS = ("tpe", "quasi-random", "random")
SHORTER = {"text": {"trials": 20, "max_seconds": 60}}
"""Budgets of the comparison, where they are not the study's own."""
LINE = {"task": "regression", "dataset": "linear", "model": {"kind": "linear"}, "optimizer": {"name": "sgd"}}
CONSOLE = Console(width=140)
Body = dict[str, Any]


def digits(_: Client) -> Body:
    """0.95 accuracy with the fewest bytes to deploy."""
    return {
        "base": {
            "task": "image-classification",
            "dataset": "digits",
            "model": {"kind": "mlp"},
            "budget": {"epochs": 6},
        },
        "objective": {"minimize": "deployment.bytes"},
        "subject_to": [{"measure": "metrics.accuracy", "at_least": 0.95}],
        "units": {
            "model.width": {"low": 4, "high": 64, "scale": "log"},
            "learning_rate": {"low": 0.001, "high": 0.1, "scale": "log"},
        },
        "budget": {"trials": 32},
        "parallel": 8,
    }


def linear(client: Client) -> Body:
    """Within 1 % of least squares in the least time."""
    exact = LINE | {"units": {"learning_rate": 0.1, "batch_size": "full"}, "budget": {"steps": 2000}}
    least = client.wait(client.submit(exact).id).result
    assert least is not None, "the descent to least squares failed"
    assert least.val_loss is not None, "the descent to least squares has no loss"
    bound = 1.01 * least.val_loss
    CONSOLE.print(f"least squares, by 2000 steps of full descent: {least.val_loss:.6f}; to be reached: {bound:.6f}")
    return {
        "base": LINE | {"budget": {"epochs": 100, "target_loss": bound}, "evaluation": {"every_steps": 5}},
        "objective": {"minimize": "training_seconds"},
        "subject_to": [{"measure": "val_loss", "at_most": bound}],
        "units": {
            "learning_rate": {"low": 0.003, "high": 0.5, "scale": "log"},
            "batch_size": {"choices": [16, 64, "full"]},
            "optimizer.momentum": {"low": 0.0, "high": 0.9},
        },
        "budget": {"trials": 24},
    }


def text(_: Client) -> Body:
    """The least validation loss on text within 120 s; what it stops at is 3 % above the best of 100 trials."""
    base = {
        "task": "text-generation",
        "dataset": "grammar",
        "model": {"width": 32, "depth": 1, "head_size": 16, "context": 32},
        "units": {"batch_size": 16},
        "budget": {"steps": 150},
        "schedule": {"name": "cosine", "warmup_steps": 15},
    }
    units = {
        "learning_rate": {"low": 0.001, "high": 0.1, "scale": "log"},
        "optimizer.weight_decay": {"low": 0.0, "high": 0.5},
    }
    return {"base": base, "units": units, "target": {"at_most": 0.66}, "budget": {"trials": 100, "max_seconds": 120}}


PARTS: dict[str, Callable[[Client], Body]] = {"digits": digits, "linear": linear, "text": text}


def alone(client: Client, name: str, body: Body) -> None:
    """The study as it stands, and what it says at its end."""
    started = time.monotonic()
    study = run(client, body | {"name": name})
    seconds, searched = time.monotonic() - started, searched_of(study)
    counting = sum(trial.feasible is True for trial in searched)
    said = (
        f"{study.state} by its {ended_by(study, body)} after {seconds:.0f} s, {len(searched)} trials, {counting} count"
    )
    CONSOLE.print(f"[bold]{name}[/bold]: {said}")
    CONSOLE.print(f"  {study.reason.message if study.reason else study.summary}", highlight=False)


def compared(client: Client, name: str, body: Body, seeds: int) -> None:
    """The same study by each sampler, from so many seeds of it: what each found, and after how many trials."""
    body, started = body | {"budget": SHORTER.get(name, body["budget"])}, time.monotonic()
    table = Table("sampler", "ended by", "trials", "found", "median", "lowest", "highest", "each")
    for sampler in SAMPLERS:
        studies = [run(client, body | {"sampler": sampler, "seed": seed}) for seed in range(seeds)]
        table.add_row(sampler, *_row(body, studies))
    target = f", target {body['target']}" if "target" in body else ""
    objective = next(iter(body.get("objective", {"": "val_loss"}).values()))
    table.title = f"{name}: {objective} of {seeds} sampler seeds, budget {body['budget']}{target}"
    CONSOLE.print(table, f"all of it took {time.monotonic() - started:.0f} s")


def _row(body: Body, studies: list[Study]) -> list[str]:
    ends = Counter(ended_by(study, body) for study in studies)
    trials = median(len(searched_of(study)) for study in studies)
    values = sorted(value for study in studies if (value := found(study)) is not None)
    figures = [f"{value:.5g}" for value in (median(values), values[0], values[-1])] if values else ["–"] * 3
    ended = ", ".join(f"{end} {count}" for end, count in ends.items())
    return [ended, f"{trials:g}", f"{len(values)}/{len(studies)}", *figures, " ".join(f"{v:.5g}" for v in values)]


def run(client: Client, body: Body) -> Study:
    """To its end."""
    return client.studies.wait(client.studies.begin(body).id)


def searched_of(study: Study) -> list[Any]:
    """Its trials, without the runs that confirm the best."""
    return [trial for each in study.iterations for trial in each.trials if trial.again is None]


def ended_by(study: Study, body: Body) -> str:
    """What ended the search."""
    if study.reached:
        return "target"
    return "trials" if len(searched_of(study)) >= body["budget"]["trials"] else "seconds"


def found(study: Study) -> float | None:
    """The winner's objective."""
    return study.winner.values.get(study.objectives[0].measure) if study.winner else None


def main() -> None:
    """Run the studies that are named, or all, on one service of two slots."""
    parser = argparse.ArgumentParser(prog="benchmarks.studies", description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="study", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of each sampler; 0: no comparison")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - PARTS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the parts are ended, too
    with tempfile.TemporaryDirectory(prefix="studies-") as folder, Stack(Path(folder)) as stack:
        for name in asked.parts or PARTS:
            with stack.client() as client:
                body = PARTS[name](client)
                alone(client, name, body)
                if asked.seeds:
                    compared(client, name, body, asked.seeds)


if __name__ == "__main__":
    main()
