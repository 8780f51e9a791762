"""Question answering: a short text from a question, memorized."""

from typing import Any

from worker.trainer.data.pairs import Asked
from worker.trainer.evaluation import squad
from worker.trainer.inference.sequences import Sequences


class QuestionAnswering(Sequences):
    """Its metrics of whole texts are exact match and F1."""

    def text_metrics(self, written: list[str], asked: Asked) -> dict[str, float]:
        return squad.graded(written, [answers for _, answers in asked])

    def text_documents(self, written: list[str], asked: Asked) -> dict[str, Any]:
        return squad.document(written, asked)
