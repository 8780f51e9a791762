"""Snapshots of a course: taken on the way, and gone back to by a later attempt."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from unitscale.errors import Impossible
from worker.trainer.assembly.assemble import Assembly
from worker.trainer.engine import checkpoints, kernels
from worker.trainer.engine.checkpoints import Snapshot
from worker.trainer.engine.modules import draw_on, drawn
from worker.trainer.engine.timing import Clock
from worker.trainer.runs.run import Course


def take(step: int, course: Course, assembly: Assembly, clock: Clock) -> Callable[[], Snapshot]:
    """What copies one lane as it stands after `step`, whose points have been sent: due before weights change again."""
    facts = {
        "step": step,
        "points": dict(course.points),
        "train_loss": course.train_loss,
        "training_seconds": course.training_before + clock.training(),
        "evaluation_seconds": course.evaluation_before + clock.evaluation(),
        "examples": assembly.batches.examples(step),
        "plateau": assembly.rates.plateaus[course.place].state,
        "noise": assembly.learner.noise.tracks[course.place].state if assembly.learner.noise else None,
        "batch_sizes": list(assembly.following.changes) if assembly.following else None,
        "kernels": checkpoints.kernels(),
    }
    if assembly.module is not None and assembly.module.draws:
        facts["drawn"] = drawn(str(assembly.learner.weights.values.device))
    if assembly.memory is not None:
        facts["memory"] = assembly.memory.read(course.place)
    learner, place = assembly.learner, course.place

    def copied() -> Snapshot:
        optimizer = {name: tensor[place].clone() for name, tensor in assembly.state.items()}
        return Snapshot(learner.weights.read(place), optimizer, facts)

    if assembly.module is None:
        return copied
    at_once = copied()  # what a module holds changes before its weights do
    return lambda: at_once


def go_back(courses: Sequence[Course], assembly: Assembly) -> int:
    """Put every lane back to its checkpoint; the step they stand at, 0 for a first attempt.

    Raises Impossible when they do not stand at the same step.
    """
    steps = {course.lane.resume.step if course.lane.resume else 0 for course in courses}
    if len(steps) > 1:
        raise Impossible(f"Jobs that stand at different steps ({sorted(steps)}) cannot be trained together.")
    for course in courses:
        if course.lane.resume:
            snapshot = checkpoints.read(Path(course.lane.resume.folder))
            _restore(course, assembly, snapshot)
            if assembly.memory is not None:
                assembly.memory.write(course.place, len(courses), snapshot.facts["step"], snapshot.facts["memory"])
    return steps.pop()


def _restore(course: Course, assembly: Assembly, snapshot: Snapshot) -> None:
    learner, facts = assembly.learner, snapshot.facts
    learner.weights.write(course.place, snapshot.weights)
    for name, tensor in assembly.state.items():
        if name in snapshot.optimizer:  # a lane without momentum has no velocity to go back to, in any company
            saved = snapshot.optimizer[name]
            fitted = learner.weights.fitted(saved) if name in learner.optimizer.state else saved
            tensor[course.place] = fitted.to(tensor.device)
    assembly.rates.plateaus[course.place].state = facts.get("plateau", assembly.rates.plateaus[course.place].state)
    if learner.noise is not None and facts.get("noise") is not None:
        learner.noise.tracks[course.place].state = facts["noise"]
    if assembly.following is not None and facts.get("batch_sizes") is not None:
        assembly.following.changes = facts["batch_sizes"]
    course.points, course.train_loss = dict(facts["points"]), facts["train_loss"]
    course.training_before, course.evaluation_before = facts["training_seconds"], facts["evaluation_seconds"]
    if "drawn" in facts:
        draw_on(facts["drawn"], str(learner.weights.values.device))
    kernels.settle(kernels.again(facts["kernels"].get("products", kernels.DEFAULT)))
    if facts["kernels"]["threads"] != torch.get_num_threads():
        torch.set_num_threads(facts["kernels"]["threads"])
