"""The learning rate: from the nearest past setting by the rule, or tuned when the job starts, or the default."""

from collections.abc import Mapping, Sequence
from math import isfinite

from app.analysis.advice.past import Setting, distance, nearest, octaves
from unitscale.models import tuning
from unitscale.models.advice import Recommended, Sure
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import Rule
from unitscale.models.units import Parametrization
from unitscale.models.vertices import edge

Rules = Mapping[Parametrization, Rule]
"""What transfers measured."""

SAME = 0.25
"""Octaves of distance within which a setting is the one that is asked for."""
NEAR = 2.5
"""Octaves of distance within which a rate that was swept can be relied on, moved by the rule."""


def rate(spec: JobSpec, steps: int, given: bool, rules: Rules, settings: Sequence[Setting]) -> Recommended:
    """For a resolved spec whose other units are decided."""
    if given:
        return Recommended(
            value=float(spec.units.learning_rate or 0),
            reason="The spec gives it.",
            sure="high",
            why_sure="It is yours.",
        )
    found, rule = nearest(settings, spec, steps), rule_of(spec, rules)
    read = None if found is None or not isfinite(distance(found, spec, steps)) else _of_past(spec, steps, found, rule)
    planned = tuning.plan(spec, steps)
    if isinstance(planned, str):
        return _unlike_auto(read, spec) if read else _usual(spec, planned)
    if read is not None and read.sure != "low":
        return read
    return _to_be_tuned(tuning.described(planned, spec.model.width), read)


def rule_of(spec: JobSpec, rules: Rules) -> Rule | None:
    """How the best rate moves with the width: as measured, or by the default table."""
    if spec.model.width is None:
        return None
    units = spec.units
    return rules.get(units.parametrization) or units.rule or tuning.rule_of(units.parametrization, True)


def _of_past(spec: JobSpec, steps: int, found: Setting, rule: Rule | None) -> Recommended:
    value = tuning.moved(2.0**found.best, rule, found.spec.model.width, spec.model.width)
    there, here = int(found.spec.units.batch_size or 1), int(spec.units.batch_size or 1)
    reason, moves = _read(found), tuning.carried(rule, found.spec.model.width, spec.model.width)
    reason += f"; {moves}" if moves else ""
    if there != here and spec.optimizer.name == "adamw":
        value *= (here / there) ** 0.5
        reason += f", times the root of the batch: {there} there, {here} here"
    sure, why = _sure(found, spec, steps, rule)
    value = float(f"{tuning.bounded(value):.3g}")
    tried = tuple((2.0**rate, loss) for rate, loss in sorted(found.compared.items()))
    return Recommended(value=value, reason=f"{reason}.", jobs=found.jobs, by_rate=tried, sure=sure, why_sure=why)


def _read(found: Setting) -> str:
    best = f"{2.0**found.best:.3g}"
    if found.swept:
        return f"{best} is the vertex of a parabola through {len(found.compared)} rates of past jobs"
    if found.tuned:
        return f"{best} was tuned for a past job"
    if len(found.compared) > 1:
        side = {-1: "smallest", 1: "largest"}.get(edge(found.compared), "best")
        return f"{best} is the best of {len(found.compared)} rates of past jobs, and the {side} of them"
    return f"{best} is the one rate that past jobs tried"


def _sure(found: Setting, spec: JobSpec, steps: int, rule: Rule | None) -> tuple[Sure, str]:
    far = distance(found, spec, steps)
    if not (found.swept or found.tuned):
        return "low", "There were no better and worse rates on both sides of it."
    if far <= SAME:
        return ("high" if found.swept else "medium"), "Past jobs were the same but for rate and seed."
    apart = f"The past jobs lie {far:.1f} octaves away (sizes, batch, steps, data)"
    widths = octaves(found.spec.model.width, spec.model.width)
    if far - widths > 1 or far > NEAR:
        return "low", f"{apart}; no rule is known for all of that."
    return "medium", f"{apart}" + (f"; {widths:.1f} of them are width, for which there is a rule." if rule else ".")


def _unlike_auto(read: Recommended, spec: JobSpec) -> Recommended:
    """Where no proxy pays, a job with `auto` reads nothing: it takes the default."""
    words = f"`auto` would take {tuning.untuned(spec)}, {float(spec.units.learning_rate or 0):g}: no proxy pays."
    return read.model_copy(update={"reason": f"{read.reason} {words}"})


def _to_be_tuned(described: str, read: Recommended | None) -> Recommended:
    reason = f"It is tuned before the first step, on {described}."
    if read is not None:
        reason += f" Past jobs say little: {read.value:g} ({read.reason.rstrip('.')})." if read.value else ""
    jobs, tried = (read.jobs, read.by_rate) if read else ((), ())
    why = "Nothing is measured yet; what the job finds is in its `tuned`."
    return Recommended(value="auto", reason=reason, jobs=jobs, by_rate=tried, sure="medium", why_sure=why)


def _usual(spec: JobSpec, why_no_proxy: str) -> Recommended:
    where = tuning.untuned(spec).removeprefix("the default")
    reason = f"The default of the optimizer, the parametrization and the model{where}; no proxy pays: {why_no_proxy}."
    why = "It was chosen on the catalog's data sets, not on yours."
    value = float(spec.units.learning_rate or 0)
    return Recommended(value=value, reason=reason, sure="low", why_sure=why)
