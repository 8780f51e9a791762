"""The side queue: predictions, answered by a process of their own while every slot trains."""

from typing import Any

import structlog

from unitscale.errors import StoreAway
from unitscale.wire.questions import Questions
from worker.pipe import Answered, Ask
from worker.spare import Nursery, Trainer

log = structlog.get_logger()


class Side:
    """A trainer that only answers, kept from one question to the next with the models it has loaded."""

    def __init__(self, questions: Questions, nursery: Nursery) -> None:
        self.questions = questions
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
    """Answer the questions that wait. One that kills the process is not answered: its asker is told to try again."""
    try:
        while taken := await side.questions.take():
            ask_id, question = taken
            answer = await side.outputs(ask_id, question)
            if answer is None:
                log.error("a prediction killed its process", ask=ask_id)
            else:
                await side.questions.answer(ask_id, answer)
    except StoreAway:
        log.warning("the record is away; askers will ask again")
