"""Is the noise scale that a job measures the batch size up to which larger batches save steps?

    python -m benchmarks.noise [--parametrization sp] [--optimizers adamw sgd] [--batches 512 128 32 8] [--drop 0.1]

A decoder trains with `diagnostics.noise_scale`; from its weights and its optimizer's state branches go on, with other
batch sizes b and every rate of a grid, until the loss has dropped by so many nats. How many steps S the best rate takes
at each b gives the critical batch size B, by S = S_min (1 + B/b) (arXiv:1812.06162): at B a run takes twice the fewest
steps, and twice the fewest examples.  R rates, N seeds.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.decoder import a_spec
from unitscale.wire.settings import Settings
from worker.trainer.assembly.assemble import Assembly, assemble
from worker.trainer.engine.loop import train
from worker.trainer.engine.ratios import Ratio, ratio
from worker.trainer.engine.tracks import PLAIN, PRECONDITIONED

RULES: dict[str, dict[str, Any]] = {"adamw": {"betas": [0.9, 0.95]}, "sgd": {"name": "sgd"}}
RATES = {("adamw", "sp"): 2.0**-8, ("adamw", "u-mup"): 0.5, ("sgd", "sp"): 0.5}
"""Of the trunk. A branch's are powers of two of it, around what its batch size suggests."""
OCTAVES = (-1, 0, 1, 2)
POWERS = {"adamw": 0.25, "sgd": 0.5}
"""Of the batch size, with which rates are about centred; a best rate at an end of the grid is said to be one."""
TRUNK_BATCH = 32
EXAM, EXAM_SEED = 128, 4711
"""Windows on which losses are compared, and where they come from."""
LONGEST = 2000
LANES = 8
"""Branches that measure their noise, each from its own seed."""


