"""The engine against the loop that one writes by hand, and against other trainers: CPU seconds of the same steps.

Each loop runs in a process of its own, on one thread, from the same weights through the same batches; they take turns.
"""

import json
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.figures import MILLISECONDS, Figure, Ledger, median
from benchmarks.training import peers
from benchmarks.training.machine import describe, multiplies_bf16
from benchmarks.training.turns import Runner, Turn, alone, runners
from benchmarks.training.works import WORKS

OURS, BARE, PEERS = "benchmarks.training.ours", "benchmarks.training.bare", "benchmarks.training.peers"
COSTS = "benchmarks.training.costs"
UNCOUNTED = 2
TURNS = 7
AIMS: dict[str, float | None] = {
    "linear": 0.3,
    "mlp": 0.5,
    "cnn": 0.7,
    "gpt-4x128": 0.58,
    "gpt-4x128-bf16": 0.35,
    "gpt-4x128-compiled": 0.5,
    "gpt-4x128-bf16-compiled": 0.31,
    "gpt-6x384": 0.47,
    "gpt-6x384-bf16": 0.24,
    "gpt-6x384-compiled": 0.47,
    "gpt-6x384-bf16-compiled": 0.24,
    "gpt-2x256-t1024": None,
    "gpt-2x256-t1024-bf16": None,
}
"""Work → our seconds over a bare loop's, at most; None where they are told alone."""
IN_FULL = ("gpt-4x128", "gpt-4x128-compiled", "gpt-6x384", "gpt-6x384-compiled")
AT_RATE, AT_RATE_AIM = 0.8, 0.95
UNIT_SCALED = ("gpt-2x64", "gpt-4x128", "gpt-4x128-compiled")
WITH_PEERS = ("mlp", "gpt-4x128")
FEWER_BITS, COMPILED = "-bf16", "-compiled"
COMPARED = 20
"""Steps of which the losses are compared: a difference in the last bit grows from step to step."""
LARGE_IN_FEWER_BITS = "gpt-6x384-bf16"
MILLION, MICROSECONDS, GIGA = 1e6, 1e6, 1e9


def measure(ledger: Ledger) -> None:
    """Every work, in turns with a bare loop of it in fp32."""
    rates = describe(ledger)
    for trainer in peers.PACKAGES:
        if not peers.installed(trainer):
            name = peers.NAMES[trainer]
            ledger.console.print(f"  {name} is skipped: benchmarks/requirements.txt is not installed here")
    if not multiplies_bf16():
        ledger.console.print("  bf16 is skipped: this processor has no instructions for it")
    for work, aim in _aims(rates).items():
        seconds = _measure_one(ledger, work, aim)
        if work == LARGE_IN_FEWER_BITS:
            share = WORKS[work].flops / seconds / (rates["bf16"] * GIGA)
            ledger.note(Figure(f"{work}: share of the bf16 products' rate", share * 100, "%", at_least=65))
    for work in UNIT_SCALED:
        _measure_unit_scaling(ledger, work)
    _measure_costs(ledger)


def _aims(rates: dict[str, float]) -> dict[str, float | None]:
    """Where a bare loop's products of fp32 already run at the engine's rate, kernels alone cannot halve its time.

    bf16 is measured where the processor has instructions for it: made of fp32's, its products take ten times as long.
    """
    aims = AIMS if multiplies_bf16() else {work: aim for work, aim in AIMS.items() if FEWER_BITS not in work}
    if rates["fp32"] < AT_RATE * rates["fp32 as the engine multiplies"]:
        return aims
    return aims | dict.fromkeys(IN_FULL, AT_RATE_AIM)


def _measure_one(ledger: Ledger, work: str, aim: float | None) -> float:
    """Note one work's figures; our CPU seconds a step."""
    in_bits = work.removesuffix(COMPILED)
    whole = in_bits.removesuffix(FEWER_BITS)
    commands: dict[str, tuple[str, ...]] = {"ours": (OURS, work), "bare loop": (BARE, whole)}
    if whole != in_bits:
        commands["bare loop, autocast"] = (BARE, in_bits)
    if work in WITH_PEERS:
        commands |= {peers.NAMES[name]: (PEERS, name, work) for name in peers.PACKAGES if peers.installed(name)}
    with runners(commands) as loops:
        turns = _in_turns(loops)
    each = {name: _seconds_a_step(turns[name], WORKS[command[-1]].steps) for name, command in commands.items()}
    for other in list(commands)[1:]:
        ratio = median(mine / theirs for mine, theirs in zip(each["ours"], each[other], strict=True))
        ledger.note(Figure(f"{work}: ours / {other}", ratio, at_most=aim if other == "bare loop" else None))
    for name, seconds in each.items():
        ledger.note(Figure(f"{work}: {name}, CPU a step", median(seconds) * MILLISECONDS, "ms"))
    if whole == in_bits:
        apart = _apart(turns["ours"], turns["bare loop"]) * MILLION
        ledger.note(Figure(f"{work}: losses of ours and the bare loop apart, relative", apart, "× 10⁻⁶", at_most=1))
    return median(each["ours"])


def _measure_unit_scaling(ledger: Ledger, work: str) -> None:
    """What u-μP costs, against SP."""
    size = work.removesuffix(COMPILED)
    scaled_work = f"{size}-u-mup{work.removeprefix(size)}"
    with runners({"SP": (OURS, work), "u-μP": (OURS, scaled_work)}) as loops:
        turns = _in_turns(loops)
    plain, scaled = (_seconds_a_step(turns[name], WORKS[work].steps) for name in ("SP", "u-μP"))
    ratio = median(mine / other for mine, other in zip(scaled, plain, strict=True))
    ledger.note(Figure(f"{work}: u-μP / SP", ratio))


def _measure_costs(ledger: Ledger) -> None:
    """Logging and checkpoints, in a process of their own."""
    told = subprocess.run([sys.executable, "-m", COSTS], check=True, stdout=subprocess.PIPE, env=alone())
    costs = json.loads(told.stdout)
    ledger.note(Figure("logging every step, CPU a step", costs["logging"] * MICROSECONDS, "µs", at_most=5))
    size = f"{costs['parameters'] / MILLION:.1f} million parameters"
    ledger.note(
        Figure(f"checkpoint of {size}: stall of the loop, CPU", costs["stall"] * MILLISECONDS, "ms", at_most=10)
    )


def _in_turns(loops: dict[str, Runner]) -> dict[str, list[Turn]]:
    """The first turns are not timed: they load data and warm up; but their losses count."""
    rounds = [{name: loop.turn() for name, loop in loops.items()} for _ in range(UNCOUNTED + TURNS)]
    return {name: [turn[name] for turn in rounds] for name in loops}


def _seconds_a_step(turns: Sequence[Turn], steps: int) -> list[float]:
    return [turn.cpu_seconds / steps for turn in turns[UNCOUNTED:]]


def _apart(ours: Sequence[Turn], bare: Sequence[Turn]) -> float:
    """The largest relative difference between the beginnings of two curves."""
    curves = [[loss for turn in turns for loss in turn.losses][:COMPARED] for turns in (ours, bare)]
    return max(abs(mine - theirs) / theirs for mine, theirs in zip(*curves, strict=True))
