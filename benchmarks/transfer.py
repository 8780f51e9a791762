"""Does the best learning rate of a small decoder stay the best of a wide one?

    python -m benchmarks.transfer [--parametrizations sp u-mup] [--widths 32 64 128] [--steps 150] [--seeds 4]

Trains every rate of a grid at every width, all rates of one seed as the lanes of one run. The best rate of a width is
the vertex of a parabola through the best of the grid (log2) and what lies within an octave of it.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.decoder import a_spec, trained
from unitscale.models.specs import JobSpec
from unitscale.wire.settings import Settings

Numbers = NDArray[np.float64]

GRIDS = {"sp": (-9.0, -2.5), "mup": (-9.0, -2.5), "u-mup": (-2.5, 2.5)}
"""log2 of the least and the greatest rate."""


class Found(NamedTuple):
    """Of one width: losses (S, R) of S seeds at R rates."""

    width: int
    validation: Numbers
    training: Numbers


def spec_of(asked: argparse.Namespace, name: str, width: int, rate: float, seed: int) -> JobSpec:
    """μP is SP at the least of the widths."""
    units = {"base_width": min(asked.widths)} if name == "mup" else {}
    return a_spec(name, width, rate, seed, asked.steps, dataset=asked.dataset, units=units)


def measured(asked: argparse.Namespace, name: str, width: int, rates: Numbers) -> Found:
    """Every rate under every seed."""
    library = Settings.of_environment().data_folder / "cache"
    rows = [
        trained([spec_of(asked, name, width, 2.0**rate, seed) for rate in rates], library)
        for seed in range(asked.seeds)
    ]
    validation, training = (np.array(each) for each in zip(*rows, strict=True))
    return Found(width, np.nan_to_num(validation, nan=np.inf), np.nan_to_num(training, nan=np.inf))


def vertex(rates: Numbers, losses: Numbers) -> float:
    """Where the parabola, by least squares, is lowest; not a number where the best rate is an end of the grid."""
    best = int(losses.argmin())
    if best in (0, len(rates) - 1):
        return float("nan")
    near = (np.abs(rates - rates[best]) < 1 + 1e-6) & np.isfinite(losses)
    curvature, slope, _ = np.polyfit(rates[near] - rates[best], losses[near], 2)
    return float(rates[best] - slope / (2 * curvature))


def penalty(rates: Numbers, narrow: Numbers, wide: Numbers) -> float:
    """Nats that a wide model loses at the best rate of a narrow one, between which rates losses are interpolated."""
    of_narrow, of_wide = np.interp([vertex(rates, narrow), vertex(rates, wide)], rates, wide)
    return float(of_narrow - of_wide)


def drift(widths: Sequence[int], vertices: Numbers) -> float:
    """Octaves that the vertex moves for each doubling of the width, by least squares."""
    return float(np.polyfit(np.log2(widths), vertices, 1)[0])


def show(name: str, rates: Numbers, found: Sequence[Found]) -> None:
    """A table of the losses, the vertices of single seeds and of their mean, and the drift with its standard error."""
    say = sys.stdout.write
    widths = [each.width for each in found]
    for what in ("validation", "training"):
        say(f"\n{name}, {what} loss (nats), mean of seeds\n  log2 rate " + "".join(f"{r:7.1f}" for r in rates) + "\n")
        singles = []
        for each in found:
            losses = getattr(each, what)
            singles.append([vertex(rates, seed) for seed in losses])
            mean = losses.mean(0)
            say(f"  width {each.width:4d} " + "".join(f"{loss:7.3f}" for loss in mean))
            say(f"   vertex {vertex(rates, mean):+.2f}, of seeds " + " ".join(f"{v:+.2f}" for v in singles[-1]) + "\n")
        of_mean = drift(widths, np.array([vertex(rates, getattr(each, what).mean(0)) for each in found]))
        of_seeds = np.array([drift(widths, column) for column in np.array(singles).T])
        error = of_seeds.std(ddof=1) / len(of_seeds) ** 0.5 if len(of_seeds) > 1 else float("nan")
        narrow, wide = (getattr(each, what).mean(0) for each in (found[0], found[-1]))
        say(f"  drift {of_mean:+.2f} octaves a doubling (seeds: {of_seeds.mean():+.2f} ± {error:.2f});")
        say(f" the rate of width {widths[0]} costs {penalty(rates, narrow, wide):.3f} nats at width {widths[-1]}\n")
    sys.stdout.flush()


def main(words: Sequence[str]) -> None:
    """Measure and print, one parametrization after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parametrizations", nargs="+", default=["sp", "u-mup"], choices=list(GRIDS))
    parser.add_argument("--widths", nargs="+", type=int, default=[32, 64, 128])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--spacing", type=float, default=0.5, help="octaves between rates")
    parser.add_argument("--dataset", default="shakespeare", help="shakespeare is brought by `make data`")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    for name in asked.parametrizations:
        low, high = GRIDS[name]
        rates = np.arange(low, high + asked.spacing / 2, asked.spacing)
        show(name, rates, [measured(asked, name, width, rates) for width in asked.widths])


if __name__ == "__main__":
    main(sys.argv[1:])
