"""The client for code that awaits: the verbs of `sync`, awaited."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Self, TypeVar, Unpack

import httpx2

from unitscale.client import answers, calls, comparing, connecting
from unitscale.client.calls import AdviceWanted, Call, LawWanted, Sampled, Spec
from unitscale.client.campaigns import AsyncCampaigns
from unitscale.client.comparing import Asked
from unitscale.client.downloads import whole_file
from unitscale.client.following import LARGEST_EVENT_BYTES, Reader
from unitscale.client.retries import Outcome, Retries
from unitscale.client.sending import Progress, open_file
from unitscale.models.advice import Advice
from unitscale.models.catalog import Catalog
from unitscale.models.comparisons import Comparison
from unitscale.models.curves import Curves
from unitscale.models.datasets import Dataset, DatasetState
from unitscale.models.events import Event, LogLine
from unitscale.models.jobs import ENDED, Artifact, Checkpoint, DryRun, Job
from unitscale.models.keys import IssuedKey, Key, Scope
from unitscale.models.pages import Page
from unitscale.models.predictions import Predictions
from unitscale.models.scaling_laws import ScalingLaw
from unitscale.models.studies import Study, StudySpec
from unitscale.models.sweeps import Sweep, SweepSpec
from unitscale.models.transfers import Transfer, TransferSpec
from unitscale.models.workers import Worker

T = TypeVar("T")


class AsyncClient:
    """Every verb of the API. Raises the errors of `unitscale.errors`, Unreachable, NotUnderstood."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        timeout_seconds: float = 30.0,
        retries: Retries | None = None,
    ) -> None:
        self._http = httpx2.AsyncClient(transport=transport, **connecting.options(base_url, api_key, timeout_seconds))
        self._retries = retries or Retries()
        self.sweeps = AsyncCampaigns[Sweep, SweepSpec](self._send, "sweeps", Sweep)
        self.transfers = AsyncCampaigns[Transfer, TransferSpec](self._send, "transfers", Transfer)
        self.studies = AsyncCampaigns[Study, StudySpec](self._send, "studies", Study)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def submit(self, spec: Spec, idempotency_key: str | None = None) -> Job:
        """Hand in a job. Sent again after a lost answer, it is still one job."""
        return await self._send(calls.submit(spec, idempotency_key))

    async def dry_run(self, spec: Spec) -> DryRun:
        """The spec as it would run, and what it would take; nothing is stored."""
        return await self._send(calls.dry_run(spec))

    async def job(self, job_id: str, wait_seconds: int | None = None) -> Job:
        """The job as it stands; with `wait_seconds` (at most 60), once it has ended or that time is over."""
        return await self._send(calls.job(job_id, wait_seconds))

    async def wait(self, job_id: str) -> Job:
        """The job, once it has ended."""
        while (job := await self.job(job_id, calls.HOLD_SECONDS)).state not in ENDED:
            pass
        return job

    async def jobs(
        self,
        state: str | None = None,
        task: str | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        campaign: str | None = None,
    ) -> Page[Job]:
        """A page of the jobs that match, newest first; `campaign` is the id of a sweep, a study or a transfer."""
        return await self._send(calls.jobs(state, task, labels, limit, cursor, campaign))

    def iterate_jobs(
        self,
        state: str | None = None,
        task: str | None = None,
        labels: Mapping[str, str] | None = None,
        campaign: str | None = None,
    ) -> AsyncIterator[Job]:
        """Every job that matches, newest first, over as many pages as there are."""
        return self._every(lambda cursor: calls.jobs(state, task, labels, calls.LARGEST_PAGE, cursor, campaign))

    async def cancel(self, job_id: str) -> Job:
        """Call it off. A running job's `wish` says so until it has stopped."""
        return await self._send(calls.become(job_id, "cancel"))

    async def pause(self, job_id: str) -> Job:
        """Set it aside with its checkpoint."""
        return await self._send(calls.become(job_id, "pause"))

    async def resume(self, job_id: str) -> Job:
        """Put a paused job back in its queue."""
        return await self._send(calls.become(job_id, "resume"))

    async def delete(self, job_id: str) -> None:
        """Forget an ended job and its files."""
        await self._send(calls.delete(job_id))

    async def curves(
        self,
        job_id: str,
        keys: Iterable[str] = (),
        after_step: int | None = None,
        max_points: int | None = None,
    ) -> Curves:
        """Measures over steps. Pass the answer's `last_step` as the next `after_step` to poll."""
        return await self._send(calls.curves(job_id, keys, after_step, max_points))

    async def curves_csv(self, job_id: str, keys: Iterable[str] = ()) -> str:
        """Every point at full resolution: attempt,step,time,key,value."""
        return await self._send(calls.curves_csv(job_id, keys))

    async def events(self, job_id: str, limit: int | None = None, cursor: str | None = None) -> Page[Event]:
        """A page of what happened, oldest first."""
        return await self._send(calls.events(job_id, limit, cursor))

    async def follow(self, job_id: str, after: str | None = None) -> AsyncIterator[Event]:
        """What happened and what happens, until the job has ended; lost connections are taken up where they broke."""
        reader = Reader(job_id, self._retries, after)
        while not reader.ended:
            outcome = await self._attempt(reader.call(), stream=True)
            try:
                async with aclosing(_events(outcome, reader)) as events:
                    async for event in events:
                        yield event
            except httpx2.RequestError as error:
                outcome = error
            if not reader.ended:
                await asyncio.sleep(reader.broken(outcome, self._url))

    async def logs(self, job_id: str, limit: int | None = None, cursor: str | None = None) -> Page[LogLine]:
        """A page of what the trainer wrote, oldest first."""
        return await self._send(calls.logs(job_id, limit, cursor))

    def iterate_logs(self, job_id: str) -> AsyncIterator[LogLine]:
        """Every line that the trainer has written so far."""
        return self._every(lambda cursor: calls.logs(job_id, calls.LARGEST_PAGE, cursor))

    async def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """Moments of training that can be returned to."""
        return await self._send(calls.checkpoints(job_id))

    async def artifacts(self, job_id: str) -> tuple[Artifact, ...]:
        """Files that the job left."""
        return await self._send(calls.artifacts(job_id))

    async def download(self, job_id: str, name: str, to: Path) -> Path:
        """Save an artifact as `to`, or under its name in the folder `to`. No half file is ever left there."""
        response = await self._accepted(calls.artifact(job_id, name), stream=True)
        async with aclosing(response):
            with answers.heard(self._url), whole_file(to, name) as file:
                async for chunk in response.aiter_bytes():
                    file.write(chunk)
        return file.path

    async def predict(
        self,
        job_id: str,
        inputs: Iterable[object],
        *,
        sampling: Sampled | None = None,
        format: str | None = None,  # noqa: A002  the API's word
    ) -> Predictions:
        """The trained model's answers, by the file of a format (fp32 by default); `sampling` is of text models."""
        return await self._send(calls.predict(job_id, inputs, sampling, format))

    async def compare(self, job_ids: Iterable[str] = (), **asked: Unpack[Asked]) -> Comparison:
        """Jobs side by side: only what differs, with measures and, where `keys` names some, curves."""
        return await self._send(comparing.compare(job_ids, **asked))

    async def compare_csv(self, job_ids: Iterable[str] = (), **asked: Unpack[Asked]) -> str:
        """The same as CSV: one row a job; with `keys`, one row for each place of their curves."""
        return await self._send(comparing.compare_csv(job_ids, **asked))

    async def compare_markdown(self, job_ids: Iterable[str] = (), **asked: Unpack[Asked]) -> str:
        """The same as a Markdown table."""
        return await self._send(comparing.compare_markdown(job_ids, **asked))

    async def fit_scaling_law(self, wanted: LawWanted) -> ScalingLaw:
        """How the loss follows from parameters and tokens, by points or jobs, and what that says of other sizes."""
        return await self._send(calls.fit_scaling_law(wanted))

    async def advise(self, wanted: AdviceWanted) -> Advice:
        """Recommended units for a spec, with reasons, what to expect of them, and the spec with them filled in."""
        return await self._send(calls.advise(wanted))

    async def study_report(self, study_id: str) -> str:
        """A study as one HTML file that needs neither network nor script."""
        return await self._send(calls.study_report(study_id))

    async def catalog(self) -> Catalog:
        """What can be asked for."""
        return await self._send(calls.catalog())

    async def upload(
        self,
        file: Path,
        task: str,
        name: str | None = None,
        target: str | None = None,
        progress: Progress | None = None,
        idempotency_key: str | None = None,
    ) -> Dataset:
        """Send a data set; its check follows. `progress` is told how far it is. Sent again, it is still one."""
        with open_file(file, progress) as sent:
            return await self._send(calls.upload(sent, task, name, target, idempotency_key))

    async def dataset(self, dataset_id: str, wait_seconds: int | None = None) -> Dataset:
        """The data set as it stands; with `wait_seconds` (at most 60), once it is checked or that time is over."""
        return await self._send(calls.dataset(dataset_id, wait_seconds))

    async def checked(self, dataset_id: str) -> Dataset:
        """The data set, once it has been checked: ready, or invalid for the reason it carries."""
        while (dataset := await self.dataset(dataset_id, calls.HOLD_SECONDS)).state is DatasetState.CHECKING:
            pass
        return dataset

    async def datasets(self, limit: int | None = None, cursor: str | None = None) -> Page[Dataset]:
        """A page of the uploaded data sets, newest first."""
        return await self._send(calls.datasets(limit, cursor))

    async def delete_dataset(self, dataset_id: str) -> None:
        """Forget a data set that no unfinished job uses, and its file."""
        await self._send(calls.delete_dataset(dataset_id))

    async def workers(self) -> tuple[Worker, ...]:
        """Who is there to train."""
        return await self._send(calls.workers())

    async def create_key(self, project: str, scopes: Iterable[Scope] = ("submit",)) -> IssuedKey:
        """A new key; its secret is in this answer and nowhere else."""
        return await self._send(calls.create_key(project, scopes))

    async def keys(self) -> tuple[Key, ...]:
        """Every key, without its secret."""
        return tuple([key async for key in self._every(calls.keys)])

    async def delete_key(self, key_id: str) -> None:
        """Make a key worthless."""
        await self._send(calls.delete_key(key_id))

    async def health(self) -> dict[str, object]:
        """Whether the service can do its work, and what it says of its parts. Raises Away when it cannot."""
        return await self._send(calls.health())

    async def version(self) -> str:
        """The service's version."""
        return await self._send(calls.version())

    @property
    def _url(self) -> str:
        return str(self._http.base_url)

    async def _send(self, call: Call[T]) -> T:
        return call.read(await self._accepted(call))

    async def _every(self, page_at: Callable[[str | None], Call[Page[T]]]) -> AsyncIterator[T]:
        """Everything on as many pages as there are."""
        cursor, more = None, True
        while more:
            page = await self._send(page_at(cursor))
            for each in page.data:
                yield each
            cursor, more = page.next_cursor, page.has_more

    async def _accepted(self, call: Call[T], stream: bool = False) -> httpx2.Response:
        tried = 1
        outcome = await self._attempt(call, stream)
        while (pause := self._retries.pause(outcome, tried, call.repeatable)) is not None:
            await asyncio.sleep(pause)
            tried += 1
            outcome = await self._attempt(call, stream)
        return answers.accepted(outcome, self._url)

    async def _attempt(self, call: Call[T], stream: bool = False) -> Outcome:
        try:
            response = await self._http.send(connecting.request(self._http, call), stream=stream)
            if not response.is_success:
                await response.aread()
        except httpx2.RequestError as error:
            return error
        return response


async def _events(outcome: Outcome, reader: Reader) -> AsyncGenerator[Event]:
    """What one connection brings, up to the end of the job or of the connection."""
    if not isinstance(outcome, httpx2.Response) or not outcome.is_success:
        return
    async with aclosing(outcome):
        async for sse in httpx2.EventSource(outcome, LARGEST_EVENT_BYTES):
            if (event := reader.take(sse)) is not None:
                yield event
            if reader.ended:
                return
