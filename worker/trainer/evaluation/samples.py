"""Samples: how a trained model goes on with texts that it has not learnt from."""

import traceback
from typing import Any

import torch
from torch import Tensor

from unitscale.models.predictions import Sampling
from worker.trainer.engine import kernels
from worker.trainer.inference.generation import TEMPERATURE, Writer
from worker.trainer.protocols import ContinuesText

SAMPLES = "samples.json"
LENGTHS = (25, 50, 100)
"""Tokens that are written to one text each."""


@kernels.multiplying_by(kernels.DEFAULT)  # as predictions do, which write the same when they are asked the same
@torch.inference_mode()
def samples(writer: Writer, task: ContinuesText, windows: Tensor, config: dict[str, Any]) -> dict[str, Any]:
    """The document of a finished job: texts of a split (N, T), what the model writes to them, and how it was asked."""
    try:
        asked = zip(task.beginnings(windows, len(LENGTHS), config), LENGTHS, strict=False)
        return {SAMPLES: [_sample(writer, task, text, count, config) for text, count in asked]}
    except Exception as error:  # the job has succeeded, whatever a team's own module makes of a short text
        traceback.print_exception(error)
        return {}


def _sample(writer: Writer, task: ContinuesText, text: str, count: int, config: dict[str, Any]) -> dict[str, Any]:
    sampling = Sampling(temperature=TEMPERATURE, max_tokens=count)
    [written] = task.format_outputs(writer.continued(task.parse_inputs((text,), config), sampling), config)
    how = sampling.model_dump(include={"temperature", "max_tokens", "seed"})
    return {"prompt": text, "continuation": written, "sampling": how}
