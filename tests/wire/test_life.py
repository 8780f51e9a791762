"""The life of a job in the record: every transition, once, whoever repeats it."""

import asyncio
import itertools

import pytest

from unitscale.errors import (
    IdempotencyMismatch,
    IllegalTransition,
    LeaseLost,
    NotEnded,
    NotFound,
    QuotaExceeded,
    Unsupported,
)
from unitscale.models.jobs import NEXT, Artifact, Job, Reason, Result, State
from unitscale.models.resolution import settled
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import Tuned, TunedRate
from unitscale.wire.attempts import Advance, Attempts, Claimed, Origin, Stretch
from unitscale.wire.curves import PackedCurves
from unitscale.wire.datasets import Datasets
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Filter, Idempotency, Jobs
from unitscale.wire.store import Store, source
from unitscale.wire.workers import Workers

LAB = "lab"
TICKETS = (f"ticket-{n}" for n in itertools.count())
POINT = b"\x01\x00\x00\x00\x00\x00\x80\x3f"


@pytest.fixture
def jobs(store: Store) -> Jobs:
    return Jobs(store, Workers(store))


@pytest.fixture
def intake(store: Store, jobs: Jobs) -> Intake:
    return Intake(jobs, Datasets(store), Workers(store), max_unfinished_jobs=5)


@pytest.fixture
def attempts(store: Store) -> Attempts:
    return Attempts(store, lease_seconds=30, max_losses=3)


def a_spec(**fields) -> JobSpec:
    """Of a job that is claimed alone, so that a claim is one job."""
    return JobSpec.model_validate({"task": "regression", "resources": {"alone": True}} | fields)


async def submitted(intake: Intake, project: str = LAB, **fields) -> Job:
    return (await intake.submit(a_spec(**fields), project))[0]


async def claimed(attempts: Attempts) -> Claimed:
    [job] = await attempts.claim("cpu-1", next(TICKETS), "node", "cpu")
    return job


async def finished(attempts: Attempts, job: Claimed) -> None:
    await attempts.succeed(job, Result(stopped_by="budget", parameters=2), [])


class Overheard(Store):
    """A store that remembers its round trips."""

    def __init__(self, redis) -> None:
        super().__init__(redis)
        self.trips: list[str] = []

    async def run(self, script, *args):
        self.trips.append(script)
        return await super().run(script, *args)

    async def read(self, *commands):
        self.trips.append("read")
        return await super().read(*commands)


async def test_a_submission_takes_one_round_trip_and_answers_with_the_record_as_it_is(store):
    overheard = Overheard(store.redis)
    jobs = Jobs(overheard, Workers(overheard))
    intake = Intake(jobs, Datasets(overheard), Workers(overheard), max_unfinished_jobs=5)
    await submitted(intake)  # the workers are known from now on
    overheard.trips.clear()

    job = await submitted(intake)

    assert overheard.trips == ["submit"]
    assert job == await jobs.get(LAB, job.id)
    assert job.queue.position == 1


async def test_a_submitted_job_waits_in_its_queue_with_its_doorbell(intake, store):
    job = await submitted(intake)

    [waiting, bells] = await store.read(("ZRANGE", "queue:cpu-1", 0, -1), ("LLEN", "celery:cpu-1"))
    assert (job.state, waiting, bells) == (State.QUEUED, [job.id.encode()], 1)
    assert "No worker is connected" in job.queue.why


async def test_a_claimed_job_runs_and_its_attempt_is_its_token(intake, attempts, jobs):
    job = await submitted(intake)

    claim = await claimed(attempts)

    after = await jobs.get(LAB, job.id)
    assert (claim.id, claim.attempt, after.state, after.attempt) == (job.id, 1, State.RUNNING, 1)


async def test_a_claim_repeated_with_its_ticket_takes_the_same_job(intake, attempts):
    await submitted(intake)
    await submitted(intake)

    first = await attempts.claim("cpu-1", "once", "node", "cpu")

    assert await attempts.claim("cpu-1", "once", "node", "cpu") == first


async def test_an_empty_queue_gives_nothing(attempts):
    assert await attempts.claim("cpu-1", "once", "node", "cpu") == []


async def test_priority_comes_first_then_turns_between_projects_then_age(intake, attempts):
    a1, a2 = await submitted(intake, "a"), await submitted(intake, "a")
    low, b1 = await submitted(intake, "b", priority="low"), await submitted(intake, "b")
    high = await submitted(intake, "c", priority="high")

    order = [(await claimed(attempts)).id for _ in range(5)]

    assert order == [high.id, a1.id, b1.id, a2.id, low.id]


