"""A study that compares times, on two workers of different hardware: all of its trials go to one of them."""

import itertools

import pytest

from unitscale.models.document import moment
from unitscale.models.jobs import Result
from unitscale.models.workers import Abilities, Slot, Worker
from unitscale.wire.attempts import Advance, Attempts
from unitscale.wire.campaigns import Campaigns
from unitscale.wire.curves import PackedCurves
from unitscale.wire.datasets import Datasets
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Jobs
from unitscale.wire.questions import Questions
from unitscale.wire.workers import Workers
from worker.campaigns.advancer import Advancer

LINE = {"task": "regression", "dataset": "linear", "budget": {"steps": 10}}
RATES = {"learning_rate": {"choices": [0.1, 0.2, 0.3, 0.4]}}
STUDY = {"base": LINE, "objective": {"minimize": "training_seconds"}, "units": RATES, "sampler": "grid", "parallel": 4}
HARDWARE = {"new": "cpu-1 EPYC 9654, 96-Core (50% off)", "old": "cpu-1 EPYC 7551"}


class Service:
    """Two nodes of different hardware, the record between them, and who advances what is due."""

    def __init__(self, store):
        self.workers, self.campaigns = Workers(store), Campaigns(store, Jobs(store, Workers(store)))
        self.jobs, self.questions = Jobs(store, self.workers), Questions(store)
        self._advancer = Advancer(
            self.campaigns, PackedCurves(store), Intake(self.jobs, Datasets(store), self.workers, 1000)
        )
        self._attempts = {node: Attempts(store, 30, 5, hardware) for node, hardware in HARDWARE.items()}
        self._tickets = (f"ticket-{number}" for number in itertools.count())

    async def begin(self, study):
        for node, hardware in HARDWARE.items():
            slots, seen = (Slot(devices=("cpu:0",), queue="cpu-1"),), {"started_at": moment(0), "seen_at": moment(0)}
            abilities = Abilities(hardware=(hardware,), measures=("price",) if node == "old" else ())
            await self.workers.describe(
                Worker(id=node, hardware="", device="cpu", slots=slots, version="0", abilities=abilities, **seen)
            )
        held, _ = await self.campaigns.begin("lab", "study", study, {}, (1, 1000), None)
        return held.id

    async def advance(self):
        while await self._advancer.advance_one():
            pass

    async def claim(self, node):
        return await self._attempts[node].claim("cpu-1", next(self._tickets), node, "cpu:0")

    async def end(self, node, group, seconds):
        for job in group:
            await self._attempts[node].advance(job, Advance(10, 10, seconds, 0.0, 10), [])
            await self._attempts[node].succeed(job, Result(stopped_by="budget", val_loss=1.0, parameters=1), [])


@pytest.fixture
def service(store):
    return Service(store)


async def test_all_trials_go_to_workers_of_the_first_ones_hardware(service):
    study = await service.begin(STUDY)
    await service.advance()
    first = await service.claim("new")
    assert await service.claim("old") == []  # until it has ended, nobody knows where the others belong
    await service.end("new", first, 9.0)
    await service.advance()

    trained = 0
    while group := await service.claim("new"):
        assert await service.claim("old") == []
        await service.end("new", group, 8.0 - trained)
        await service.advance()
        trained += 1

    held = await service.campaigns.get("lab", "study", study)
    assert held.state == "succeeded"
    assert trained == 3 + 9
    assert held.document["winner"]["confirmed"]
    assert {job.hardware for job in (await service.campaigns.jobs(held)).values()} == {HARDWARE["new"]}


async def test_what_is_judged_by_price_goes_to_workers_that_know_one(service):
    await service.begin(STUDY | {"objective": {"minimize": "price"}})
    await service.advance()

    assert await service.claim("new") == []
    assert len(await service.claim("old")) == 1


async def test_they_wait_for_such_a_worker_and_say_so(service):
    study = await service.begin(STUDY)
    await service.advance()
    await service.end("new", await service.claim("new"), 1.0)
    await service.advance()
    await service.workers.leave("new")

    held = await service.campaigns.get("lab", "study", study)
    waiting = (await service.campaigns.jobs(held))[1]
    assert f"can do what it needs ({HARDWARE['new']})" in waiting.queue.why


async def test_they_stay_on_the_kind_of_device_of_the_first(service):
    study = await service.begin(STUDY)
    await service.advance()
    await service.end("new", await service.claim("new"), 1.0)
    await service.advance()

    held = await service.campaigns.get("lab", "study", study)
    first, *others = (await service.campaigns.jobs(held)).values()
    assert first.requested.resources.device == "auto"
    assert {job.requested.resources.device for job in others} == {"cpu"}  # where a GPU may have come meanwhile


async def test_their_models_answer_wherever_there_is_room(service):
    await service.begin(STUDY)
    await service.advance()
    await service.end("new", await service.claim("new"), 1.0)
    await service.advance()
    [job] = await service.claim("new")
    asked = await service.questions.ask(job.id, {"about": "it"}, 30)

    assert await service.questions.take("old") == (asked, {"about": "it"})


async def test_trials_that_are_judged_by_losses_go_anywhere(service):
    await service.begin(STUDY | {"objective": {"minimize": "val_loss"}})
    await service.advance()

    groups = [await service.claim(node) for node in ("new", "old")]

    assert sum(map(len, groups)) > 1
    assert all(groups)
