"""Predictions: asking a trained model."""

from app.dependencies import JobId, MayRead, ServicesDep
from app.errors import problems
from app.http.routing import routes_of
from app.predictions import predictions
from unitscale.errors import Internal, Malformed, NoAnswer, NoSuchFormat, NotFound, NoWeights, WrongInput
from unitscale.models.predictions import PredictionRequest, Predictions

router = routes_of("predictions")
REFUSALS = problems(NotFound, NoWeights, NoSuchFormat, Malformed, WrongInput, Internal, NoAnswer)


@router.post("/jobs/{job_id}/predictions", responses=REFUSALS)
async def predict(job_id: JobId, wanted: PredictionRequest, services: ServicesDep, caller: MayRead) -> Predictions:
    """What the trained model answers to these inputs, in their order."""
    return await predictions(services, caller.project, job_id, wanted)
