"""Grades of answers to questions: exact match and F1, from 0 to 1, as SQuAD has them (arXiv:1606.05250)."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation + "。，、！？；：「」“”‘’")
WORD = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|\S+?(?=[\s\u3040-\u30ff\u4e00-\u9fff]|$)")
"""Between blanks; of writing without blanks, each character."""


def graded(written: Sequence[str], right: Sequence[Sequence[str]]) -> dict[str, float]:
    """What answers are worth against the best of those that may be given."""
    pairs = [
        (_words(text), [_words(answer) for answer in answers]) for text, answers in zip(written, right, strict=True)
    ]
    return {
        "exact_match": sum(text in answers for text, answers in pairs) / len(pairs),
        "f1": sum(max(_f1(text, answer) for answer in answers) for text, answers in pairs) / len(pairs),
    }


def document(written: Sequence[str], asked: Sequence[tuple[str, list[str]]]) -> dict[str, Any]:
    """What was answered to questions, beside what may be: the file that a finished job leaves."""
    rows = zip(asked, written, strict=True)
    return {
        "answers.json": [
            {"question": question, "answers": answers, "prediction": text} for (question, answers), text in rows
        ]
    }


def _words(text: str) -> list[str]:
    """Without case, punctuation and articles."""
    return WORD.findall(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)))


def _f1(text: list[str], answer: list[str]) -> float:
    """Harmonic mean of the shares of words that are in the other one, too."""
    if not text or not answer:
        return float(text == answer)
    return 2 * sum((Counter(text) & Counter(answer)).values()) / (len(text) + len(answer))
