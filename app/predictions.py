"""Questions to trained models, and what comes back."""

import asyncio
from collections.abc import Sequence
from typing import Any

from app.services import Services
from app.streaming.live import Live, heard
from unitscale.errors import Internal, Malformed, NoAnswer, NoSuchFormat, NoWeights, WrongInput
from unitscale.models.formats import Format, weights_file
from unitscale.models.jobs import Artifact
from unitscale.models.predictions import LENGTH, PredictionRequest, Predictions
from unitscale.wire.questions import Questions

GRACE_SECONDS = 2.0
"""In which a worker that ran out of time says so."""


async def predictions(services: Services, project: str, job_id: str, wanted: PredictionRequest) -> Predictions:
    """What the trained model says.

    Raises Malformed, NotFound, NoWeights, NoSuchFormat, WrongInput, Internal, NoAnswer.
    """
    _check_length(wanted)
    attempt, files = await services.jobs.artifacts(project, job_id)
    if not files:
        raise NoWeights(f"Job {job_id} has not succeeded, so there is no model to ask.")
    _check_format(wanted.format, files)
    folder = services.blobs.artifacts(job_id, attempt)
    question = {"folder": folder, **wanted.model_dump(mode="json", include={"inputs", "sampling", "format"})}
    seconds = services.settings.prediction_timeout_seconds
    ask_id = await services.questions.ask(job_id, question | {"seconds": seconds}, seconds)
    return _read(await _answer(services.questions, services.live, ask_id, seconds))


def _check_length(wanted: PredictionRequest) -> None:
    if wanted.sampling and (excess := wanted.sampling.excess(len(wanted.inputs))):
        raise Malformed(f"{LENGTH}: {excess}", ((LENGTH, excess),))


def _check_format(form: Format, files: Sequence[Artifact]) -> None:
    names = {file.name for file in files}
    if weights_file(form) not in names:
        there = ", ".join(each for each in Format if weights_file(each) in names)
        detail = f"The job left its model in {there}; ask for {form} by evaluation.formats when submitting."
        raise NoSuchFormat(detail, (("/format", detail),))


async def _answer(questions: Questions, live: Live, ask_id: str, seconds: float) -> dict[str, Any]:
    until = asyncio.get_running_loop().time() + seconds + GRACE_SECONDS
    with live.watch(ask_id) as topic:
        while (left := until - asyncio.get_running_loop().time()) > 0:
            news = topic.news
            if (found := await questions.answer_to(ask_id)) is not None:
                return found
            await heard(news, left)
    raise NoAnswer(f"No worker answered within {seconds:g} seconds.")


def _read(answer: dict[str, Any]) -> Predictions:
    if answer.get("trouble"):
        raise NoAnswer(answer["trouble"])
    if answer.get("failure"):
        raise Internal(answer["failure"])
    if answer.get("problem"):
        raise WrongInput(answer["problem"], tuple((pointer, detail) for pointer, detail in answer.get("fields", ())))
    return Predictions(outputs=tuple(answer["outputs"]))
