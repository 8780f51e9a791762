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
from unitscale.models import drifts
from unitscale.models.parabolas import Parabola, parabola, slope
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
    """Where the parabola is lowest; not a number where there is none."""
    found = parabola(rates.tolist(), losses.tolist())
    return found.vertex if isinstance(found, Parabola) else float("nan")


def penalty(rates: Numbers, narrow: Numbers, wide: Numbers) -> float:
    """Nats that a wide model loses at the best rate of a narrow one; not a number where one has no vertex."""
    curve = drifts.Curve(tuple(rates.tolist()), tuple(wide.tolist()))
    lost = drifts.penalty(vertex(rates, narrow), vertex(rates, wide), curve)
    return float("nan") if lost is None else lost


def drift(widths: Sequence[int], vertices: Numbers) -> float:
    """Octaves that the vertex moves for each doubling of the width, by least squares."""
    return slope(np.log2(widths).tolist(), vertices.tolist())


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
        say(f"  drift {of_mean:+.2f} octaves per doubling (seeds: {of_seeds.mean():+.2f} ± {error:.2f});")
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
