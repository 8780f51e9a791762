"""What does a run at the rate that the service advises lose, and how long does it take next to what was expected?

    python -m benchmarks.advised [--parametrization u-mup] [--width 128] [--steps 150] [--seeds 6] [--octaves 0.5]

Over HTTP, as a team would: a sweep of rates at a quarter of the width, `POST /v1/advice` for the width itself, then a
run at the advised rate, alone, and a sweep of half octaves at that width. The regret is the loss of the advised runs
less that of the rate of this grid which is best on the mean of the seeds: it is chosen with hindsight. `--octaves` are
those between the rates of the first sweep.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.chaos.stack import Stack
from benchmarks.transfer import GRIDS, spec_of
from unitscale.client import Client
from unitscale.models.jobs import Job
from unitscale.wire.settings import Settings

OCTAVES = 0.5


def body(asked: argparse.Namespace, width: int, seed: int) -> dict[str, Any]:
    """A spec as it is sent, its rate left open."""
    spec = spec_of(asked, asked.parametrization, width, 1.0, seed).model_dump(mode="json", exclude_unset=True)
    del spec["units"]["learning_rate"]
    return spec | {"evaluation": {"every_steps": asked.steps}}


def swept(client: Client, base: dict[str, Any], octaves: Sequence[float]) -> list[Job]:
    """The jobs of a sweep over these rates."""
    rates = [2.0**rate for rate in octaves]
    sweep = client.sweeps.begin({"base": base, "axes": {"units.learning_rate": rates}})
    return [client.job(job) for job in client.sweeps.wait(sweep.id).jobs]


def rates_of(asked: argparse.Namespace, octaves: float) -> list[float]:
    """log2 of the rates of a grid, so many octaves apart."""
    low, high = GRIDS[asked.parametrization]
    return np.arange(low, high + octaves / 2, octaves).tolist()


def loss_of(job: Job) -> float:
    """Infinite where it diverged."""
    return job.result.val_loss if job.result and job.result.val_loss is not None else float("inf")


def measure(client: Client, asked: argparse.Namespace, seed: int) -> tuple[float, list[float]]:
    """One seed: the loss at the advised rate, and those of the grid."""
    swept(client, body(asked, asked.width // 4, seed), rates_of(asked, asked.octaves))
    advice = client.advise({"spec": body(asked, asked.width, seed)})
    rate, expected = advice.units["learning_rate"], advice.expected.training_seconds
    print(f"seed {seed}: advised {rate.value} ({rate.sure}): {rate.reason}")
    alone = advice.spec.model_dump(mode="json", exclude_unset=True) | {"resources": {"alone": True}}
    run = client.wait(client.submit(alone).id)
    seconds = run.timings.training_seconds or 0.0
    print(
        f"  loss {loss_of(run):.4f}; trained {seconds:.2f} s, expected {expected.value:.2f}"
        f" ({expected.low:.2f} to {expected.high:.2f}), {expected.sure}",
        flush=True,
    )
    grid = swept(client, body(asked, asked.width, seed), rates_of(asked, OCTAVES))
    return loss_of(run), [loss_of(job) for job in grid]


def tell(advised: Sequence[float], grid: Sequence[Sequence[float]]) -> None:
    """The regret, on the mean of the seeds."""
    means = np.mean(grid, axis=0)
    best = int(means.argmin())
    lost = np.array(advised) - np.array(grid)[:, best]
    error = lost.std(ddof=1) / np.sqrt(len(lost)) if len(lost) > 1 else np.nan
    print(f"best of the grid {means[best]:.4f} nats; the advised rate loses {lost.mean():.4f} ± {error:.4f}")


def main(words: Sequence[str]) -> None:
    """Measure and print, one seed after the other, each in a service of its own: nothing is known before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parametrization", default="u-mup", choices=list(GRIDS))
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--octaves", type=float, default=OCTAVES)
    parser.add_argument("--dataset", default="shakespeare", help="shakespeare is brought by `make data`")
    asked = parser.parse_args(words)
    asked.widths = [asked.width // 4]
    os.environ["UNITSCALE_LIBRARY_DIR"] = str(Settings.of_environment().data_folder / "cache")
    found = list[tuple[float, list[float]]]()
    for seed in range(asked.seeds):
        with tempfile.TemporaryDirectory(prefix="advised-") as folder, Stack(Path(folder), nodes=1) as stack:
            found.append(measure(stack.client(), asked, seed))
    tell(*zip(*found, strict=True))


if __name__ == "__main__":
    main(sys.argv[1:])
