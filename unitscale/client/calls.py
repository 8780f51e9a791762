"""Every request there is: its verb and path, what it carries, what its answer is read as. Nothing is sent here."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, Literal, TypeVar
from urllib.parse import quote

import httpx2

from unitscale.client import answers
from unitscale.client.sending import Sent
from unitscale.models.advice import Advice, AdviceRequest
from unitscale.models.campaigns import kind_of
from unitscale.models.catalog import Catalog
from unitscale.models.curves import Curves
from unitscale.models.datasets import Dataset
from unitscale.models.document import Document
from unitscale.models.events import Event, LogLine
from unitscale.models.jobs import Artifact, Checkpoint, DryRun, Job
from unitscale.models.keys import IssuedKey, Key, Scope
from unitscale.models.pages import Page
from unitscale.models.predictions import Predictions, Sampling
from unitscale.models.scaling_laws import ScalingLaw, ScalingLawRequest
from unitscale.models.specs import JobSpec
from unitscale.models.workers import Worker

T = TypeVar("T")
D = TypeVar("D", bound=Document)
Spec = JobSpec | Mapping[str, object]
Sampled = Sampling | Mapping[str, object]
AdviceWanted = AdviceRequest | Mapping[str, object]
LawWanted = ScalingLawRequest | Mapping[str, object]
Value = str | int | None
Params = tuple[tuple[str, str], ...]
HOLD_SECONDS = 60
"""The longest that the service holds an answer back for `?wait=`."""
LARGEST_PAGE = 200
HEARTBEAT_SECONDS = 15
"""A stream on which nothing happens still says so this often."""


@dataclass(frozen=True)
class Upload:
    """A form with a file, which is read while it is sent, and again from its beginning when it is sent again."""

    fields: Mapping[str, str]
    file: Sent


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and how its answer is read."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    read: Callable[[httpx2.Response], T]
    params: Params = ()
    body: object = None
    upload: "Upload | None" = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    repeatable: bool = True
    """Sending it twice does no more than sending it once."""
    held_seconds: float = 0.0
    """How long the service may be silent on purpose."""


def submit(spec: Spec, idempotency_key: str | None) -> Call[Job]:
    key = idempotency_key or str(uuid.uuid4())  # so that a repeat after a lost answer is the same job
    return Call("POST", "/v1/jobs", answers.one(Job), body=_sent(spec), headers={"Idempotency-Key": key})


def dry_run(spec: Spec) -> Call[DryRun]:
    return Call("POST", "/v1/jobs", answers.one(DryRun), _params(dry_run="true"), body=_sent(spec))


def job(job_id: str, wait_seconds: int | None = None) -> Call[Job]:
    return _awaited(_job(job_id), Job, wait_seconds)


def jobs(
    state: str | None,
    task: str | None,
    labels: Mapping[str, str] | None,
    limit: int | None,
    cursor: str | None,
    campaign: str | None = None,
) -> Call[Page[Job]]:
    """`campaign`: the id of a sweep, a study or a transfer."""
    wanted = tuple(("label", f"{name}:{value}") for name, value in (labels or {}).items())
    params = _params(state=state, task=task, limit=limit, cursor=cursor) + wanted
    if campaign is not None:
        params += ((kind_of(campaign) or "sweep", campaign),)
    return Call("GET", "/v1/jobs", answers.one(Page[Job]), params)


def become(job_id: str, verb: Literal["cancel", "pause", "resume"]) -> Call[Job]:
    return Call("POST", _job(job_id, verb), answers.one(Job))


def delete(job_id: str) -> Call[None]:
    return Call("DELETE", _job(job_id), answers.nothing, repeatable=False)


def curves(
    job_id: str, keys: Iterable[str] = (), after_step: int | None = None, max_points: int | None = None
) -> Call[Curves]:
    params = _params(keys=",".join(keys) or None, after_step=after_step, max_points=max_points)
    return Call("GET", _job(job_id, "curves"), answers.one(Curves), params)


def curves_csv(job_id: str, keys: Iterable[str] = ()) -> Call[str]:
    params = _params(keys=",".join(keys) or None)
    return Call("GET", _job(job_id, "curves"), answers.text, params, headers={"Accept": "text/csv"})


def events(job_id: str, limit: int | None, cursor: str | None) -> Call[Page[Event]]:
    return Call("GET", _job(job_id, "events"), answers.one(Page[Event]), _params(limit=limit, cursor=cursor))


def stream(job_id: str, after: str | None) -> Call[None]:
    headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    bookmark = {"Last-Event-ID": after} if after else {}
    call = Call("GET", _job(job_id, "events"), answers.nothing, headers={**headers, **bookmark})
    return replace(call, held_seconds=HEARTBEAT_SECONDS)


def logs(job_id: str, limit: int | None, cursor: str | None) -> Call[Page[LogLine]]:
    return Call("GET", _job(job_id, "logs"), answers.one(Page[LogLine]), _params(limit=limit, cursor=cursor))


def checkpoints(job_id: str) -> Call[tuple[Checkpoint, ...]]:
    return Call("GET", _job(job_id, "checkpoints"), answers.several(Page[Checkpoint]))


def artifacts(job_id: str) -> Call[tuple[Artifact, ...]]:
    return Call("GET", _job(job_id, "artifacts"), answers.several(Page[Artifact]))


def artifact(job_id: str, name: str) -> Call[None]:
    return Call("GET", _job(job_id, f"artifacts/{quote(name, safe='')}"), answers.nothing, headers={"Accept": "*/*"})


def predict(
    job_id: str, inputs: Iterable[object], sampling: Sampled | None = None, form: str | None = None
) -> Call[Predictions]:
    """Not repeated: each try may last as long as the service waits for a worker."""
    body: dict[str, object] = {"inputs": list(inputs)}
    if sampling is not None:
        body["sampling"] = _sent(sampling)
    if form is not None:
        body["format"] = form
    call = Call("POST", _job(job_id, "predictions"), answers.one(Predictions), body=body)
    return replace(call, repeatable=False, held_seconds=HOLD_SECONDS)


def begin(noun: str, kind: type[D], spec: Document | Mapping[str, object], idempotency_key: str | None) -> Call[D]:
    """A sweep, a study or a transfer. Held, since its first jobs are submitted before it is answered."""
    headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    call = Call("POST", f"/v1/{noun}", answers.one(kind), body=_sent(spec), headers=headers)
    return replace(call, held_seconds=HOLD_SECONDS)


def campaign(noun: str, kind: type[D], campaign_id: str, wait_seconds: int | None = None) -> Call[D]:
    return _awaited(f"/v1/{noun}/{quote(campaign_id, safe='')}", kind, wait_seconds)


def campaigns(noun: str, kind: type[D], limit: int | None, cursor: str | None) -> Call[Page[D]]:
    return Call("GET", f"/v1/{noun}", answers.one(Page[kind]), _params(limit=limit, cursor=cursor))


def call_off(noun: str, kind: type[D], campaign_id: str) -> Call[D]:
    return Call("POST", f"/v1/{noun}/{quote(campaign_id, safe='')}/cancel", answers.one(kind))


def fit_scaling_law(wanted: LawWanted) -> Call[ScalingLaw]:
    """Not repeated: each try may wait for the fits of others."""
    call = Call("POST", "/v1/scaling-laws", answers.one(ScalingLaw), body=_sent(wanted))
    return replace(call, repeatable=False, held_seconds=HOLD_SECONDS)


def advise(wanted: AdviceWanted) -> Call[Advice]:
    return Call("POST", "/v1/advice", answers.one(Advice), body=_sent(wanted))


def study_report(study_id: str) -> Call[str]:
    return Call("GET", f"/v1/studies/{quote(study_id, safe='')}/report", answers.text, headers={"Accept": "text/html"})


def catalog() -> Call[Catalog]:
    return Call("GET", "/v1/catalog", answers.one(Catalog))


def upload(file: Sent, task: str, name: str | None, target: str | None, key: str | None) -> Call[Dataset]:
    given = {"task": task, "name": name, "target": target}
    form = Upload({field: value for field, value in given.items() if value is not None}, file)
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    call = Call("POST", "/v1/datasets", answers.one(Dataset), upload=form, headers=headers)
    return replace(call, held_seconds=HOLD_SECONDS)


def dataset(dataset_id: str, wait_seconds: int | None = None) -> Call[Dataset]:
    return _awaited(_dataset(dataset_id), Dataset, wait_seconds)


def datasets(limit: int | None, cursor: str | None) -> Call[Page[Dataset]]:
    return Call("GET", "/v1/datasets", answers.one(Page[Dataset]), _params(limit=limit, cursor=cursor))


def delete_dataset(dataset_id: str) -> Call[None]:
    return Call("DELETE", _dataset(dataset_id), answers.nothing, repeatable=False)


def workers() -> Call[tuple[Worker, ...]]:
    return Call("GET", "/v1/workers", answers.several(Page[Worker]))


def create_key(project: str, scopes: Iterable[Scope]) -> Call[IssuedKey]:
    body = {"project": project, "scopes": list(scopes)}
    return Call("POST", "/v1/keys", answers.one(IssuedKey), body=body, repeatable=False)


def keys(cursor: str | None) -> Call[Page[Key]]:
    return Call("GET", "/v1/keys", answers.one(Page[Key]), _params(limit=LARGEST_PAGE, cursor=cursor))


def delete_key(key_id: str) -> Call[None]:
    return Call("DELETE", f"/v1/keys/{quote(key_id, safe='')}", answers.nothing, repeatable=False)


def health() -> Call[dict[str, object]]:
    return Call("GET", "/readyz", answers.anything)


def version() -> Call[str]:
    return Call("GET", "/openapi.json", answers.described_version)


def _awaited(path: str, kind: type[D], wait_seconds: int | None) -> Call[D]:
    held = min(wait_seconds or 0, HOLD_SECONDS)
    return Call("GET", path, answers.one(kind), _params(wait=held or None), held_seconds=held)


def _job(job_id: str, part: str = "") -> str:
    return f"/v1/jobs/{quote(job_id, safe='')}" + (f"/{part}" if part else "")


def _dataset(dataset_id: str) -> str:
    return f"/v1/datasets/{quote(dataset_id, safe='')}"


def _params(**values: Value) -> Params:
    return tuple((name, str(value)) for name, value in values.items() if value is not None)


def _sent(document: Document | Mapping[str, object]) -> object:
    return dict(document) if isinstance(document, Mapping) else document.model_dump(mode="json", exclude_unset=True)
