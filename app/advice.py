"""Advice on request: the project's past jobs, and the units decided one after the other."""

from asyncio import to_thread
from collections.abc import Mapping

from app.analysis.advice import units
from app.analysis.advice.expecting import expectations
from app.analysis.advice.past import Setting, settings, usable
from app.analysis.advice.rates import rate
from app.services import Services
from unitscale.errors import NotFound, Unsupported
from unitscale.models.advice import MOST_PAST, Advice, AdviceRequest, MeasuredRule, Recommended
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
        self._rules: Mapping[Parametrization, Rule] = {}

    async def advice(self) -> Advice:
        """Raises Unsupported, NotFound."""
        dry = await self._dry()
        self._rules = await self._measured(dry.spec)
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
        if decided["learning_rate"].value == "auto" and (rule := self._rules.get(dry.spec.units.parametrization)):
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
        return units.parametrization(
            resolved, bool(said) or self._goes_on, usual, trainable, alike, self._rules.get(Parametrization.UMUP)
        )

    async def _precision(self, resolved: JobSpec, jobs: list[Job]) -> Recommended:
        offered = (await self._services.intake.offer()).catalog().precisions
        return units.precision(resolved, "precision" in self._asked.model_fields_set, offered, jobs)

    def _rate(self, dry: DryRun, there: list[Setting]) -> Recommended:
        said = self._asked.learning_rate
        given = said not in (None, "auto") or self._goes_on
        return rate(dry.spec, dry.estimate.steps or 1, given, self._rules, there)

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

    async def _measured(self, resolved: JobSpec) -> Mapping[Parametrization, Rule]:
        """The rules that are told, or that transfers found. Raises NotFound."""
        kind, optimizer, rules = str(resolved.model.kind), resolved.optimizer.name, dict[Parametrization, Rule]()
        if not self._known.transfers:
            return await self._services.rules.measured(self._project, kind, optimizer)
        for place, told in enumerate(self._known.transfers):
            for name, rule in (await self._told(told, place, kind, optimizer)).items():
                rules.setdefault(name, rule)
        return rules

    async def _told(
        self, told: MeasuredRule | str, place: int, kind: str, optimizer: str
    ) -> Mapping[Parametrization, Rule]:
        if isinstance(told, MeasuredRule):
            rule = Rule(octaves_per_doubling=told.octaves_per_doubling, source=told.source)
            return {told.parametrization: rule}
        try:
            return await self._services.rules.of(self._project, told, kind, optimizer)
        except NotFound as error:
            raise NotFound(error.message, ((f"/known/transfers/{place}", error.message),)) from error

    async def _dry(self) -> DryRun:
        try:
            return await self._services.intake.estimate(self._spec, self._project)
        except Unsupported as error:
            raise error.below("/spec") from error

    async def _past(self) -> list[Job]:
        if self._known.jobs is None:
            return await self._services.jobs.newest(self._project, MOST_PAST)
        try:
            return await self._services.jobs.get_many(self._project, self._known.jobs)
        except NotFound as error:
            raise error.below("/known/jobs") from error
