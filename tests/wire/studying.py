"""A study run by its decisions alone: jobs end at once, with what a formula says of their units."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from unitscale.models.campaigns import CampaignState, member_id
from unitscale.models.jobs import ENDED, Job, Reason, Result, State, Timings
from unitscale.models.studies import Progress
from unitscale.models.trials import planned
from unitscale.wire.campaigns import Decision, Held
from worker.campaigns.studies import decide

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
Ends = Callable[[Job], dict[str, Any]]
"""From a job to the fields that it ends with."""


def succeeded(val_loss: float | None, **more: Any) -> dict[str, Any]:
    """A job that ends well."""
    result = Result(stopped_by="budget", val_loss=val_loss, parameters=1, **more)
    return {"state": State.SUCCEEDED, "result": result}


def failed(code: str = "diverged") -> dict[str, Any]:
    """A job that ends badly."""
    return {"state": State.FAILED, "reason": Reason(code=code, message=f"It {code}.")}


class Run:
    """A study's record and its jobs."""

    def __init__(self, ends: Ends, seconds_a_decision: float = 1.0, **study: Any) -> None:
        requested = {"base": {"task": "regression"}, "units": {"learning_rate": {"low": 0.001, "high": 1.0}}, **study}
        times = {"created_at": BEGAN, "ended_at": None}
        self.held = Held(
            "st_" + "0" * 20, "p", "study", CampaignState.RUNNING, None, 0, 0, requested, {}, None, times, BEGAN
        )
        self.jobs: dict[int, Job] = {}
        self.refused: Mapping[int, str] = {}
        self._ends, self._seconds = ends, seconds_a_decision

    @property
    def progress(self) -> Progress:
        return Progress.model_validate(self.held.document)

    def turn(self) -> Decision:
        """Decide once, as an advancer does."""
        decision = decide(self.held, self.jobs, self.refused)
        later = self.held.read_at + timedelta(seconds=self._seconds)
        self.held = replace(
            self.held, document=decision.document, state=decision.state, round=self.held.round + 1, read_at=later
        )
        for place, spec in enumerate(planned(self.held.requested, self.held.document)):
            if spec is not None and place not in self.jobs and place not in self.refused:
                job = member_id(self.held.id, place)
                fields = {"id": job, "state": State.RUNNING, "requested": spec, "spec": spec, "created_at": BEGAN}
                self.jobs[place] = Job(**fields, study=self.held.id)
        self.held = replace(self.held, jobs=tuple(job.id for job in self.jobs.values()))
        for job_id, reason in decision.call_off.items():
            self.end(job_id, state=State.CANCELLED, reason=reason)
        return decision

    def show(self, curves: Mapping[int, list[tuple[int, float]]]) -> None:
        """Validation losses of jobs, by place, as the next decisions see them."""
        self.held = replace(self.held, curves=curves)

    def end(self, job_id: str, **fields: Any) -> None:
        """A job's end."""
        place = next(place for place, job in self.jobs.items() if job.id == job_id)
        self.jobs[place] = self.jobs[place].model_copy(update={"ended_at": BEGAN, "timings": Timings(), **fields})

    def end_all(self) -> None:
        """Every job that runs ends."""
        for job in list(self.jobs.values()):
            if job.state not in ENDED:
                self.end(job.id, **self._ends(job))

    def to_end(self, turns: int = 500) -> Progress:
        """Decide until it is over."""
        for _ in range(turns):
            if self.turn().state is not CampaignState.RUNNING:
                return self.progress
            self.end_all()
        raise AssertionError(f"not over after {turns} decisions")
