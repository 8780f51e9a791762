"""The client for code that waits."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Self, TypeVar, Unpack

import httpx2

from unitscale.client import answers, calls, comparing, connecting
from unitscale.client.calls import AdviceWanted, Call, LawWanted, Sampled, Spec
from unitscale.client.campaigns import Campaigns
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


class Client:
    """Every verb of the API. Raises the errors of `unitscale.errors`, Unreachable, NotUnderstood."""

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:8000",
        api_key: str | None = None,
        *,
        transport: httpx2.BaseTransport | None = None,
        timeout_seconds: float = 30.0,
        retries: Retries | None = None,
    ) -> None:
        self._http = httpx2.Client(transport=transport, **connecting.options(base_url, api_key, timeout_seconds))
        self._retries = retries or Retries()
        self.sweeps = Campaigns[Sweep, SweepSpec](self._send, "sweeps", Sweep)
        self.transfers = Campaigns[Transfer, TransferSpec](self._send, "transfers", Transfer)
        self.studies = Campaigns[Study, StudySpec](self._send, "studies", Study)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def submit(self, spec: Spec, idempotency_key: str | None = None) -> Job:
        """Hand in a job. Sent again after a lost answer, it is still one job."""
        return self._send(calls.submit(spec, idempotency_key))

    def dry_run(self, spec: Spec) -> DryRun:
        """The spec as it would run, and what it would take; nothing is stored."""
        return self._send(calls.dry_run(spec))

    def job(self, job_id: str, wait_seconds: int | None = None) -> Job:
        """The job as it stands; with `wait_seconds` (at most 60), once it has ended or that time is over."""
        return self._send(calls.job(job_id, wait_seconds))

    def wait(self, job_id: str) -> Job:
        """The job, once it has ended."""
        while (job := self.job(job_id, calls.HOLD_SECONDS)).state not in ENDED:
            pass
        return job

    def jobs(
        self,
        state: str | None = None,
        task: str | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        campaign: str | None = None,
    ) -> Page[Job]:
        """A page of the jobs that match, newest first; `campaign` is the id of a sweep, a study or a transfer."""
        return self._send(calls.jobs(state, task, labels, limit, cursor, campaign))

    def iterate_jobs(
        self,
        state: str | None = None,
        task: str | None = None,
        labels: Mapping[str, str] | None = None,
        campaign: str | None = None,
    ) -> Iterator[Job]:
        """Every job that matches, newest first, over as many pages as there are."""
        return self._every(lambda cursor: calls.jobs(state, task, labels, calls.LARGEST_PAGE, cursor, campaign))

    def cancel(self, job_id: str) -> Job:
        """Call it off. A running job's `wish` says so until it has stopped."""
        return self._send(calls.become(job_id, "cancel"))

    def pause(self, job_id: str) -> Job:
        """Set it aside with its checkpoint."""
        return self._send(calls.become(job_id, "pause"))

    def resume(self, job_id: str) -> Job:
        """Put a paused job back in its queue."""
        return self._send(calls.become(job_id, "resume"))

    def delete(self, job_id: str) -> None:
        """Forget an ended job and its files."""
        self._send(calls.delete(job_id))

    def curves(
        self,
        job_id: str,
        keys: Iterable[str] = (),
        after_step: int | None = None,
        max_points: int | None = None,
    ) -> Curves:
        """Measures over steps. Pass the answer's `last_step` as the next `after_step` to poll."""
        return self._send(calls.curves(job_id, keys, after_step, max_points))

    def curves_csv(self, job_id: str, keys: Iterable[str] = ()) -> str:
        """Every point at full resolution: attempt,step,time,key,value."""
        return self._send(calls.curves_csv(job_id, keys))

    def events(self, job_id: str, limit: int | None = None, cursor: str | None = None) -> Page[Event]:
        """A page of what happened, oldest first."""
        return self._send(calls.events(job_id, limit, cursor))

    def follow(self, job_id: str, after: str | None = None) -> Iterator[Event]:
        """What happened and what happens, until the job has ended; lost connections are taken up where they broke."""
        reader = Reader(job_id, self._retries, after)
        while not reader.ended:
            outcome = self._attempt(reader.call(), stream=True)
            try:
                yield from _events(outcome, reader)
            except httpx2.RequestError as error:
                outcome = error
            if not reader.ended:
                time.sleep(reader.broken(outcome, self._url))

    def logs(self, job_id: str, limit: int | None = None, cursor: str | None = None) -> Page[LogLine]:
        """A page of what the trainer wrote, oldest first."""
        return self._send(calls.logs(job_id, limit, cursor))

    def iterate_logs(self, job_id: str) -> Iterator[LogLine]:
        """Every line that the trainer has written so far."""
        return self._every(lambda cursor: calls.logs(job_id, calls.LARGEST_PAGE, cursor))

    def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """Moments of training that can be returned to."""
        return self._send(calls.checkpoints(job_id))

    def artifacts(self, job_id: str) -> tuple[Artifact, ...]:
        """Files that the job left."""
        return self._send(calls.artifacts(job_id))

    def download(self, job_id: str, name: str, to: Path) -> Path:
        """Save an artifact as `to`, or under its name in the folder `to`. No half file is ever left there."""
        response = self._accepted(calls.artifact(job_id, name), stream=True)
        with closing(response), answers.heard(self._url), whole_file(to, name) as file:
            for chunk in response.iter_bytes():
                file.write(chunk)
        return file.path

    def predict(
        self,
        job_id: str,
        inputs: Iterable[object],
        *,
        sampling: Sampled | None = None,
        format: str | None = None,  # noqa: A002  the API's word
    ) -> Predictions:
        """The trained model's answers, by the file of a format (fp32 by default); `sampling` is of text models."""
        return self._send(calls.predict(job_id, inputs, sampling, format))

    def compare(self, job_ids: Iterable[str] = (), **asked: Unpack[Asked]) -> Comparison:
        """Jobs side by side: only what differs, with measures and, where `keys` names some, curves."""
        return self._send(comparing.compare(job_ids, **asked))

    def compare_csv(self, job_ids: Iterable[str] = (), **asked: Unpack[Asked]) -> str:
        """The same as CSV: one row a job; with `keys`, one row for each place of their curves."""
        return self._send(comparing.compare_csv(job_ids, **asked))

    def compare_markdown(self, job_ids: Iterable[str] = (), **asked: Unpack[Asked]) -> str:
        """The same as a Markdown table."""
        return self._send(comparing.compare_markdown(job_ids, **asked))

    def fit_scaling_law(self, wanted: LawWanted) -> ScalingLaw:
        """How the loss follows from parameters and tokens, by points or jobs, and what that says of other sizes."""
        return self._send(calls.fit_scaling_law(wanted))

    def advise(self, wanted: AdviceWanted) -> Advice:
        """Recommended units for a spec, with reasons, what to expect of them, and the spec with them filled in."""
        return self._send(calls.advise(wanted))

    def study_report(self, study_id: str) -> str:
        """A study as one HTML file that needs neither network nor script."""
        return self._send(calls.study_report(study_id))

    def catalog(self) -> Catalog:
        """What can be asked for."""
        return self._send(calls.catalog())

    def upload(
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
            return self._send(calls.upload(sent, task, name, target, idempotency_key))

    def dataset(self, dataset_id: str, wait_seconds: int | None = None) -> Dataset:
        """The data set as it stands; with `wait_seconds` (at most 60), once it is checked or that time is over."""
        return self._send(calls.dataset(dataset_id, wait_seconds))

    def checked(self, dataset_id: str) -> Dataset:
        """The data set, once it has been checked: ready, or invalid for the reason it carries."""
        while (dataset := self.dataset(dataset_id, calls.HOLD_SECONDS)).state is DatasetState.CHECKING:
            pass
        return dataset

    def datasets(self, limit: int | None = None, cursor: str | None = None) -> Page[Dataset]:
        """A page of the uploaded data sets, newest first."""
        return self._send(calls.datasets(limit, cursor))

    def delete_dataset(self, dataset_id: str) -> None:
        """Forget a data set that no unfinished job uses, and its file."""
        self._send(calls.delete_dataset(dataset_id))

    def workers(self) -> tuple[Worker, ...]:
        """Who is there to train."""
        return self._send(calls.workers())

    def create_key(self, project: str, scopes: Iterable[Scope] = ("submit",)) -> IssuedKey:
        """A new key; its secret is in this answer and nowhere else."""
        return self._send(calls.create_key(project, scopes))

    def keys(self) -> tuple[Key, ...]:
        """Every key, without its secret."""
        return tuple(self._every(calls.keys))

    def delete_key(self, key_id: str) -> None:
        """Make a key worthless."""
        self._send(calls.delete_key(key_id))

    def health(self) -> dict[str, object]:
        """Whether the service can do its work, and what it says of its parts. Raises Away when it cannot."""
        return self._send(calls.health())

    def version(self) -> str:
        """The service's version."""
        return self._send(calls.version())

    @property
    def _url(self) -> str:
        return str(self._http.base_url)

    def _send(self, call: Call[T]) -> T:
        return call.read(self._accepted(call))

    def _every(self, page_at: Callable[[str | None], Call[Page[T]]]) -> Iterator[T]:
        """Everything on as many pages as there are."""
        cursor, more = None, True
        while more:
            page = self._send(page_at(cursor))
            yield from page.data
            cursor, more = page.next_cursor, page.has_more

    def _accepted(self, call: Call[T], stream: bool = False) -> httpx2.Response:
        tried = 1
        outcome = self._attempt(call, stream)
        while (pause := self._retries.pause(outcome, tried, call.repeatable)) is not None:
            time.sleep(pause)
            tried += 1
            outcome = self._attempt(call, stream)
        return answers.accepted(outcome, self._url)

    def _attempt(self, call: Call[T], stream: bool = False) -> Outcome:
        try:
            response = self._http.send(connecting.request(self._http, call), stream=stream)
            if not response.is_success:
                response.read()
        except httpx2.RequestError as error:
            return error
        return response


def _events(outcome: Outcome, reader: Reader) -> Iterator[Event]:
    """What one connection brings, up to the end of the job or of the connection."""
    if not isinstance(outcome, httpx2.Response) or not outcome.is_success:
        return
    with closing(outcome):
        for sse in httpx2.EventSource(outcome, LARGEST_EVENT_BYTES):
            if (event := reader.take(sse)) is not None:
                yield event
            if reader.ended:
                return
