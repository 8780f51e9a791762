"""What only some nodes can do waits for them, and holds nothing else up."""

import itertools

import pytest

from unitscale.models.catalog import CatalogModel, Plugins
from unitscale.models.document import moment
from unitscale.models.specs import JobSpec
from unitscale.models.workers import Abilities, Slot, Worker
from unitscale.wire.attempts import Attempts
from unitscale.wire.datasets import Datasets
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Jobs
from unitscale.wire.questions import Questions
from unitscale.wire.workers import Workers

LAB = "lab"
TICKETS = (f"ticket-{n}" for n in itertools.count())
HIGHWAY = CatalogModel(
    kind="highway", tasks=("regression",), sizes={}, content="", learning_rates={"adamw": 0.01}, package="p 1"
)
OWN = {"task": "regression", "model": {"kind": "highway"}}
NODES = {
    "plain": Abilities(),
    "able": Abilities(models=("linear", "highway"), plugins=Plugins(models=(HIGHWAY,))),
}
PLAIN = {"task": "regression", "resources": {"alone": True}}


@pytest.fixture
def workers(store):
    return Workers(store)


@pytest.fixture
def jobs(store, workers):
    return Jobs(store, workers)


@pytest.fixture
async def intake(store, jobs, workers):
    """Of a service with two nodes, one of which has a plug-in."""
    for name in NODES:
        await workers.describe(a_node(name))
    return Intake(jobs, Datasets(store), workers, max_unfinished_jobs=2000)


@pytest.fixture
def claim(store, workers):
    """What a node's slot is given. Its node says that it is there, as nodes do every few seconds."""
    attempts = Attempts(store, lease_seconds=30, max_losses=3)

    async def ids(worker):
        if worker in NODES:
            await workers.describe(a_node(worker))
        return [job.id for job in await attempts.claim("cpu-1", next(TICKETS), worker, "cpu")]

    return ids


def a_node(name):
    slots = (Slot(devices=("cpu:0",), queue="cpu-1"),)
    seen = {"started_at": moment(0), "seen_at": moment(0)}
    return Worker(id=name, hardware="", device="cpu", slots=slots, version="0", abilities=NODES[name], **seen)


async def submitted(intake, spec):
    return (await intake.submit(JobSpec.model_validate(spec), LAB))[0]


async def test_a_job_is_left_to_the_node_that_can_do_it(intake, claim):
    own = await submitted(intake, OWN)
    plain = await submitted(intake, PLAIN)

    assert await claim("plain") == [plain.id]
    assert await claim("plain") == []
    assert await claim("nobody heard of") == []
    assert await claim("able") == [own.id]


async def test_a_node_that_can_do_it_takes_jobs_in_their_order(intake, claim):
    own, plain = await submitted(intake, OWN), await submitted(intake, PLAIN)

    assert [await claim("able"), await claim("able")] == [[own.id], [plain.id]]


async def test_many_jobs_that_a_node_cannot_do_do_not_hide_one_that_it_can(intake, claim):
    for _ in range(25):
        await submitted(intake, OWN)
    plain = await submitted(intake, PLAIN)

    assert await claim("plain") == [plain.id]


async def test_a_job_says_when_nobody_can_do_it_any_more(intake, jobs, workers):
    own = await submitted(intake, OWN)
    before = await jobs.get(LAB, own.id)
    await workers.leave("able")
    after = await jobs.get(LAB, own.id)

    assert before.queue.why == "It is next for 1 slot(s)."
    assert "can do what it needs (highway)" in after.queue.why


async def test_a_question_is_left_to_the_node_that_has_the_model(intake, store):
    questions = Questions(store)
    own, plain = await submitted(intake, OWN), await submitted(intake, PLAIN)
    first = await questions.ask(own.id, {"about": "own"}, 30)
    second = await questions.ask(plain.id, {"about": "plain"}, 30)

    assert await questions.take("plain") == (second, {"about": "plain"})
    assert await questions.take("plain") is None
    assert await questions.take("able") == (first, {"about": "own"})
    assert await questions.take("able") is None


async def test_a_question_that_nobody_waits_for_is_forgotten(intake, store):
    questions = Questions(store)
    own = await submitted(intake, OWN)
    await questions.ask(own.id, {"about": "own"}, 0.001)
    while await store.redis.exists("ask:" + (await store.redis.lrange("asks", 0, -1))[0].decode().split()[0]):
        pass

    assert await questions.take("plain") is None
    assert await store.redis.llen("asks") == 0