async def test_a_job_ends_once(intake, attempts, jobs):
    await submitted(intake)
    claim = await claimed(attempts)
    await finished(attempts, claim)
    await finished(attempts, claim)

    with pytest.raises(LeaseLost):
        await attempts.fail(claim, Reason(code="internal", message="late"))
    job = await jobs.get(LAB, claim.id)
    assert (job.state, job.reason) == (State.SUCCEEDED, None)


async def test_a_stale_supervisor_changes_nothing(intake, attempts, jobs):
    await submitted(intake)
    stale = await claimed(attempts)
    await attempts.release(stale)
    await claimed(attempts)

    progress = Advance(1, 10, 1.0, 0.0, 1)
    for write in (
        lambda: attempts.advance(stale, progress, [Stretch("train_loss", 0, POINT)]),
        lambda: attempts.publish(stale, {"step": 1, "attempt": 1, "folder": "x", "bytes": 1, "points": {}}),
        lambda: attempts.release(stale),
        lambda: finished(attempts, stale),
        lambda: attempts.log(stale, ["late"]),
    ):
        with pytest.raises(LeaseLost):
            await write()
    assert await attempts.renew([stale]) == {}
    assert (await jobs.get(LAB, stale.id)).progress.step == 0


async def test_points_written_twice_are_there_once(intake, attempts, store):
    await submitted(intake)
    claim = await claimed(attempts)
    for _ in range(2):
        await attempts.advance(claim, Advance(1, 10, 1.0, 0.0, 1), [Stretch("train_loss", 0, POINT)])

    packed = await PackedCurves(store).read(claim.id)

    assert packed.curves == {"train_loss": POINT}
    assert len(await PackedCurves(store).marks(claim.id)) == 16


async def test_a_new_attempt_drops_points_past_its_checkpoint(intake, attempts, store):
    await submitted(intake)
    claim = await claimed(attempts)
    two = POINT + b"\x02\x00\x00\x00\x00\x00\x80\x3f"
    await attempts.advance(
        claim, Advance(2, 10, 1.0, 0.0, 2), [Stretch("train_loss", 0, two), Stretch("val_r2", 0, two)]
    )
    await attempts.publish(
        claim, {"step": 1, "attempt": 1, "folder": "x", "bytes": 1, "points": {"train_loss": 1}, "examples": 1}
    )
    await attempts.release(claim)

    again = await claimed(attempts)

    assert again.checkpoint["step"] == 1
    assert (await PackedCurves(store).read(claim.id)).curves == {"train_loss": POINT}


async def test_curves_are_read_after_a_step(intake, attempts, store):
    await submitted(intake)
    claim = await claimed(attempts)
    packed = b"".join(step.to_bytes(4, "little") + POINT[4:] for step in (10, 20, 30))
    await attempts.advance(claim, Advance(30, 99, 1.0, 0.0, 2), [Stretch("val_loss", 0, packed)])

    assert (await PackedCurves(store).read(claim.id, after_step=10)).curves["val_loss"] == packed[8:]
    assert (await PackedCurves(store).read(claim.id, after_step=9)).curves["val_loss"] == packed
    assert (await PackedCurves(store).read(claim.id, ["val_loss"], after_step=30)).curves["val_loss"] == b""


async def test_a_recovered_job_goes_to_the_front_and_counts_no_loss_when_released(intake, attempts, jobs):
    first = await submitted(intake)
    await submitted(intake, priority="high")
    await claimed(attempts)
    claim = await claimed(attempts)
    await attempts.release(claim)

    job = await jobs.get(LAB, first.id)

    assert (job.state, job.losses, job.queue.position) == (State.QUEUED, 0, 0)


async def test_a_poisonous_job_does_not_circle_for_ever(intake, attempts, jobs):
    job = await submitted(intake)
    for _ in range(3):
        await attempts.lose(await claimed(attempts), Reason(code="killed", message="The trainer was killed."))

    after = await jobs.get(LAB, job.id)

    assert (after.state, after.losses, after.reason.code) == (State.FAILED, 3, "killed")


async def test_a_checkpoint_forgives_losses(intake, attempts, jobs):
    job = await submitted(intake)
    for step in range(1, 5):
        claim = await claimed(attempts)
        await attempts.publish(claim, {"step": step, "attempt": step, "folder": "x", "bytes": 1, "points": {}})
        await attempts.lose(claim, Reason(code="killed", message="The trainer was killed."))

    after = await jobs.get(LAB, job.id)

    assert (after.state, after.losses) == (State.QUEUED, 4)
    assert [c.step for c in await jobs.checkpoints(LAB, job.id)] == [3, 4]


