"""What this trainer can train: tasks, data sets and models, a table each."""

from unitscale.errors import Impossible
from unitscale.models.specs import TaskName
from worker.trainer.data import (
    diabetes,
    digits,
    grammar,
    kjv,
    linear,
    prompts,
    shakespeare,
    trivia,
    ui_en_zh,
)
from worker.trainer.data.dataset import ByHeart, Corpus, Dataset, Pairs, Recordings
from worker.trainer.data.packages import absent
from worker.trainer.models.convnet import Convnet
from worker.trainer.models.encoder import Encoder
from worker.trainer.models.encoder_decoder import EncoderDecoder
from worker.trainer.models.linear import Linear
from worker.trainer.models.mlp import Mlp
from worker.trainer.models.speech_encoder import SpeechEncoder
from worker.trainer.models.transformer import Transformer
from worker.trainer.protocols import Model, Task
from worker.trainer.tasks.answer_spans import AnswerSpans
from worker.trainer.tasks.image_classification import ImageClassification
from worker.trainer.tasks.masked_language_modeling import MaskedLanguageModeling
from worker.trainer.tasks.question_answering import QuestionAnswering
from worker.trainer.tasks.regression import Regression
from worker.trainer.tasks.speech_recognition import SpeechRecognition
from worker.trainer.tasks.text_generation import TextGeneration
from worker.trainer.tasks.translation import Translation

TASKS: dict[str, Task] = {
    TaskName.REGRESSION: Regression(),
    TaskName.IMAGE_CLASSIFICATION: ImageClassification(),
    TaskName.TEXT_GENERATION: TextGeneration(),
    TaskName.MASKED_LANGUAGE_MODELING: MaskedLanguageModeling(),
    TaskName.SPEECH_RECOGNITION: SpeechRecognition(),
    TaskName.TRANSLATION: Translation(),
    TaskName.QUESTION_ANSWERING: QuestionAnswering(),
}

IN_CONTEXT: dict[tuple[str, str], Task] = {(TaskName.QUESTION_ANSWERING, "encoder"): AnswerSpans()}
"""Tasks that another kind of model learns in another way."""

MODELS: dict[str, Model] = {
    "linear": Linear(),
    "mlp": Mlp(),
    "convnet": Convnet(),
    "transformer": Transformer(),
    "encoder": Encoder(),
    "speech-encoder": SpeechEncoder(),
    "encoder-decoder": EncoderDecoder(),
}

DATASETS: dict[str, Dataset] = {
    "linear": Dataset(linear.make, validation=25, test=25, standardized=False),
    "diabetes": Dataset(diabetes.make, validation=66, test=66),
    "digits": Dataset(digits.make, validation=270, test=270),
    "grammar": Corpus(grammar.make, validation=20_000, test=20_000),
    "shakespeare": Corpus(absent("shakespeare"), validation=100_000, test=100_000, fetch=shakespeare.fetch),
    "prompts": Recordings(absent("prompts"), validation=60, test=60, fetch=prompts.fetch),
    "kjv": Corpus(absent("kjv"), validation=100_000, test=100_000, fetch=kjv.fetch),
    "kjv-reina-valera": Pairs(absent("kjv-reina-valera"), validation=500, test=500, fetch=kjv.fetch_pairs),
    "ui-en-zh": Pairs(absent("ui-en-zh"), validation=500, test=500, fetch=ui_en_zh.fetch),
    "trivia": ByHeart(absent("trivia"), validation=0, test=0, fetch=trivia.fetch),
}


def task_of(name: str, kind: str) -> Task:
    """What a kind of model makes of a task."""
    return IN_CONTEXT.get((name, kind), TASKS[name])


def check_known(task: str, kind: str) -> None:
    """Raises Impossible where this worker has not the plug-in that brings a task or a model."""
    unknown = [name for name, table in ((task, TASKS), (kind, MODELS)) if name not in table]
    if unknown:
        raise Impossible(f"This worker knows no '{unknown[0]}'; install the package that brings it.")
