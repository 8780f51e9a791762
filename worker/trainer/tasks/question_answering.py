"""Question answering: a short text from a question, learnt by heart."""

from worker.trainer import grades
from worker.trainer.data.pairs import Asked
from worker.trainer.sequences import Sequences


class QuestionAnswering(Sequences):
    """Its metrics of whole texts are exact match and F1."""

    def graded(self, written: list[str], asked: Asked) -> dict[str, float]:
        return grades.graded(written, [answers for _, answers in asked])