async def test_a_lease_that_ran_out_is_reaped(store, intake, jobs):
    job = await submitted(intake)
    short = Attempts(store, lease_seconds=0.01, max_losses=3)
    await claimed(short)
    await asyncio.sleep(0.05)

    assert await store.run("reap", 3, "bell") == 1
    after = await jobs.get(LAB, job.id)
    assert (after.state, after.losses) == (State.QUEUED, 1)


async def test_the_wish_of_a_lost_job_comes_true(store, intake, jobs):
    cancelled, paused = await submitted(intake), await submitted(intake)
    short = Attempts(store, lease_seconds=0.01, max_losses=3)
    await claimed(short)
    await claimed(short)
    await intake.cancel(cancelled.id, LAB)
    await intake.pause(paused.id, LAB)
    await asyncio.sleep(0.05)

    await store.run("reap", 3, "bell")

    assert [j.state for j in await jobs.get_many(LAB, [cancelled.id, paused.id])] == [State.CANCELLED, State.PAUSED]


async def test_a_running_job_hears_the_wish_to_cancel(intake, attempts):
    job = await submitted(intake)
    claim = await claimed(attempts)

    assert (await intake.cancel(job.id, LAB)).wish == "cancel"
    assert await attempts.renew([claim]) == {job.id: "cancel"}
    await attempts.cancelled(claim)
    assert (await intake.cancel(job.id, LAB)).state == State.CANCELLED


async def test_pause_and_resume(intake, attempts):
    job = await submitted(intake)
    claim = await claimed(attempts)
    assert (await intake.pause(job.id, LAB)).wish == "pause"
    await attempts.release(claim)

    assert (await intake.pause(job.id, LAB)).state == State.PAUSED
    assert (await intake.resume(job.id, LAB)).state == State.QUEUED
    assert (await claimed(attempts)).attempt == 2


async def test_a_withdrawn_pause_sends_the_job_back_to_its_queue(intake, attempts, jobs):
    job = await submitted(intake)
    claim = await claimed(attempts)
    await intake.pause(job.id, LAB)
    assert (await intake.resume(job.id, LAB)).wish is None

    await attempts.release(claim)

    assert (await jobs.get(LAB, job.id)).state == State.QUEUED


async def test_the_impossible_is_a_conflict(intake, attempts):
    job = await submitted(intake)
    await finished(attempts, await claimed(attempts))

    for move in (intake.cancel, intake.pause, intake.resume):
        with pytest.raises(IllegalTransition):
            await move(job.id, LAB)


async def test_only_an_ended_job_is_deleted_and_then_nothing_is_left(intake, attempts, jobs, store):
    job = await submitted(intake)
    with pytest.raises(NotEnded):
        await jobs.delete(LAB, job.id)
    claim = await claimed(attempts)
    await attempts.advance(claim, Advance(1, 10, 1.0, 0.0, 1), [Stretch("train_loss", 0, POINT)])
    await finished(attempts, claim)

    await jobs.delete(LAB, job.id)

    with pytest.raises(NotFound):
        await jobs.get(LAB, job.id)
    [left] = await store.read(("KEYS", "*" + job.id + "*"))
    assert left == []


async def test_another_projects_job_does_not_exist(intake, jobs):
    job = await submitted(intake)

    for touch in (jobs.get, jobs.cancel, jobs.pause, jobs.resume, jobs.delete, jobs.checkpoints):
        with pytest.raises(NotFound):
            await touch("other", job.id)


async def test_an_idempotency_key_makes_one_job(intake):
    first, replayed_first = await intake.submit(a_spec(), LAB, Idempotency("k", "body"))
    second, replayed_second = await intake.submit(a_spec(), LAB, Idempotency("k", "body"))

    assert (first.id, replayed_first, replayed_second) == (second.id, False, True)
    with pytest.raises(IdempotencyMismatch):
        await intake.submit(a_spec(seed=1), LAB, Idempotency("k", "another"))
    assert (await intake.submit(a_spec(), "other", Idempotency("k", "body")))[0].id != first.id


async def test_a_project_has_a_quota(intake):
    for _ in range(5):
        await submitted(intake)

    with pytest.raises(QuotaExceeded):
        await submitted(intake)
    await submitted(intake, "other")


