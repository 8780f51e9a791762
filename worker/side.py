"""The side queue: predictions and checks of data sets, by processes of their own while every slot trains."""

import asyncio
from typing import Any

import structlog

from unitscale.errors import StoreAway
from unitscale.wire.questions import Questions
from worker.checking import Checker
from worker.pipe import Answered, Ask
from worker.spare import Nursery, Trainer

LOOK_AGAIN_SECONDS = 0.05

log = structlog.get_logger()


class Side:
    """A trainer that only answers, kept from one question to the next with the models it has loaded."""

    def __init__(self, questions: Questions, checker: Checker, nursery: Nursery) -> None:
        self.questions = questions
        self.checker = checker
        self._nursery = nursery
        self._trainer: Trainer | None = None

    async def outputs(self, ask_id: str, question: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to one question; None when the process died over it."""
        trainer = await self._living()
        await trainer.order(Ask.model_validate({"ask": ask_id, **question}))
        async for message in trainer.said():
            if isinstance(message, Answered) and message.ask == ask_id:
                return message.model_dump(mode="json", include={"outputs", "problem", "fields"}, exclude_none=True)
        self._trainer = None
        return None

    async def _living(self) -> Trainer:
        if self._trainer is None or self._trainer.status.done():
            self._trainer = await self._nursery.trainer()
        return self._trainer


async def answer_all(side: Side) -> None:
    """Answer the questions and do the checks that wait, one check at a time beside the questions."""
    checking: asyncio.Task[bool] | None = None
    while True:
        answered = await _answer_one(side)
        if checking is None or (checking.done() and checking.result()):
            checking = asyncio.create_task(side.checker.check_one())
        if not answered and checking.done() and not checking.result():
            return
        if not answered:
            await asyncio.wait({checking}, timeout=LOOK_AGAIN_SECONDS)


async def _answer_one(side: Side) -> bool:
    """Answer the oldest question. One that kills the process is not answered: its asker is told to try again."""
    try:
        taken = await side.questions.take()
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
