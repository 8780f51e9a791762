"""Data sets that a team brings: uploaded, checked, then as good as the catalog's."""

from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import Field, StringConstraints

from unitscale.models.document import Answer, Document, Moment, id_field
from unitscale.models.jobs import Reason
from unitscale.models.specs import Name, TaskName

DatasetId = Annotated[str, id_field("ds")]
_PREFIX = "ds_"

FORMATS: dict[TaskName, tuple[str, ...]] = {
    TaskName.REGRESSION: (".csv", ".parquet"),
    TaskName.IMAGE_CLASSIFICATION: (".npz", ".zip"),
    TaskName.TEXT_GENERATION: (".txt", ".jsonl", ".zip"),
    TaskName.MASKED_LANGUAGE_MODELING: (".txt", ".jsonl", ".zip"),
    TaskName.SPEECH_RECOGNITION: (".zip",),
    TaskName.TRANSLATION: (".jsonl", ".tsv"),
    TaskName.QUESTION_ANSWERING: (".jsonl",),
}
"""What can be uploaded for each task, by the ending of the file's name."""


class DatasetState(StrEnum):
    """Where a data set stands. `ready` and `invalid` are final."""

    CHECKING = "checking"
    """Waits for its check, or is being checked."""
    READY = "ready"
    """Jobs can train on it."""
    INVALID = "invalid"
    """Refused for the reason it carries; nothing but this record was kept."""


class DatasetForm(Document):
    """What is said of a file that is uploaded."""

    task: TaskName
    name: Name
    target: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Regression: the column to be learnt; null: the last."""


class Splits(Answer):
    """Examples, or characters, of each split. The split belongs to the data set: equal rows are on one side."""

    training: Annotated[int, Field(ge=0)]
    validation: Annotated[int, Field(ge=0)]
    test: Annotated[int, Field(ge=0)]

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Of training, validation and test."""
        return self.training, self.validation, self.test


class Volume(NamedTuple):
    """How much there is to train on: examples, or the tokens of a text."""

    training_examples: int | None
    training_tokens: int | None


class Contents(Answer):
    """What a check found in a data set."""

    rows: int
    """Rows of a table, images, lines of text, documents, pairs, recordings, or files of tokens."""
    splits: Splits
    shape: tuple[int, ...] = ()
    """Of one example: (features,), or (height, width, channels)."""
    columns: tuple[str, ...] = ()
    """Regression: the features in the order in which predictions take them."""
    target: str | None = None
    classes: tuple[int | str, ...] = ()
    characters: int | None = None
    """Of a text; its splits are counted in characters too."""
    tokens: int | None = None
    """Of a text that came as tokens; its splits are counted in them."""
    rate: int | None = None
    """Of recordings: samples a second, to which all of them were brought."""
    seconds: float | None = None
    """Of all recordings together."""
    with_context: bool | None = None
    """Of pairs of texts: whether each row has a context in which its answer is to be found."""

    @property
    def volume(self) -> Volume:
        """How much there is to train on."""
        text = self.characters is not None or self.tokens is not None
        return Volume(None if text else self.splits.training, self.splits.training if text else None)


class Dataset(Answer):
    """An uploaded data set as it stands."""

    id: DatasetId
    state: DatasetState
    reason: Reason | None = None
    """Why it is invalid, naming the row or the file."""
    task: TaskName
    name: str
    target: str | None = None
    """The target column, as asked for."""
    rows: int | None = None
    """Null until it is ready."""
    bytes: int
    sha256: str
    contents: Contents | None = None
    """What the check found."""
    created_at: Moment
    checked_at: Moment | None = None


def is_uploaded(dataset: str | None) -> bool:
    """Whether a spec's `dataset` is the id of an upload, and no name of the catalog."""
    return dataset is not None and dataset.startswith(_PREFIX)
