"""The one doorway by which a job is born or called off."""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from unitscale.errors import NotFound, NoWorker, Unsupported
from unitscale.models import branches, noise_runs, origins, tuning
from unitscale.models.alike import Company, company
from unitscale.models.datasets import Dataset, Volume, is_uploaded
from unitscale.models.jobs import DryRun, Estimate, Job
from unitscale.models.offers import Need, Offer
from unitscale.models.refusals import shape_of
from unitscale.models.resolution import resolve, total_steps, training_examples, volume_of
from unitscale.models.specs import JobSpec
from unitscale.wire.datasets import Datasets
from unitscale.wire.jobs import Idempotency, Jobs, Membership, Prepared
from unitscale.wire.rules import Rules
from unitscale.wire.workers import Workers

OFFER_SECONDS = 2.0
"""How long what the workers said of themselves is gone by."""


class Intake:
    """Takes specs in: fills in what they leave open, refuses what cannot be done, and queues."""

    def __init__(
        self, jobs: Jobs, datasets: Datasets, workers: Workers, max_unfinished_jobs: int, rules: Rules | None = None
    ) -> None:
        self._jobs = jobs
        self._datasets = datasets
        self._workers = workers
        self.quota = max_unfinished_jobs
        """Of unfinished jobs, for each project."""
        self._rules = rules
        self._offer: tuple[float, Offer] = (float("-inf"), Offer())

    async def submit(self, spec: JobSpec, project: str, idempotency: Idempotency | None = None) -> tuple[Job, bool]:
        """A queued job, and whether an earlier submission with the same key had made it.

        Raises Unsupported, NoWorker, QuotaExceeded, IdempotencyMismatch.
        """
        known = await self._jobs.known(project, idempotency)  # before the spec is looked at: it may be out of date
        if known is not None:
            return known, True
        prepared = await self.prepare(spec, project)
        return await self._jobs.add(project, prepared, self.quota, idempotency, (await self.offer()).workers)

    async def prepare(self, spec: JobSpec, project: str) -> Prepared:
        """What would be submitted. Raises Unsupported for what cannot be done, NoWorker."""
        resolved, volume, needs = await self._resolved(spec, project)
        return Prepared(spec, resolved, total_steps(resolved, volume), needs, self._company(resolved, volume))

    async def submit_members(
        self, project: str, members: Sequence[tuple[Membership, Prepared]], also: Sequence[Need] = ()
    ) -> list[str]:
        """What became of these jobs of a campaign, which also need this of their worker, in one round trip. `let_in`
        once all are there."""
        needing = [(member, replace(prepared, needs=(*prepared.needs, *also))) for member, prepared in members]
        return await self._jobs.add_members(project, needing)

    async def let_in(self, campaign: str) -> None:
        """Queue all jobs of a campaign that were submitted: a slot finds all that may train together."""
        await self._jobs.let_in(campaign)

    async def estimate(self, spec: JobSpec, project: str) -> DryRun:
        """What submitting this spec would do. Nothing is stored. Raises Unsupported, NoWorker."""
        resolved, volume, needs = await self._resolved(spec, project)
        place = await self._jobs.place_of_next(resolved, needs)
        steps, examples = total_steps(resolved, volume), training_examples(resolved, volume)
        own = self._offer[1].models[str(resolved.model.kind)].package is not None
        words = tuning.foreseen(resolved, steps, noise_runs.foreseen(resolved, volume, own))
        return DryRun(spec=resolved, estimate=Estimate(steps=steps, examples=examples, queue=place, tuning=words))

    async def cancel(self, job_id: str, project: str) -> Job:
        """Call a job off. Raises NotFound, IllegalTransition."""
        return await self._jobs.cancel(project, job_id)

    async def pause(self, job_id: str, project: str) -> Job:
        """Set a job aside. Raises NotFound, IllegalTransition."""
        return await self._jobs.pause(project, job_id)

    async def resume(self, job_id: str, project: str) -> Job:
        """Queue a paused job again. Raises NotFound, IllegalTransition."""
        return await self._jobs.resume(project, job_id)

    async def _resolved(self, spec: JobSpec, project: str) -> tuple[JobSpec, Volume | None, tuple[Need, ...]]:
        """The spec as it will run, how much it has to train on (None: what the catalog says), and what it needs."""
        origin = await self._origin(spec.init_from.job, project) if spec.init_from is not None else None
        if origin is not None:
            spec = await self._inherited(spec, project, *origin)
        offer = await self.offer_for(spec)
        uploaded = await self._uploaded(spec, project)
        spec = await self._with_rule(spec, project, offer)
        resolved = resolve(spec, offer.device(spec), uploaded, offer)
        volume = volume_of(uploaded) or offer.volume(str(resolved.dataset))
        if origin is not None:
            branches.check(resolved, origin[0], total_steps(resolved, volume))
            await self._check_shape(resolved, project, origin[0], offer)
        return resolved, volume, offer.needs(resolved)

    async def _check_shape(self, resolved: JobSpec, project: str, origin: Job, offer: Offer) -> None:
        """A plug-in's model knows itself what it takes. Raises Unsupported."""
        if offer.models[offer.kind(resolved)].package is None:
            specs = (resolved, origin.spec)
            here, there = [shape_of(spec, await self._uploaded(spec, project), offer) for spec in specs]
            origins.check_shape(here, there, origin.id)

    def _company(self, resolved: JobSpec, volume: Volume | None) -> Company:
        models = self._offer[1].models
        return company(resolved, volume, models[str(resolved.model.kind)].laned)

    async def _with_rule(self, spec: JobSpec, project: str, offer: Offer) -> JobSpec:
        """A rate that is to be tuned is moved to the width as a transfer of the project measured it, if one did."""
        open_ = (
            "learning_rate" in tuning.asked(spec).units.tune and spec.units.rule is None and spec.task in offer.tasks
        )
        if not open_ or self._rules is None or spec.task not in offer.tasks or "width" not in _sizes(spec, offer):
            return spec
        measured = await self._rules.measured(project, offer.kind(spec), spec.optimizer.name)
        rule = measured.get(spec.units.parametrization)
        return spec.model_copy(update={"units": spec.units.model_copy(update={"rule": rule})}) if rule else spec

    async def _inherited(self, spec: JobSpec, project: str, job: Job, steps: Sequence[int]) -> JobSpec:
        filled = origins.inherited(spec, job, steps)
        if spec.dataset is None and is_uploaded(filled.dataset) and await self._uploaded(filled, project) is None:
            detail = f"Its data set {filled.dataset} is gone; name one in `dataset`."
            raise Unsupported(detail, (("/init_from/job", detail),))
        return filled

    async def _origin(self, origin: str, project: str) -> tuple[Job, list[int]]:
        """The job to start from, and the steps of its checkpoints. Raises Unsupported."""
        try:
            job = await self._jobs.get(project, origin)
            checkpoints = await self._jobs.checkpoints(project, origin)
        except NotFound as error:
            raise Unsupported(error.message, (("/init_from/job", error.message),)) from error
        return job, [checkpoint.step for checkpoint in checkpoints]

    async def _uploaded(self, spec: JobSpec, project: str) -> Dataset | None:
        """The data set of the project that the spec names; None for the catalog's, and for one that is not there."""
        if not is_uploaded(spec.dataset):
            return None
        try:
            return await self._datasets.get(project, str(spec.dataset))
        except NotFound:
            return None

    async def offer_for(self, spec: JobSpec) -> Offer:
        """What can be asked for, where that is known of all that this spec names. Raises NoWorker."""
        offer = await self.offer()
        if why := offer.unknown(spec):
            raise NoWorker(why)
        return offer

    async def offer(self) -> Offer:
        """What can be asked for, as the connected workers lately said it."""
        at, offer = self._offer
        if time.monotonic() - at > OFFER_SECONDS:
            offer = Offer(await self._workers.present())
            self._offer = (time.monotonic(), offer)
        return offer


def _sizes(spec: JobSpec, offer: Offer) -> Collection[str]:
    """Those that the spec's kind of model has; none where there is no such kind."""
    entry = offer.models.get(offer.kind(spec))
    return entry.sizes if entry else ()
