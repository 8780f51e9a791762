"""What does a learning rate that was tuned on a small proxy lose to the best of a fine grid at the job's own width?

    python -m benchmarks.advice [--parametrizations sp u-mup] [--width 128] [--steps 150] [--seeds 4] [--first 0]

The decoder of `benchmarks.transfer`. For each seed `auto` finds a rate, on a proxy of a quarter of the width; then it,
the default, and a grid of quarter octaves around the rates found are trained at the width itself, as lanes of one run.
The regret is the mean loss of the rates found less that of the best rate of the grid, which is chosen with hindsight.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from math import log2
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.decoder import trained
from benchmarks.transfer import GRIDS, spec_of
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import TunedRate
from unitscale.wire.settings import Settings
from worker.pipe import Lane, Settled, Train
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.tuning.auto import settle

Numbers = NDArray[np.float64]
AROUND = np.arange(-1.25, 1.3, 0.25)
"""Octaves of the fine grid."""


class Found(NamedTuple):
    """Of one parametrization: what each seed advised, and losses (S, R) of the grid, (S,) of the advice and default."""

    advised: Sequence[TunedRate]
    seconds: float
    """Of a core, for each seed's tuning."""
    rates: Numbers
    grid: Numbers
    at_advice: Numbers
    at_default: Numbers


class Ear:
    """Keeps what the trainer settles."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def send(self, message: Any) -> None:
        self.said.append(message)


def open_spec(asked: argparse.Namespace, name: str, seed: int) -> JobSpec:
    """The spec as a caller would send it who leaves the rate to the service."""
    fixed = spec_of(asked, name, asked.width, 1.0, seed).model_dump(exclude={"units": {"learning_rate"}})
    fixed["units"]["learning_rate"] = "auto"
    return resolve(JobSpec.model_validate(fixed), "cpu")


def advice(spec: JobSpec, library: Path) -> Settled:
    """What `auto` becomes."""
    ear, lane = Ear(), Lane(job="job", attempt=1, spec=spec, folder="")
    settle(Train(lanes=(lane,)), ear, Interrupt(), library)  # type: ignore[arg-type]  # all it does is to speak
    return ear.said[-1]


def measured(asked: argparse.Namespace, name: str) -> Found:
    """Advice for every seed, and the grid around it."""
    library = Settings.of_environment().data_folder / "cache"
    seeds = range(asked.first, asked.first + asked.seeds)
    specs = [open_spec(asked, name, seed) for seed in seeds]
    began = time.process_time()
    settled = [advice(spec, library) for spec in specs]
    seconds = (time.process_time() - began) / len(specs)
    advised = [each.tuned.learning_rate for each in settled if each.tuned.learning_rate]
    centre = round(4 * float(np.mean([log2(each.value) for each in advised]))) / 4
    rates = centre + AROUND
    rows: list[Numbers] = []
    for seed, spec, found in zip(seeds, specs, advised, strict=True):
        every = [*(2.0**rates), found.value, float(spec.units.learning_rate or 0)]
        losses, _ = trained([spec_of(asked, name, asked.width, float(rate), seed) for rate in every], library)
        rows.append(np.nan_to_num(np.array(losses), nan=np.inf))
    table = np.array(rows)
    return Found(advised, seconds, rates, table[:, :-2], table[:, -2], table[:, -1])


def show(name: str, found: Found) -> None:
    """The rates found, the grid, and what was lost."""
    say, mean = sys.stdout.write, found.grid.mean(0)
    best = int(mean.argmin())
    proxy = found.advised[0].proxy
    say(f"\n{name}: rates found (log2) " + " ".join(f"{log2(each.value):+.2f}" for each in found.advised))
    say(f"\n  on a proxy of width {proxy.width}, {proxy.steps} steps" if proxy else "\n  the default")
    say(f"; {found.seconds:.1f} s of a core each\n")
    say("  grid (log2)   " + "".join(f"{rate:8.2f}" for rate in found.rates) + "\n")
    say("  mean loss     " + "".join(f"{loss:8.4f}" for loss in mean) + "\n")
    edge = " (an end of the grid)" if best in (0, len(mean) - 1) else ""
    say(f"  best of the grid {found.rates[best]:+.2f}{edge}: {mean[best]:.4f}\n")
    for what, losses in (("advice", found.at_advice), ("default", found.at_default)):
        lost = losses - found.grid[:, best]
        error = lost.std(ddof=1) / len(lost) ** 0.5 if len(lost) > 1 else float("nan")
        say(f"  {what:8s}{losses.mean():.4f}: regret {lost.mean():+.4f} ± {error:.4f} nats\n")
    say(f"  advice, by a parabola through the grid: regret {smooth(found):+.4f} nats\n")
    sys.stdout.flush()


def smooth(found: Found) -> float:
    """What the rates found lose where the noise between neighbours of the grid is smoothed away."""
    curvature, slope, _ = np.polyfit(found.rates, found.grid.mean(0), 2)
    away = np.array([log2(each.value) for each in found.advised]) + slope / (2 * curvature)
    return float(np.mean(curvature * away**2))


def main(words: Sequence[str]) -> None:
    """Measure and print, one parametrization after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parametrizations", nargs="+", default=["sp", "u-mup"], choices=list(GRIDS))
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--dataset", default="shakespeare", help="shakespeare is brought by `make data`")
    asked = parser.parse_args(words)
    asked.widths = [asked.width // 4]
    torch.set_num_threads(1)
    for name in asked.parametrizations:
        show(name, measured(asked, name))


if __name__ == "__main__":
    main(sys.argv[1:])
