"""The side queue: predictions, checks of data sets and campaigns, by processes of their own while every slot trains."""

import asyncio
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from unitscale.errors import FilesAway, StoreAway
from unitscale.wire.questions import Questions
from unitscale.wire.shelves import Shelf
from worker import leave
from worker.campaigns.advancer import Advancer
from worker.pipe import Answered, Ask
from worker.side.checking import Checker
from worker.side.overheard import Overheard
from worker.slot.spare import Nursery, Trainer

LOOK_AGAIN_SECONDS = 0.05
log = structlog.get_logger()


class Side:
    """A trainer that only answers, kept from one question to the next with the models it has loaded."""

    def __init__(
        self,
        worker: str,
        questions: Questions,
        shelf: Shelf,
        checker: Checker,
        advancer: Advancer,
        nursery: Nursery,
        leaving: int,
    ) -> None:
        self.worker = worker
        self.questions = questions
        self._shelf = shelf
        self.checker = checker
        self.advancer = advancer
        self.leaving = leaving
        """A descriptor that becomes readable when the worker is to leave, or its main process is gone."""
        self._nursery = Overheard(nursery)
        self._trainer: Trainer | None = None

    async def outputs(self, ask_id: str, question: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to one question, or why there is none; None when the process died over it. Raises FilesAway."""
        folder, seconds = await self._brought(question["folder"]), question.pop("seconds")
        trainer = await self._living()
        await trainer.order(Ask.model_validate({"ask": ask_id, **question, "folder": folder}))
        try:
            async with asyncio.timeout(seconds):  # who asked waits no longer, and others wait behind it
                if answer := await _said(trainer, ask_id):
                    return answer
        except TimeoutError:
            log.warning("a prediction took too long", ask=ask_id, seconds=seconds)
            answer = {"trouble": f"The answer took longer than {seconds:g} seconds; ask for fewer inputs or tokens."}
        await self.let_go()
        return answer

    async def let_go(self) -> None:
        """End the trainer, if there is one; the next question gets a new one."""
        trainer, self._trainer = self._trainer, None
        if trainer is not None:
            await trainer.gone()

    async def _brought(self, name: str) -> str:
        """A model's files, on this machine."""
        if self._shelf.elsewhere:
            return str(await to_thread(self._shelf.bring, name))
        return str(self._shelf.bring(name))

    async def _living(self) -> Trainer:
        if self._trainer is None or self._trainer.status.done():
            self._trainer = await self._nursery.trainer()
        return self._trainer


async def _said(trainer: Trainer, ask_id: str) -> dict[str, Any] | None:
    """What the trainer answers; None when it is gone."""
    async for message in trainer.said():
        if isinstance(message, Answered) and message.ask == ask_id:
            fields = {"outputs", "problem", "fields", "failure"}
            return message.model_dump(mode="json", include=fields, exclude_none=True)
    return None


async def answer_all(side: Side) -> None:
    """Answer the questions; beside them, one at a time, do the checks and advance the campaigns that wait.

    When the worker leaves, a check that is not done is given back.
    """
    chores = [Chore(side.checker.check_one), Chore(side.advancer.advance_one)]
    try:
        with leave.heard(side.leaving) as leaving:
            await _answer_while(side, chores, leaving)
    finally:
        for chore in chores:
            chore.task.cancel()
        await asyncio.gather(*(chore.task for chore in chores), return_exceptions=True)


async def _answer_while(side: Side, chores: "list[Chore]", leaving: asyncio.Event) -> None:
    """Until nothing waits, or the worker leaves."""
    while True:
        if await _answer_one(side):
            for chore in chores:
                chore.begin()
        elif all(chore.task.done() for chore in chores) or leaving.is_set():
            return
        else:
            await asyncio.wait({chore.task for chore in chores if not chore.task.done()}, timeout=LOOK_AGAIN_SECONDS)


class Chore:
    """What is done beside the questions for as long as any of it waits."""

    def __init__(self, do_one: Callable[[], Awaitable[bool]]) -> None:
        self._do_one = do_one
        self.task = asyncio.create_task(self._do_all())

    def begin(self) -> None:
        """Do what waits, unless that is being done."""
        if self.task.done():
            self.task = asyncio.create_task(self._do_all())

    async def _do_all(self) -> None:
        """One that fails here is tried again when its lease has run out."""
        try:
            while await self._do_one():
                pass
        except Exception as error:  # it must not take the predictions down with it
            log.error("work on the side failed; it is tried again", error=repr(error), exc_info=True)


async def _answer_one(side: Side) -> bool:
    """Answer the oldest question. One that kills the process is not answered: its asker is told to try again."""
    try:
        taken = await side.questions.take(side.worker)
        if taken is None:
            return False
        ask_id, question = taken
        answer = await _answer(side, ask_id, question)
        if answer is None:
            log.error("a prediction killed its process", ask=ask_id)
        else:
            await side.questions.answer(ask_id, answer)
    except StoreAway:
        log.warning("the record is away; askers will ask again")
        return False
    return True


async def _answer(side: Side, ask_id: str, question: dict[str, Any]) -> dict[str, Any] | None:
    """The answer, or why there is none; None when the process died over it."""
    try:
        return await side.outputs(ask_id, question)
    except FilesAway as error:
        log.warning("the object store is away; the asker is told to ask again", ask=ask_id)
        return {"trouble": error.message}
    except Exception as error:  # it must not take the other questions and the work beside them down with it
        log.error("a prediction failed", ask=ask_id, error=repr(error), exc_info=True)
        await side.let_go()  # what it says next may be about this question
        return {"trouble": "The worker failed over the question; its log says why."}
