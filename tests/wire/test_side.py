"""The side queue's process: whatever goes wrong with one question, its asker hears, and nothing is left running."""

import asyncio
import os

import pytest
from structlog.testing import capture_logs

from unitscale.errors import FilesAway
from unitscale.models.specs import TaskName
from unitscale.wire.checks import Check
from unitscale.wire.questions import Questions
from worker.side import overheard
from worker.side.checking import Checker
from worker.side.process import Side, answer_all
from worker.slot.spare import Nursery


class Idle:
    """Has nothing to check and nothing to advance."""

    async def check_one(self):
        return False

    async def advance_one(self):
        return False


class Busy(Idle):
    """Checks something until it is told to stop."""

    stopped = False

    async def check_one(self):
        try:
            await asyncio.sleep(3600)
        finally:
            self.stopped = True


class Barren:
    """A nursery whose process keeps dying."""

    async def trainer(self):
        raise ConnectionError("dead again")


class Everywhere:
    """A shelf that has all there is."""

    elsewhere = False

    def bring(self, name):
        return name


class Unreachable(Everywhere):
    """An object store that is away."""

    elsewhere = True

    def bring(self, name):
        raise FilesAway("The object store cannot be reached.")


class OneCheck:
    """A record in which one check waits, and stays held by whoever took it."""

    def __init__(self):
        self.waiting = [Check("ds_a", 1, TaskName.REGRESSION, ".csv", "y", "00" * 32)]

    async def take(self):
        return self.waiting.pop() if self.waiting else None


class NoFile:
    """Uploads of which one is a folder."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "upload").mkdir()

    def bring(self, dataset):
        return self.folder


class Broken(Questions):
    """A record in which something lies that nobody can read."""

    async def take(self, worker):
        await asyncio.sleep(0)
        raise ValueError("what is this?")


IDLE, EVERYWHERE = Idle(), Everywhere()


@pytest.fixture
async def nursery(tmp_path):
    nursery = Nursery(tmp_path)
    yield nursery
    nursery.close()
    await asyncio.sleep(0.1)  # in which what is closed is taken apart


@pytest.fixture
def side(store):
    """Makes a side whose worker stays."""
    stays, leaving = os.pipe()

    def make(nursery, shelf=EVERYWHERE, busy=IDLE, questions=Questions):
        return Side("node", questions(store), shelf, busy, IDLE, nursery, stays)

    yield make
    os.close(stays)
    os.close(leaving)


async def asked(side, **question):
    """The id of a question about a model."""
    return await side.questions.ask("job_a", {"folder": "jobs/a", "seconds": 5, **question}, 60)


async def test_an_asker_is_told_that_no_process_can_be_made(side):
    barren = side(Barren())
    questions = [await asked(barren, inputs=[1]) for _ in range(2)]

    await answer_all(barren)

    for question in questions:
        assert "its log says why" in (await barren.questions.answer_to(question))["trouble"]


async def test_an_asker_is_told_that_the_object_store_is_away(side):
    apart = side(Barren(), Unreachable())
    question = await asked(apart, inputs=[1])

    await answer_all(apart)

    assert await apart.questions.answer_to(question) == {"trouble": "The object store cannot be reached."}


async def test_a_question_that_is_none_is_answered_too(side, nursery):
    here = side(nursery)
    question = await asked(here)

    await answer_all(here)

    assert "its log says why" in (await here.questions.answer_to(question))["trouble"]


async def test_an_error_that_nobody_expects_leaves_no_work_running(side):
    busy = Busy()
    with pytest.raises(ValueError, match="what is this"):
        await answer_all(side(Barren(), busy=busy, questions=Broken))

    assert busy.stopped


async def test_an_asker_is_told_that_the_answer_took_too_long(side, nursery):
    here = side(nursery)
    question = await asked(here, inputs=[1], seconds=0)

    with capture_logs() as logs:
        await answer_all(here)

    assert "fewer inputs or tokens" in (await here.questions.answer_to(question))["trouble"]
    assert "a prediction took too long" in (events := [entry["event"] for entry in logs])
    assert "a prediction killed its process" not in events


async def test_the_log_says_why_a_model_could_not_answer(side, nursery):
    here = side(nursery)
    question = await asked(here, inputs=[1])

    with capture_logs() as logs:
        await answer_all(here)
    await here.let_go()

    assert "the worker's log says why" in (await here.questions.answer_to(question))["failure"]
    assert any("FileNotFoundError" in printed for printed in lines(logs))


async def test_the_log_says_why_a_check_failed(side, nursery, tmp_path):
    checker = Checker(OneCheck(), NoFile(tmp_path), nursery, lease_seconds=60)

    with capture_logs() as logs:
        await answer_all(side(nursery, busy=checker))

    assert any("IsADirectoryError" in printed for printed in lines(logs))


async def test_of_a_long_line_the_log_has_the_beginning():
    pipe = asyncio.StreamReader()
    pipe.feed_data(b"x" * 10**6 + b"\nand\n\nso on")
    pipe.feed_eof()

    with capture_logs() as logs:
        await overheard.write_down(pipe)

    assert lines(logs) == ["x" * overheard.LINE_BYTES, "and", "so on"]


def lines(logs):
    """What a trainer printed, of a worker's log."""
    return [entry["line"] for entry in logs if "line" in entry]