async def test_lists_are_paged_newest_first_and_filtered(store, jobs):
    intake = Intake(jobs, Datasets(store), Workers(store), max_unfinished_jobs=500)
    ids = [(await submitted(intake, labels={"n": str(n % 2)})).id for n in range(5)]

    first = await jobs.page(LAB, Filter(), 2, None)
    second = await jobs.page(LAB, Filter(), 3, first.next_cursor)
    odd = await jobs.page(LAB, Filter(labels=(("n", "1"),)), 50, None)

    assert [j.id for j in (*first.data, *second.data)] == ids[::-1]
    assert (first.has_more, second.has_more) == (True, False)
    assert [j.id for j in odd.data] == [ids[3], ids[1]]


async def test_a_lost_doorbell_is_rung_again(intake, store):
    await submitted(intake)
    await submitted(intake)
    await store.read(("DEL", "celery:cpu-1"))

    assert await store.run("ring", "bell @queue@ @tag@") == 2
    assert await store.run("ring", "bell @queue@ @tag@") == 0


@pytest.mark.parametrize(("before", "after"), [(a, b) for a in NEXT for b in State if b not in NEXT[a]])
async def test_no_script_makes_a_transition_that_the_table_forbids(store, before, after):
    probe = source("renew").replace("local lease", f"return become('j', '{after.value}') and 1 or 0 --")
    await store.read(("HSET", "job:j", "state", before.value, "queue", "q", "queued_at", 0, "project", "p"))

    assert await store.redis.eval(probe.split("return answers")[0].split("local answers")[0], 0) == 0


async def test_a_spec_that_cannot_be_read_fails_its_job_and_no_other(intake, attempts, store):
    job = await submitted(intake)
    await store.read(("HSET", f"job:{job.id}", "spec", '{"task": "from the future"}'))

    assert await attempts.claim("cpu-1", "once", "node", "cpu") == []
    [state] = await store.read(("HGET", f"job:{job.id}", "state"))
    assert state == b"failed"


async def test_a_claim_says_where_the_weights_lie_that_it_starts_from(intake, attempts):
    trunk = await submitted(intake)
    claim = await claimed(attempts)
    files = [Artifact(name="model.safetensors", bytes=1, sha256="")]
    await attempts.succeed(claim, Result(stopped_by="budget", parameters=2), files)
    await submitted(intake, init_from={"job": trunk.id})

    assert (await claimed(attempts)).origin == Origin(trunk.id, 1, "artifacts")


async def test_a_claim_knows_of_no_weights_that_were_deleted(intake, attempts, jobs):
    trunk = await submitted(intake)
    await finished(attempts, await claimed(attempts))
    await submitted(intake, init_from={"job": trunk.id})
    await jobs.delete(LAB, trunk.id)

    assert (await claimed(attempts)).origin is None


async def test_another_projects_job_lends_no_weights(intake, attempts):
    trunk = await submitted(intake, project="rivals")
    await finished(attempts, await claimed(attempts))

    with pytest.raises(Unsupported, match="There is no job"):
        await submitted(intake, init_from={"job": trunk.id})


AUTO = {"learning_rate": "auto"}


async def tuned(attempts: Attempts, job: Claimed, rate: float = 0.25) -> None:
    spec = settled(job.spec, None, rate, 100)
    await attempts.tune(job, spec, 200, Tuned(learning_rate=TunedRate(value=rate, why="It is best."), seconds=1.5))


async def test_what_auto_became_is_in_the_job_and_later_attempts_start_from_it(intake, attempts, jobs):
    job = await submitted(intake, units=AUTO)
    claim = await claimed(attempts)
    assert claim.spec.units.tune == ("learning_rate",)

    await tuned(attempts, claim)
    await tuned(attempts, claim)  # a repeat changes nothing
    await attempts.release(claim)

    again, after = await claimed(attempts), await jobs.get(LAB, job.id)
    assert (again.spec.units.learning_rate, again.spec.units.tune) == (0.25, ())
    assert after.spec == again.spec
    assert after.requested.units.learning_rate == "auto"
    assert (after.tuned.learning_rate.why, after.tuned.seconds, after.progress.steps) == ("It is best.", 1.5, 200)


async def test_a_stale_attempt_tunes_nothing(intake, attempts, jobs):
    job = await submitted(intake, units=AUTO)
    stale = await claimed(attempts)
    await attempts.release(stale)
    fresh = await claimed(attempts)
    await tuned(attempts, fresh)

    with pytest.raises(LeaseLost):
        await tuned(attempts, stale, 0.5)

    assert (await jobs.get(LAB, job.id)).spec.units.learning_rate == 0.25


async def test_a_dry_run_says_what_will_be_tuned(intake):
    open_, given = [await intake.estimate(a_spec(units=units), LAB) for units in (AUTO, {})]

    assert "the job's own model and all its 800 steps" in open_.estimate.tuning
    assert given.estimate.tuning is None
