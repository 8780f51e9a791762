"""A study under SIGKILLs of everything that trains, decides and serves."""

from typing import Any

from benchmarks.chaos import jobs, killing
from benchmarks.chaos.report import Report
from benchmarks.chaos.stack import Stack, until
from unitscale.client import Client
from unitscale.models.campaigns import CampaignState
from unitscale.models.studies import Study


def spec(trials: int, steps: int) -> dict[str, Any]:
    """Batches of four, judged by the loss alone: what is decided depends on nothing but what was measured."""
    return {
        "base": jobs.spec(0, steps),
        "units": {
            "learning_rate": {"low": 1e-4, "high": 1e-1, "scale": "log"},
            "optimizer.weight_decay": {"low": 0.0, "high": 0.3},
        },
        "budget": {"trials": trials},
        "parallel": 4,
        "seed": 7,
    }


def outcome(study: Study) -> tuple[Any, ...]:
    """Everything that must not depend on what happened on the way."""
    trials = [(each.asked_by, trial.units, trial.seed, trial.state, trial.values, trial.feasible)
              for each in study.iterations for trial in each.trials]  # fmt: skip
    winner = study.winner and (study.winner.units, study.winner.values, study.winner.test_metrics)
    return trials, winner, study.importances


def disturbed(stack: Stack, report: Report, trials: int = 20, kills: int = 20, steps: int = 12_000) -> None:
    """SIGKILL trainers, supervisors, deciders, nodes and the API while a study runs: it finds what it finds alone."""
    report.begin(f"{kills} random SIGKILLs under a study of {trials} trials")
    body = spec(trials, steps)
    with stack.client() as client:
        expected = client.studies.wait(client.studies.begin(body).id)
        begun = client.studies.begin(body)
        killing.kill_at_random(stack, kills, (*killing.KINDS, *["side"] * 5))
        until(stack.ready)
        ended = client.studies.wait(begun.id)
        doubled = sum(jobs.ends(client, job_id) != 1 for job_id in ended.jobs)
        losses = sum(job.losses for job in _all(client, ended))
    same = outcome(ended) == outcome(expected)
    well = ended.state is expected.state is CampaignState.SUCCEEDED
    figures = f"{len(ended.jobs)} jobs, {losses} losses, the same results: {same}"
    report.note("a study under kills", figures, "the same results as undisturbed", met=same and well and losses > 0)
    report.note("its jobs that ended twice", str(doubled), "0", met=doubled == 0)


def _all(client: Client, study: Study) -> list[Any]:
    return [client.job(job_id) for job_id in study.jobs]
