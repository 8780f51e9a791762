"""What unit scale is for, shown on a small decoder: features that move alike at every width, and FP8 that costs little.

    python -m benchmarks.unit_scale [steps formats gradients] [--seeds 4] [--dataset shakespeare]

steps: how far the optimizer's first step moves the last residual, at widths of 32 to 256.
formats: what simulated FP8 (hidden layers rounded to E4M3, their gradients to E5M2, no scaling factors) costs at width
64, and the share of the gradients that it loses.
gradients: how large the first gradients of each kind of weight are under u-μP, on random tokens, at depths of 1 to 8:
those of the package `unit-scaling` beside ours.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.decoder import STEPS, a_spec, trained
from benchmarks.random_tokens import a_decoder, loss_and_gradients, loss_and_gradients_of_the_package
from unitscale.models.specs import JobSpec
from unitscale.wire.settings import Settings
from worker.trainer.assembly.assemble import Assembly, assemble
from worker.trainer.assembly.blueprint import built, shapes_of, table_of
from worker.trainer.engine.loop import train
from worker.trainer.layers.decoder import Decoder
from worker.trainer.models.transformer import Transformer
from worker.trainer.units.plan import Plan

WIDTHS = (32, 64, 128, 256)
NARROW = 64
FIRST_RATES = {"sp": 2.0**-7, "mup": 2.0**-7, "u-mup": 1.0}
FORMAT_RATES = {"sp": (-7.5, -7.0, -6.5, -6.0), "u-mup": (-1.0, -0.5, 0.0, 0.5)}
"""log2 of rates around the best."""
DEPTHS = (1, 2, 4, 8)
LOOKS = 10
"""Times in a run that its gradients are looked at."""


def moves(name: str, width: int, seeds: int, library: Path, **more: Any) -> list[float]:
    """RMS change of the last residual, on the batch of the first step (AdamW's, unless told otherwise), for each seed.
    The base width of μP is the narrowest."""
    rate, units = more.pop("rate", FIRST_RATES[name]), {"base_width": WIDTHS[0]} if name == "mup" else {}
    how = {"schedule": {"name": "constant"}, "units": units, **more}
    specs = [a_spec(name, width, rate, seed, **how) for seed in range(seeds)]
    assembly = assemble(specs, "cpu", library)
    decoder, weights = _decoder(specs, assembly), assembly.learner.weights
    tokens, _ = next(assembly.batches.start(1))
    before = decoder.features(weights.named, tokens).detach()
    train(assembly.learner, assembly.batches.start(1), 1, 1, lambda _step, _losses: None)
    after = decoder.features(weights.named, tokens).detach()
    return (after - before).square().mean((1, 2)).sqrt().tolist()


def _decoder(specs: Sequence[JobSpec], assembly: Assembly) -> Decoder:
    """The function that these specs train, whose residuals can be asked for."""
    model, units = specs[0].model, specs[0].units
    kinds = Transformer().kinds(model, shapes_of(built(model, assembly.config)))
    alphas = tuple(spec.units.alphas for spec in specs)
    return Transformer().lanes(Plan(model, kinds, table_of(units, model), alphas, torch.zeros(())))


class Loss(NamedTuple):
    """What FP8 costs, of S seeds: nats more than in fp32 (S,), in the end; mean share of gradients lost on the way."""

    whole: np.ndarray
    more: np.ndarray
    lost: float


def in_bytes(name: str, rate: float, seeds: int, library: Path, **more: Any) -> Loss:
    """The same seeds in fp32 and in simulated FP8; late training losses are compared, which are less noisy."""
    specs = {
        precision: [
            a_spec(
                name, NARROW, rate, seed, units={"precision": precision}, diagnostics={"scales_every": STEPS}, **more
            )
            for seed in range(seeds)
        ]
        for precision in ("fp32", "fp8-simulated")
    }
    shares: list[float] = []
    _, whole = trained(specs["fp32"], library)
    _, fewer = trained(specs["fp8-simulated"], library, lambda assembly, step: shares.extend(_lost(assembly, step)))
    return Loss(np.array(whole), np.array(fewer) - np.array(whole), float(np.mean(shares)))


def _lost(assembly: Assembly, step: int) -> list[float]:
    """Of each hidden layer's output and each lane: the share of its gradient that E5M2 has no number for."""
    if step % (assembly.steps // LOOKS) or assembly.scales is None:
        return []
    lanes = assembly.scales.measure(next(assembly.batches.start(step)))
    return [share for lane in lanes for key, share in lane.items() if key.startswith(HIDDEN)]


HIDDEN = "lost.fp8.activation_gradient.blocks."


def show_steps(asked: argparse.Namespace, library: Path) -> None:
    """A row for each parametrization."""
    print(f"\nRMS change of the last residual by the first step, mean of {asked.seeds} seeds ± standard error")
    print("            " + "".join(f"{f'width {width}':>15}" for width in WIDTHS), flush=True)
    for name, rate in FIRST_RATES.items():
        print(f"{name:6} 2^{np.log2(rate):+.0f} ", end="", flush=True)
        means = []
        for width in WIDTHS:
            found = moves(name, width, asked.seeds, library, dataset=asked.dataset)
            means.append(np.mean(found))
            print(f"    {means[-1]:.2f} ± {_error(found):.2f}", end="", flush=True)
        growth = (means[-1] / means[0]) ** (1 / np.log2(WIDTHS[-1] / WIDTHS[0]))
        print(f"    × {growth:.2f} a doubling", flush=True)


def show_formats(asked: argparse.Namespace, library: Path) -> None:
    """A row for each parametrization and rate."""
    print(f"\nsimulated FP8 at width {NARROW}, {STEPS} steps, mean of {asked.seeds} seeds ± standard error")
    print("log2 rate            fp32, nats    FP8, nats more    of gradients lost", flush=True)
    for name, rates in FORMAT_RATES.items():
        for rate in rates:
            found = in_bytes(name, 2.0**rate, asked.seeds, library, dataset=asked.dataset)
            more = f"{found.more.mean():.3f} ± {_error(found.more):.3f}"
            print(f"{name:6} {rate:+5.1f} {found.whole.mean():17.3f} {more:>20} {found.lost:16.2%}", flush=True)


def show_gradients(asked: argparse.Namespace, _library: Path) -> None:
    """A row for each kind of weight."""
    print(f"\nstandard deviation of first gradients at width {NARROW}, ours | unit-scaling's; of the block where it is")
    print(f"largest, mean of {asked.seeds} seeds")
    print("            " + "".join(f"{f'depth {depth}':>17}" for depth in DEPTHS), flush=True)
    found = [deviations(NARROW, depth, asked.seeds) for depth in DEPTHS]
    for kind in found[0]:
        print(f"{kind:12}" + "".join(f"{ours:9.2f} | {theirs:5.2f}" for ours, theirs in (each[kind] for each in found)))


def deviations(width: int, depth: int, seeds: int) -> dict[str, tuple[float, float]]:
    """Of the first gradients of each kind of weight under u-μP, ours and the package's: of the largest block."""
    each: dict[str, list[tuple[float, float]]] = {}
    for seed in range(seeds):
        decoder, weights, _ = a_decoder(width, depth, seed=seed)
        ours, theirs = loss_and_gradients(decoder, weights)[1], loss_and_gradients_of_the_package(weights, depth)[1]
        for name in weights:
            each.setdefault(name, []).append((ours[name].std().item(), theirs[name].std().item()))
    kinds: dict[str, tuple[float, float]] = {}
    for name, pairs in each.items():
        kind, means = (
            name.split(".")[-2],
            (float(np.mean([a for a, _ in pairs])), float(np.mean([b for _, b in pairs]))),
        )
        kinds[kind] = max(kinds.get(kind, means), means)
    return kinds


def _error(found: Sequence[float] | np.ndarray) -> float:
    return float(np.std(found, ddof=1) / len(found) ** 0.5) if len(found) > 1 else float("nan")


SUBJECTS = {"steps": show_steps, "formats": show_formats, "gradients": show_gradients}


def main(words: Sequence[str]) -> None:
    """Measure and print the subjects named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subjects", nargs="*", choices=[*SUBJECTS, []], default=[])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--dataset", default="shakespeare", help="shakespeare is brought by `make data`")
    asked = parser.parse_args(words)
    torch.set_num_threads(1)
    for subject in asked.subjects or SUBJECTS:
        SUBJECTS[subject](asked, Settings.of_environment().data_folder / "cache")


if __name__ == "__main__":
    main(sys.argv[1:])
