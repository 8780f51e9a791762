"""Advice on request: the project's past jobs, and the units decided one after the other."""

from asyncio import to_thread

from app.analysis.advice import units
from app.analysis.advice.expecting import expectations
from app.analysis.advice.past import Setting, settings, usable
from app.analysis.advice.rates import rate, rule_of
from app.services import Services
from unitscale.errors import NotFound, Unsupported
from unitscale.models.advice import MOST_PAST, Advice, AdviceRequest, Recommended
from unitscale.models.jobs import DryRun, Job
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import Rule
from unitscale.models.units import Parametrization, Precision


async def advice(services: Services, project: str, wanted: AdviceRequest) -> Advice:
    """Recommended units for a spec. Raises Unsupported, which names fields below `/spec`; NotFound."""
    return await Adviser(services, project, wanted).advice()


class Adviser:
    """Fills in one unit after the other: each is decided for the spec that those before it gave."""

    def __init__(self, services: Services, project: str, wanted: AdviceRequest) -> None:
        self._services, self._project, self._known = services, project, wanted.known
        self._spec, self._asked = wanted.spec, wanted.spec.units

    async def advice(self) -> Advice:
        """Raises Unsupported, NotFound."""
        dry = await self._dry()
        jobs = usable(await self._past(), str(self._spec.task))
        there = await to_thread(settings, jobs)
        decided: dict[str, Recommended] = {"parametrization": await self._parametrization(dry.spec, there)}
        self._fill("parametrization", Parametrization(decided["parametrization"].value))
        decided["precision"] = await self._precision(dry.spec, jobs)
        self._fill("precision", Precision(decided["precision"].value))
        dry = await self._dry()
        said = self._asked.batch_size
        decided["batch_size"] = units.batch(
            dry.spec, said not in (None, "auto"), dry.estimate.examples or 1, self._known, jobs
        )
        self._fill("batch_size", decided["batch_size"].value)
        self._fill("learning_rate", "auto")  # the default, moved to the width
        dry = await self._dry()
        decided["learning_rate"] = self._rate(dry, there)
        self._fill("learning_rate", decided["learning_rate"].value)
        if decided["learning_rate"].value == "auto" and (rule := self._measured(dry.spec)):
            self._fill("rule", rule)
        dry = await self._dry()
        price, steps = self._services.settings.price_per_device_hour, dry.estimate.steps or 1
        expected = expectations(dry.spec, steps, self._known, jobs, there, price)
        return Advice(units=decided, expected=expected, spec=self._spec, looked_at=len(jobs))  # type: ignore[arg-type]  # the four names

    async def _parametrization(self, resolved: JobSpec, there: list[Setting]) -> Recommended:
        said = {"parametrization", "base_width", "alphas"} & self._asked.model_fields_set
        offer = await self._services.intake.offer()
        kind, rule = offer.kind(self._spec), resolved.optimizer.name
        trainable = (rule, Parametrization.UMUP.value, kind) in offer.rates
        usual = offer.models[kind].sizes.get("width")
        alike = [each for each in there if each.spec.task == resolved.task]
        return units.parametrization(resolved, bool(said) or self._goes_on, usual, trainable, alike)

    async def _precision(self, resolved: JobSpec, jobs: list[Job]) -> Recommended:
        offered = (await self._services.intake.offer()).catalog().precisions
        return units.precision(resolved, "precision" in self._asked.model_fields_set, offered, jobs)

    def _rate(self, dry: DryRun, there: list[Setting]) -> Recommended:
        said = self._asked.learning_rate
        given = said not in (None, "auto") or self._goes_on
        return rate(dry.spec, dry.estimate.steps or 1, given, self._known, there)

    @property
    def _goes_on(self) -> bool:
        """Whether the spec starts from another job's weights, and so in its units."""
        return self._spec.init_from is not None

    def _fill(self, unit: str, value: object) -> None:
        """Put a unit into the spec; what the spec has stays."""
        there = getattr(self._asked, unit)
        if (unit in self._asked.model_fields_set and there not in (None, "auto")) or self._goes_on:
            return
        self._spec = self._spec.model_copy(update={"units": self._spec.units.model_copy(update={unit: value})})

    def _measured(self, resolved: JobSpec) -> Rule | None:
        """The rule that was measured for the parametrization; the default table goes without saying."""
        there = any(rule.parametrization is resolved.units.parametrization for rule in self._known.transfers)
        return rule_of(resolved, self._known) if there else None

    async def _dry(self) -> DryRun:
        try:
            return await self._services.intake.estimate(self._spec, self._project)
        except Unsupported as error:
            raise Unsupported(error.message, tuple((f"/spec{at}", detail) for at, detail in error.fields)) from error

    async def _past(self) -> list[Job]:
        if self._known.jobs is None:
            return await self._services.jobs.newest(self._project, MOST_PAST)
        try:
            return await self._services.jobs.get_many(self._project, self._known.jobs)
        except NotFound as error:
            places = [place for place, job_id in enumerate(self._known.jobs) if job_id in error.message]
            raise NotFound(error.message, tuple((f"/known/jobs/{place}", error.message) for place in places)) from error
