"""The side queue: predictions and checks of data sets, by processes of their own while every slot trains."""

import asyncio
import contextlib
from asyncio import to_thread
from typing import Any

import structlog

from unitscale.errors import StoreAway
from unitscale.wire.questions import Questions
from unitscale.wire.shelves import Shelf
from worker import leave
from worker.checking import Checker
from worker.pipe import Answered, Ask
from worker.spare import Nursery, Trainer

LOOK_AGAIN_SECONDS = 0.05
log = structlog.get_logger()


class Side:
    """A trainer that only answers, kept from one question to the next with the models it has loaded."""

    def __init__(
        self, worker: str, questions: Questions, shelf: Shelf, checker: Checker, nursery: Nursery, leaving: int
    ) -> None:
        self.worker = worker
        self.questions = questions
        self._shelf = shelf
        self.checker = checker
        self.leaving = leaving
        """A descriptor that becomes readable when the worker is to leave, or its main process is gone."""
        self._nursery = nursery
        self._trainer: Trainer | None = None

    async def outputs(self, ask_id: str, question: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to one question; None when the process died over it. Raises FilesAway."""
        trainer = await self._living()
        folder, seconds = await self._brought(question["folder"]), question.pop("seconds")
        await trainer.order(Ask.model_validate({"ask": ask_id, **question, "folder": folder}))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # who asked waits no longer, and others wait behind it
                async for message in trainer.said():
                    if isinstance(message, Answered) and message.ask == ask_id:
                        fields = {"outputs", "problem", "fields"}
                        return message.model_dump(mode="json", include=fields, exclude_none=True)
        await trainer.gone()
        self._trainer = None
        return None

    async def _brought(self, name: str) -> str:
        """A model's files, on this machine."""
        if self._shelf.elsewhere:
            return str(await to_thread(self._shelf.bring, name))
        return str(self._shelf.bring(name))

    async def _living(self) -> Trainer:
        if self._trainer is None or self._trainer.status.done():
            self._trainer = await self._nursery.trainer()
        return self._trainer


async def answer_all(side: Side) -> None:
    """Answer the questions and do the checks that wait, one check at a time beside the questions.

    When the worker leaves, a check that is not done is given back.
    """
    checking = asyncio.create_task(_check_all(side.checker))
    with leave.heard(side.leaving) as leaving:
        while True:
            if await _answer_one(side):
                checking = asyncio.create_task(_check_all(side.checker)) if checking.done() else checking
            elif checking.done() or leaving.is_set():
                break
            else:
                await asyncio.wait({checking}, timeout=LOOK_AGAIN_SECONDS)
    checking.cancel()
    await asyncio.gather(checking, return_exceptions=True)


async def _check_all(checker: Checker) -> None:
    """Do the checks that wait. One that fails here is tried again when its lease has run out."""
    try:
        while await checker.check_one():
            pass
    except Exception as error:  # a check must not take the predictions down with it
        log.error("a check failed; it is tried again", error=repr(error))


async def _answer_one(side: Side) -> bool:
    """Answer the oldest question. One that kills the process is not answered: its asker is told to try again."""
    try:
        taken = await side.questions.take(side.worker)
        if taken is None:
            return False
        ask_id, question = taken
        answer = await side.outputs(ask_id, question)
        if answer is None:
            log.error("a prediction killed its process", ask=ask_id)
        else:
            await side.questions.answer(ask_id, answer)
    except StoreAway:
        log.warning("the record is away; askers will ask again")
        return False
    return True
