"""The check of an upload: what it holds, prepared for training beside it; or why it cannot be used."""

import traceback
from pathlib import Path

import numpy as np

from unitscale.errors import BadDataset
from unitscale.models.catalog import OF_TEXT
from unitscale.models.datasets import Contents
from unitscale.models.specs import TaskName
from worker.pipe import Check, Checked
from worker.trainer.checks.arrays import check_arrays
from worker.trainer.checks.columns import check_columns
from worker.trainer.checks.images import check_pictures
from worker.trainer.checks.pairs import PAIRED, check_pairs
from worker.trainer.checks.shards import check_shards
from worker.trainer.checks.speech import check_speech
from worker.trainer.checks.splits import Arrays
from worker.trainer.checks.tables import check_table
from worker.trainer.checks.texts import check_documents, check_text
from worker.trainer.data import uploaded

TEXTS = {".txt": check_text, ".jsonl": check_documents, ".zip": check_shards}
"""They write what they prepare as they read."""
PLAIN = (".txt", ".jsonl")


def check(order: Check) -> Checked:
    """What was found, whatever the file holds."""
    try:
        return Checked(dataset=order.dataset, contents=_prepare(order))
    except BadDataset as error:
        return Checked(dataset=order.dataset, problem=error.message)
    except MemoryError:
        return Checked(dataset=order.dataset, problem="It needs more memory than this worker has.")
    except FileNotFoundError:
        return Checked(dataset=order.dataset, problem="The uploaded file is gone.")
    except OSError:  # a full disk is no fault of the file: this process ends, and the check is tried again
        raise
    except Exception as error:  # a file that finds a hole in a check must not circle; the log says where
        traceback.print_exception(error)
        return Checked(dataset=order.dataset, problem=f"It could not be read: {type(error).__name__}.")


def _prepare(order: Check) -> Contents:
    folder = Path(order.folder)
    file = folder / uploaded.UPLOAD
    if not file.stat().st_size:
        raise BadDataset("The file is empty.")
    with uploaded.preparing(folder) as unfinished:
        contents = _read(order, file, unfinished)
        uploaded.describe(unfinished, contents)
    return contents


def _read(order: Check, file: Path, unfinished: Path) -> Contents:
    if order.task in OF_TEXT or (order.task not in PAIRED and order.format in PLAIN):
        return TEXTS[order.format](file, unfinished / uploaded.TENSORS)
    tensors, contents = _tensors(order, file)
    uploaded.write(unfinished, tensors)
    return contents


def _tensors(order: Check, file: Path) -> tuple[dict[str, np.ndarray], Contents]:
    if order.task in PAIRED:
        return check_pairs(file, order.format, order.task)
    if order.task is TaskName.SPEECH_RECOGNITION:
        heard, contents = check_speech(file)
        return {
            **heard.arrays._asdict(),
            "alphabet": heard.alphabet,
            "rate": np.array([heard.rate], np.int32),
        }, contents
    arrays, contents = _examples(order, file)
    return arrays._asdict(), contents


def _examples(order: Check, file: Path) -> tuple[Arrays, Contents]:
    match order.format:
        case ".csv":
            return check_table(file, order.target)
        case ".parquet":
            return check_columns(file, order.target)
        case ".npz":
            return check_arrays(file)
        case ".zip":
            return check_pictures(file)
        case other:
            raise BadDataset(f"This worker cannot read {other} files.")
