"""A sweep ends with its last job."""

from collections.abc import Mapping

from unitscale.models.campaigns import CampaignState, member_id
from unitscale.models.jobs import ENDED, Job, Reason, State
from unitscale.models.sweeps import SweepSpec
from unitscale.wire.campaigns import Decision, Held


def decide(held: Held, jobs: Mapping[int, Job], refused: Mapping[int, str]) -> Decision:
    """Succeeded when any job has; failed when none has, or when a job could not be submitted."""
    if refused:
        place, why = min(refused.items())
        reason = Reason(code="impossible", message=f"The job at place {place} cannot be done any more: {why}")
        return Decision(state=CampaignState.FAILED, reason=reason)
    size = SweepSpec.model_validate(held.requested).size
    unfinished = [job for job in jobs.values() if job.state not in ENDED]
    if unfinished or not {member_id(held.id, place) for place in range(size)} <= set(held.jobs):
        return Decision()
    if any(job.state is State.SUCCEEDED for job in jobs.values()):
        return Decision(state=CampaignState.SUCCEEDED)
    return Decision(state=CampaignState.FAILED, reason=Reason(code="no_success", message="None of its jobs succeeded."))
