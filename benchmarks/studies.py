"""Studies at work: three of them to their ends, and the samplers against each other.

python -m benchmarks.studies [digits] [linear] [text] [samplers]
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.chaos.stack import Stack
from unitscale.client import Client
from unitscale.models.studies import Study

SEEDS = 10
TRIALS = 12
SAMPLERS = ("tpe", "quasi-random", "random")
LINE = {"task": "regression", "dataset": "linear", "model": {"kind": "linear"}, "optimizer": {"name": "sgd"}}
MLP = {
    "task": "regression",
    "dataset": "diabetes",
    "model": {"kind": "mlp", "width": 16, "depth": 2},
    "budget": {"steps": 100},
}
CONSOLE = Console(width=140)


def digits(client: Client) -> None:
    """0.95 accuracy with the fewest bytes to deploy."""
    base = {"task": "image-classification", "dataset": "digits", "model": {"kind": "mlp"}, "budget": {"epochs": 6}}
    units = {
        "model.width": {"low": 4, "high": 64, "scale": "log"},
        "learning_rate": {"low": 0.001, "high": 0.1, "scale": "log"},
    }
    aim = {"objective": {"minimize": "deployment.bytes"}, "subject_to": [_at_least("metrics.accuracy", 0.95)]}
    _told("digits", client, {"base": base, "units": units, **aim, "budget": {"trials": 32}, "parallel": 8})


def linear(client: Client) -> None:
    """Within 1 % of least squares in the least time."""
    exact = LINE | {"units": {"learning_rate": 0.1, "batch_size": "full"}, "budget": {"steps": 2000}}
    least = client.wait(client.submit(exact).id).result
    assert least is not None, "the descent to least squares failed"
    assert least.val_loss is not None, "the descent to least squares has no loss"
    bound = 1.01 * least.val_loss
    CONSOLE.print(f"least squares, by 2000 steps of full descent: {least.val_loss:.6f}; to be reached: {bound:.6f}")
    base = LINE | {"budget": {"epochs": 100, "target_loss": bound}, "evaluation": {"every_steps": 5}}
    units = {
        "learning_rate": {"low": 0.003, "high": 0.5, "scale": "log"},
        "batch_size": {"choices": [16, 64, "full"]},
        "optimizer.momentum": {"low": 0.0, "high": 0.9},
    }
    aim = {
        "objective": {"minimize": "training_seconds"},
        "subject_to": [{"measure": "val_loss", "at_most": bound}],
    }
    _told("linear", client, {"base": base, "units": units, **aim, "budget": {"trials": 24}})


def text(client: Client) -> None:
    """The least validation loss on text within 120 s."""
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
    budget = {"trials": 100, "max_seconds": 120}
    _told("text", client, {"base": base, "units": units, "budget": budget})


def samplers(client: Client) -> None:
    """The same budget for each, ten times: the best loss that each has found."""
    units = {
        "learning_rate": {"low": 0.00001, "high": 1.0, "scale": "log"},
        "optimizer.weight_decay": {"low": 0.0001, "high": 1.0, "scale": "log"},
        "batch_size": {"choices": [8, 32, 128]},
    }
    table = Table(
        "sampler", "median", "lowest", "highest", "each", title=f"best loss of {TRIALS} trials, {SEEDS} seeds"
    )
    common = {"base": MLP, "units": units, "budget": {"trials": TRIALS}, "confirmation": {"best": 0}}
    for sampler in SAMPLERS:
        begun = [client.studies.begin(common | {"sampler": sampler, "seed": seed}) for seed in range(SEEDS)]
        found = sorted(_best(client.studies.wait(study.id)) for study in begun)
        figures = (f"{value:.4f}" for value in (median(found), found[0], found[-1]))
        table.add_row(sampler, *figures, " ".join(f"{value:.4f}" for value in found))
    CONSOLE.print(table)


def _best(study: Study) -> float:
    assert study.winner is not None, f"{study.id} found nothing: {study.reason}"
    return study.winner.values["val_loss"] or 0.0


def _at_least(measure: str, bound: float) -> dict[str, Any]:
    return {"measure": measure, "at_least": bound}


def _told(name: str, client: Client, body: dict[str, Any]) -> None:
    started = time.monotonic()
    study = client.studies.wait(client.studies.begin(body | {"name": name}).id)
    searched = [trial for each in study.iterations for trial in each.trials if trial.again is None]
    seconds, counting = time.monotonic() - started, sum(trial.feasible is True for trial in searched)
    CONSOLE.print(f"[bold]{name}[/bold]: {study.state} after {seconds:.0f} s, {len(searched)} trials, {counting} count")
    CONSOLE.print(f"  {study.reason.message if study.reason else study.summary}", highlight=False)


PARTS = {"digits": digits, "linear": linear, "text": text, "samplers": samplers}


def main(names: list[str]) -> None:
    """Run the parts that are named, or all, on one service of two slots."""
    unknown = set(names) - PARTS.keys()
    if unknown:
        sys.exit(f"There is no {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}.")
    with (
        tempfile.TemporaryDirectory(prefix="studies-") as folder,
        Stack(Path(folder)) as stack,
        stack.client() as client,
    ):
        for name in names or PARTS:
            PARTS[name](client)


if __name__ == "__main__":
    main(sys.argv[1:])
