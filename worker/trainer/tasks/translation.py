"""Translation: a text in another language.  N texts."""

from typing import Any

from worker.trainer.data.pairs import Asked
from worker.trainer.inference.sequences import Sequences

HAN = ("\u4e00", "\u9fff")


class Translation(Sequences):
    """Its metrics of whole texts are corpus BLEU and chrF, from 0 to 100, as sacrebleu has them."""

    def text_metrics(self, written: list[str], asked: Asked) -> dict[str, float]:
        """What translations are worth against what may be answered."""
        from sacrebleu.metrics import BLEU, CHRF  # noqa: PLC0415  its import takes a while, and is needed once

        references = [[answers[0] for _, answers in asked]]
        bleu = BLEU(tokenize="zh" if _is_chinese("".join(references[0])) else "13a")
        return {
            "bleu": bleu.corpus_score(written, references).score,
            "chrf": CHRF().corpus_score(written, references).score,
        }

    def text_documents(self, written: list[str], asked: Asked) -> dict[str, Any]:
        rows = zip(asked, written, strict=True)
        return {
            "translations.json": [
                {"source": source, "reference": answers[0], "hypothesis": text} for (source, answers), text in rows
            ]
        }


def _is_chinese(text: str) -> bool:
    """Whether words are not divided by spaces, so that characters are counted instead."""
    first, last = HAN
    return sum(first <= character <= last for character in text) > len(text) / 4
