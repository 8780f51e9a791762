"""Sweeps: jobs that train together against the same ones after each other, on one slot.

First the loop alone, in CPU seconds of a step; then the whole service, from submission to the last end.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.chaos.stack import Stack
from benchmarks.figures import MILLISECONDS, Figure, Ledger, median
from benchmarks.training.together import STEPS, SWEEPS
from benchmarks.training.turns import alone
from unitscale.client import Client

TOGETHER = "benchmarks.training.together"
AT_MOST = {"linear × 16": 1.3, "linear × 256": 3.0, "mlp 1×32 × 16": 4.5}
"""Steps of one lane that a step of all may cost."""
FASTER = {"gpt 2×64 × 16": 1.5}
"""Times that all together must be faster than one after the other."""
ROUNDS = 3
LANES = 16
RUN = {
    "task": "regression",
    "dataset": "diabetes",
    "model": {"kind": "mlp", "width": 32, "depth": 1},
    "units": {"batch_size": 32},
    "budget": {"steps": 3000},
}
RATES = (16, 256)
"""Learning rates of the linear regression whose end-to-end cost is compared with that of one."""
LINE = {
    "task": "regression",
    "dataset": "linear",
    "units": {"batch_size": "full"},
    "optimizer": {"name": "sgd"},
    "budget": {"steps": 3000},
}
MOST = 1024


def measure(ledger: Ledger) -> None:
    """The loop's figures, then the service's."""
    for name, sweep in SWEEPS.items():
        _measure_loop(ledger, name, sweep.lanes)
    with tempfile.TemporaryDirectory(prefix="sweeps-") as folder, Stack(Path(folder), nodes=1) as stack:
        client = stack.client()
        _measure_service(ledger, client)
        _measure_rates(ledger, client)
        _measure_acceptance(ledger, client)


def _measure_loop(ledger: Ledger, name: str, lanes: int) -> None:
    told = subprocess.run([sys.executable, "-m", TOGETHER, name], check=True, stdout=subprocess.PIPE, env=alone())
    found: dict[str, float] = json.loads(told.stdout)
    one, chosen = found["one"], int(found["lanes"])
    if name in FASTER:
        faster = lanes * one / found["all"]
        ledger.note(Figure(f"{name}: one after the other / together", faster, at_least=FASTER[name]))
    else:
        ledger.note(Figure(f"{name}: together / one", found["all"] / one, at_most=AT_MOST.get(name)))
    ledger.note(Figure(f"{name}: lanes that its trial chose", chosen))
    as_chosen = (found["trial"] + STEPS * lanes * found["chosen"] / chosen) / (STEPS * lanes * one)
    what = f"{name}: {STEPS} steps as chosen, trial included / one after the other"
    ledger.note(Figure(what, as_chosen, at_most=1.05))
    ledger.note(Figure(f"{name}: one lane, CPU a step", one * MILLISECONDS, "ms"))


def _measure_service(ledger: Ledger, client: Client) -> None:
    """The first sweep is tried out; later ones know what was found."""
    ratios = list[float]()
    for turn in range(ROUNDS):
        together = _seconds(client, _specs(turn, {}))
        apart = _seconds(client, _specs(turn, {"resources": {"alone": True}}))
        ratios.append(apart / together)
        if turn == 0:
            ledger.note(Figure(f"service: {LANES} jobs tried out, one after the other / together", ratios[0]))
    what = f"service: {LANES} jobs on one slot, submitted to ended, one after the other / together"
    ledger.note(Figure(what, median(ratios), at_least=2.0))


def _measure_rates(ledger: Ledger, client: Client) -> None:
    """Many rates of the linear regression against one, from submission to the last end."""
    seconds: dict[int, list[float]] = {count: [] for count in (1, *RATES)}
    for _ in range(ROUNDS):
        for count, found in seconds.items():
            rates = [0.001 * 1.02**step for step in range(count)]
            found.append(_seconds(client, {"base": LINE, "axes": {"units.learning_rate": rates}}))
    one = median(seconds[1])
    ledger.note(Figure("service: one rate of linear, submitted to ended", one, "s"))
    for count in RATES:
        what = f"service: {count} rates of linear, submitted to ended / one"
        ledger.note(Figure(what, median(seconds[count]) / one, at_most=AT_MOST[f"linear × {count}"]))


def _measure_acceptance(ledger: Ledger, client: Client) -> None:
    """How long a sweep of as many jobs as there may be takes to be accepted while a slot is idle."""
    seconds = list[float]()
    for turn in range(ROUNDS):
        began = time.monotonic()
        made = client.sweeps.begin({"base": LINE, "axes": {"seed": list(range(turn * MOST, (turn + 1) * MOST))}})
        seconds.append(time.monotonic() - began)
        client.sweeps.cancel(made.id)
        client.sweeps.wait(made.id)
    ledger.note(Figure(f"service: a sweep of {MOST:,} jobs, until it is accepted", median(seconds), "s"))


def _specs(turn: int, more: dict[str, Any]) -> dict[str, Any]:
    seeds = [turn * LANES + lane for lane in range(LANES)]
    return {"base": {**RUN, **more}, "axes": {"seed": seeds}}


def _seconds(client: Client, sweep: dict[str, Any]) -> float:
    began = time.monotonic()
    made = client.sweeps.begin(sweep)
    client.sweeps.wait(made.id)
    return time.monotonic() - began