class Branches(NamedTuple):
    """Of one batch size: log2 of the rates over the trunk's (R,), and steps to the target (R, N), infinite where it was
    not reached before the best rate had."""

    batch: int
    rates: np.ndarray
    steps: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Geometric, over seeds."""
        return np.exp(np.log(self.steps).mean(1))


class Study:
    """One optimizer under one parametrization."""

    def __init__(self, asked: argparse.Namespace, rule: str, library: Path) -> None:
        self._asked, self._rule, self._library = asked, rule, library
        self._rate = RATES[rule, asked.parametrization]
        self.trunk = self._assembled(TRUNK_BATCH, [self._rate], [0], asked.steps, diagnostics={"noise_scale": True})
        train(self.trunk.learner, self.trunk.batches.start(1), 1, asked.steps, lambda _step, _losses: None)
        self._exam = next(self._assembled(EXAM, [self._rate], [EXAM_SEED], 1).batches.start(1))
        self.before = self._losses(self.trunk)[0]

    def branches(self, batch: int) -> Branches:
        """Every rate under every seed, until one rate has taken all its seeds to the target."""
        centre = round(POWERS[self._rule] * np.log2(batch / TRUNK_BATCH))
        octaves, seeds = np.array(OCTAVES) + centre, range(1, 1 + self._asked.seeds)
        rates = [self._rate * 2.0**octave for octave in octaves]
        assembly = self._branched(batch, rates, seeds)
        return Branches(batch, octaves, self._steps(assembly).reshape(len(rates), len(seeds)))

    def noise(self, rate: float, steps: int) -> dict[str, Ratio]:
        """What branches of the trunk's batch size measure on their way, over so many steps, all seeds together."""
        assembly = self._branched(TRUNK_BATCH, [rate], range(1, 1 + LANES), diagnostics={"noise_scale": True})
        first = self._asked.steps + 1
        train(assembly.learner, assembly.batches.start(first), first, first + steps, lambda _step, _losses: None)
        tracks = assembly.learner.noise.tracks if assembly.learner.noise else []
        rows = [row for track in tracks for row in track.measurements]
        return {
            PLAIN: ratio([(row.noise, row.signal) for row in rows]),
            PRECONDITIONED: ratio([(row.preconditioned_noise, row.preconditioned_signal) for row in rows]),
        }

    def _branched(self, batch: int, rates: Sequence[float], seeds: Sequence[int], **more: Any) -> Assembly:
        """Lanes that stand where the trunk ended."""
        assembly = self._assembled(batch, rates, seeds, self._asked.steps + LONGEST, **more)
        assembly.learner.weights.values.copy_(
            self.trunk.learner.weights.values.expand_as(assembly.learner.weights.values)
        )
        for name, state in assembly.learner.optimizer.state.items():
            state.copy_(self.trunk.learner.optimizer.state[name].expand_as(state))
        return assembly

    def _steps(self, assembly: Assembly) -> np.ndarray:
        """Of each lane, by interpolation between looks a tenth of the way apart."""
        first = self._asked.steps + 1
        batches, taken = assembly.batches.start(first), 0
        before = np.full(len(assembly.learner.weights.values), self.before)
        found = np.full(len(before), np.inf)
        target = self.before - self._asked.drop
        while taken < LONGEST and not np.isfinite(found).reshape(-1, self._asked.seeds).all(1).any():
            more = max(1, taken // 10)
            train(assembly.learner, batches, first + taken, first + taken + more - 1, lambda _step, _losses: None)
            after = np.nan_to_num(self._losses(assembly), nan=np.inf)
            crossed = (after <= target) & np.isinf(found)
            found[crossed] = taken + more * ((before - target) / (before - after))[crossed]
            before, taken = after, taken + more
        return found

    def _losses(self, assembly: Assembly) -> np.ndarray:
        lanes = len(assembly.learner.weights.values)
        inputs, targets = (each.expand(lanes, *each.shape[1:]) for each in self._exam)
        with torch.no_grad():
            return np.array(assembly.learner.losses((inputs, targets)).tolist())

    def _assembled(self, batch: int, rates: Sequence[float], seeds: Sequence[int], steps: int, **more: Any) -> Assembly:
        specs = [
            a_spec(
                self._asked.parametrization,
                self._asked.width,
                rate,
                seed,
                steps,
                units={"batch_size": batch},
                optimizer=RULES[self._rule],
                schedule={"name": "constant"},
                dataset=self._asked.dataset,
                **more,
            )
            for rate in rates
            for seed in seeds
        ]
        return assemble(specs, "cpu", self._library)


def critical(batches: Sequence[int], steps: Sequence[float]) -> tuple[float, float]:
    """S_min and B by least squares of log S = log S_min + log(1 + B/b)."""
    sizes, logs, candidates = np.array(batches), np.log(steps), 2 ** np.linspace(-3, 14, 1701)
    left = logs - np.log1p(candidates[:, None] / sizes)
    best = int(left.var(1).argmin())
    return float(np.exp(left[best].mean())), float(candidates[best])


def show(asked: argparse.Namespace, rule: str, library: Path) -> None:
    """What a job measures, a row for each batch size, and what they say together."""
    study = Study(asked, rule, library)
    estimates = study.trunk.learner.noise.tracks[0].estimates() if study.trunk.learner.noise else {}
    print(f"\n{rule}, {asked.parametrization}: {asked.steps} steps of {TRUNK_BATCH} windows of 32 tokens")
    _tell(estimates)
    print(f"  branches go on from a loss of {study.before:.3f} to {study.before - asked.drop:.3f}")
    print("  batch     steps  examples   log2 of the best rate over the trunk's", flush=True)
    found = []
    for batch in asked.batches:
        each = study.branches(batch)
        best = int(each.mean.argmin())
        edge = "  (an end of the grid)" if best in (0, len(each.rates) - 1) else ""
        mean, rate = each.mean[best], each.rates[best]
        print(f"  {batch:5d} {mean:9.1f} {batch * mean:9.0f} {rate:+6d}{edge}", flush=True)
        found.append(each)
    reached = [each for each in found if np.isfinite(each.mean.min())]
    sizes = [each.batch for each in reached]
    least, size = critical(sizes, [each.mean.min() for each in reached])
    singles = [critical(sizes, [each.steps[:, seed].min() for each in reached])[1] for seed in range(asked.seeds)]
    print(
        f"  fewest steps {least:.1f}, critical batch size {size:.1f} (seeds: {', '.join(f'{s:.1f}' for s in singles)})"
    )
    for name, (value, _, _) in estimates.items():
        print(f"  {name} is {value / size:.2f} of it", flush=True)
    alike = min(reached, key=lambda each: abs(each.batch - TRUNK_BATCH))
    best = int(alike.mean.argmin())
    steps = int(alike.mean[best].round())
    print(f"  {LANES} branches of {TRUNK_BATCH} windows measure over {steps} steps:")
    _tell(study.noise(RATES[rule, asked.parametrization] * 2.0 ** alike.rates[best], steps))


def _tell(estimates: Mapping[str, Ratio]) -> None:
    for name, (value, low, high) in estimates.items():
        print(f"  {name} {value:.1f} ({low:.1f} to {high:.1f})", flush=True)


def main(words: Sequence[str]) -> None:
    """Measure and print, one optimizer after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parametrization", default="sp", choices=["sp", "u-mup"])
    parser.add_argument("--optimizers", nargs="+", default=["adamw", "sgd"], choices=list(RULES))
    parser.add_argument("--batches", nargs="+", type=int, default=[512, 128, 32, 8])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--steps", type=int, default=200, help="of the trunk")
    parser.add_argument("--drop", type=float, default=0.1, help="nats")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--dataset", default="shakespeare", help="shakespeare is brought by `make data`")
    asked = parser.parse_args(words)
    if unknown := [rule for rule in asked.optimizers if (rule, asked.parametrization) not in RATES]:
        parser.error(f"{asked.parametrization} has no rates for {', '.join(unknown)}: name other --optimizers")
    torch.set_num_threads(1)
    for rule in asked.optimizers:
        show(asked, rule, Settings.of_environment().data_folder / "cache")


if __name__ == "__main__":
    main(sys.argv[1:])
