"""Snapshots of a run: taken on the way, and gone back to by a later attempt."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from unitscale.errors import Impossible
from worker.trainer.assembly.assemble import Assembly
from worker.trainer.engine import checkpoints, kernels
from worker.trainer.engine.checkpoints import Snapshot
from worker.trainer.engine.modules import draw_on, drawn
from worker.trainer.engine.timing import Clock
from worker.trainer.runs.run import Run


def take(step: int, run: Run, assembly: Assembly, clock: Clock) -> Callable[[], Snapshot]:
    """What copies one lane as it stands after `step`, whose points have been sent: due before weights change again."""
    facts = {
        "step": step,
        "points": dict(run.points),
        "train_loss": run.train_loss,
        "training_seconds": run.training_before + clock.training(),
        "evaluation_seconds": run.evaluation_before + clock.evaluation(),
        "examples": assembly.batches.examples(step) - run.examples_before,
        "plateau": assembly.rates.plateaus[run.place].state,
        "noise": assembly.learner.noise.tracks[run.place].state if assembly.learner.noise else None,
        "batch_sizes": list(assembly.following.changes) if assembly.following else None,
        "kernels": checkpoints.kernels(),
    }
    if assembly.module is not None and assembly.module.draws:
        facts["drawn"] = drawn(str(assembly.learner.weights.values.device))
    if assembly.memory is not None:
        facts["memory"] = assembly.memory.read(run.place)
    learner, place = assembly.learner, run.place

    def copied() -> Snapshot:
        optimizer = {name: tensor[place].clone() for name, tensor in assembly.state.items()}
        return Snapshot(learner.weights.read(place), optimizer, facts)

    if assembly.module is None:
        return copied
    at_once = copied()  # what a module holds changes before its weights do
    return lambda: at_once


def go_back(runs: Sequence[Run], assembly: Assembly) -> int:
    """Put every lane back to its checkpoint; the step they stand at, 0 for a first attempt.

    Raises Impossible when they do not stand at the same step.
    """
    steps = {run.lane.resume.step if run.lane.resume else run.lane.spec.after for run in runs}
    if len(steps) > 1:
        raise Impossible(f"Jobs that stand at different steps ({sorted(steps)}) cannot be trained together.")
    for run in runs:
        facts = _facts(run, assembly, len(runs))
        run.examples_before = assembly.batches.examples(run.lane.spec.after) if run.lane.spec.after else 0
        if run.lane.resume and facts is not None:
            run.points = dict(facts["points"])
            run.training_before, run.evaluation_before = facts["training_seconds"], facts["evaluation_seconds"]
    return steps.pop()


def _facts(run: Run, assembly: Assembly, lanes: int) -> dict[str, Any] | None:
    """What is known of the run as its checkpoint has it, or its origin's, once a lane stands there; None: it starts."""
    resume, goes_on = run.lane.resume, run.lane.spec.after and run.lane.origin
    folder = resume.folder if resume else goes_on
    if not folder:
        return None
    snapshot = checkpoints.read(Path(folder))
    facts = snapshot.facts if resume else _of_origin(snapshot.facts, run)
    _restore(run, assembly, snapshot._replace(facts=facts))
    if assembly.memory is not None:
        assembly.memory.write(run.place, lanes, facts["step"], facts["memory"])
    return facts


def _of_origin(facts: dict[str, Any], run: Run) -> dict[str, Any]:
    """What a job takes over of its origin: of measurements not their seconds, and no plateau it does not follow."""
    noise = (facts["noise"][0], 0.0) if facts.get("noise") else None
    dropped = () if run.lane.spec.schedule.name == "plateau" else ("plateau",)
    return {name: fact for name, fact in {**facts, "noise": noise}.items() if name not in dropped}


def _restore(run: Run, assembly: Assembly, snapshot: Snapshot) -> None:
    learner, facts = assembly.learner, snapshot.facts
    learner.weights.write(run.place, snapshot.weights)
    for name, tensor in assembly.state.items():
        if name in snapshot.optimizer:  # a lane without momentum has no velocity to go back to, in any company
            saved = snapshot.optimizer[name]
            fitted = learner.weights.fitted(saved) if name in learner.optimizer.state else saved
            tensor[run.place] = fitted.to(tensor.device)
    assembly.rates.plateaus[run.place].state = facts.get("plateau", assembly.rates.plateaus[run.place].state)
    if learner.noise is not None and facts.get("noise") is not None:
        learner.noise.tracks[run.place].state = facts["noise"]
    if assembly.following is not None and facts.get("batch_sizes") is not None:
        assembly.following.changes = facts["batch_sizes"]
    run.train_loss = facts["train_loss"]
    if "drawn" in facts:
        draw_on(facts["drawn"], str(learner.weights.values.device))
    kernels.settle(kernels.again(facts["kernels"].get("products", kernels.DEFAULT)))
    if facts["kernels"]["threads"] != torch.get_num_threads():
        torch.set_num_threads(facts["kernels"]["threads"])
