"""The jobs that chaos is done to, and what an undisturbed run of them gives."""

from typing import Any

from unitscale.client import Client
from unitscale.models.jobs import ENDED, Job, State


def spec(seed: int, steps: int = 4000, checkpoint_seconds: float = 0.3, alone: bool = True) -> dict[str, Any]:
    """An MLP on `diabetes`: AdamW, shuffled batches, a schedule: each a thing that a resume could get wrong.

    Unless such jobs are to train together, each has a process of its own.
    """
    return {
        "task": "regression",
        "dataset": "diabetes",
        "model": {"kind": "mlp", "width": 24, "depth": 2},
        "units": {"learning_rate": 0.001, "batch_size": 32},
        "optimizer": {"name": "adamw", "weight_decay": 0.01},
        "schedule": {"name": "cosine", "warmup_steps": 50},
        "budget": {"steps": steps},
        "checkpoint": {"every_seconds": checkpoint_seconds},
        "seed": seed,
        "resources": {"alone": alone},
    }


def outcome(client: Client, job_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Everything that must not depend on what happened on the way: every curve whole, and the measures."""
    job = client.job(job_id)
    curves = client.curves(job_id).curves
    points = {key: (curve.step, curve.value) for key, curve in curves.items()}
    result = job.result
    measures = {} if result is None else {"loss": result.val_loss, "val": result.metrics, "test": result.test_metrics}
    return points, measures


def reference(client: Client, wanted: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The outcome of an undisturbed run. Raises AssertionError when it does not succeed."""
    job = client.wait(client.submit(wanted).id)
    assert job.state is State.SUCCEEDED, f"the undisturbed run ended {job.state}: {job.reason}"
    return outcome(client, job.id)


def all_ended(client: Client, ids: list[str]) -> list[Job]:
    """The jobs, once all have ended."""
    return [client.wait(job_id) for job_id in ids]


def ends(client: Client, job_id: str) -> int:
    """How often a job ended, by its events."""
    return sum(event.data["state"] in set(ENDED) for event in states(client, job_id))


def states(client: Client, job_id: str) -> list[Any]:
    """The changes of a job's state, oldest first."""
    found, cursor = [], None
    while True:
        page = client.events(job_id, limit=200, cursor=cursor)
        found += [event for event in page.data if event.type == "state"]
        if not page.has_more:
            return found
        cursor = page.next_cursor
