"""What does a run at the rate that the service advises lose, and how long does it take next to what was expected?

    python -m benchmarks.advised [--parametrization u-mup] [--width 128] [--steps 150] [--seeds 1] [--grid 9]

Over HTTP, as a team would: a sweep of rates at a quarter of the width, `POST /v1/advice` for the width itself, then a
run at the advised rate, alone, and a sweep of half octaves around it. The regret is the loss of the advised run less
that of the best rate of the grid, which is chosen with hindsight.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from math import log2
from pathlib import Path
from typing import Any

from benchmarks.chaos.stack import Stack
from benchmarks.transfer import GRIDS, spec_of
from unitscale.client import Client
from unitscale.models.jobs import Job

OCTAVES = 0.5


def body(asked: argparse.Namespace, width: int, seed: int) -> dict[str, Any]:
    """A spec as it is sent, its rate left open."""
    spec = spec_of(asked, asked.parametrization, width, 1.0, seed).model_dump(mode="json", exclude_unset=True)
    del spec["units"]["learning_rate"]
    return spec


def swept(client: Client, base: dict[str, Any], octaves: Sequence[float]) -> list[Job]:
    """The jobs of a sweep over these rates."""
    rates = [2.0**rate for rate in octaves]
    sweep = client.sweeps.begin({"base": base, "axes": {"units.learning_rate": rates}})
    return [client.job(job) for job in client.sweeps.wait(sweep.id).jobs]


def loss_of(job: Job) -> float:
    """Infinite where it diverged."""
    return job.result.val_loss if job.result and job.result.val_loss is not None else float("inf")


def measure(client: Client, asked: argparse.Namespace, seed: int) -> None:
    """One seed, from the narrow sweep to the regret."""
    say, (low, high) = sys.stdout.write, GRIDS[asked.parametrization]
    swept(client, body(asked, asked.width // 4, seed), [low + (high - low) * at / 6 for at in range(7)])
    advice = client.advise({"spec": body(asked, asked.width, seed)})
    rate, expected = advice.units["learning_rate"], advice.expected.training_seconds
    say(f"seed {seed}: advised {rate.value} ({rate.sure}): {rate.reason}\n")
    if rate.value == "auto":
        return
    alone = advice.spec.model_dump(mode="json", exclude_unset=True) | {"resources": {"alone": True}}
    run = client.wait(client.submit(alone).id)
    around = [log2(float(rate.value)) + OCTAVES * (at - asked.grid // 2) for at in range(asked.grid)]
    best = min(map(loss_of, swept(client, body(asked, asked.width, seed), around)))
    say(f"  loss {loss_of(run):.4f}, best of the grid {best:.4f}: regret {loss_of(run) - best:+.4f} nats\n")
    seconds = run.timings.training_seconds or 0.0
    say(f"  trained {seconds:.2f} s, expected {expected.value:.2f} ({expected.low:.2f} to {expected.high:.2f}), ")
    say(f"{expected.sure}: measured / expected {seconds / (expected.value or 1.0):.2f}\n")
    sys.stdout.flush()


def main(words: Sequence[str]) -> None:
    """Measure and print, one seed after the other, each in a service of its own: nothing is known before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parametrization", default="u-mup", choices=list(GRIDS))
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--grid", type=int, default=9, help="rates at the width itself")
    parser.add_argument("--dataset", default="shakespeare", help="shakespeare is brought by `make data`")
    asked = parser.parse_args(words)
    asked.widths = [asked.width // 4]
    for seed in range(asked.seeds):
        with tempfile.TemporaryDirectory(prefix="advised-") as folder, Stack(Path(folder), nodes=1) as stack:
            measure(stack.client(), asked, seed)


if __name__ == "__main__":
    main(sys.argv[1:])
