"""What `auto` asks for, and the plan of it: small runs that stand in for a job, within a share of its work."""

from math import floor, lcm, log2
from typing import Any, NamedTuple

from unitscale.models.catalog import MODELS, TRANSFORMERS
from unitscale.models.specs import Budget, Diagnostics, Evaluation, JobSpec, Model, Resources
from unitscale.models.tuned import Proxy, Rule
from unitscale.models.units import LEAST_RATE, MOST_RATE, Parametrization, Tunable

SHARE = 0.2
"""Of a job's work, the most that tuning its rate may take."""
LEAST_WORK = 1e11
"""Floating-point operations that tuning may take, however small the job: seconds of one core."""
MOST_RATES = 11
"""Rates that are tried at most: five, twice two more beyond an edge, and two around the best."""
NARROWEST = 32
NARROWER = (1, 4, 8)
"""By which a proxy's width is divided: the first that allows of all the job's steps, else the last."""
FEWEST_STEPS = 50
"""Of a proxy of a job that has twice as many."""
MOST_SHORTER = 8
"""A proxy has no fewer steps than the job over this."""
SIDE = 8
"""Widths are multiples of it."""
CHARACTERS = 96
FEATURES = 64
"""Weights of a layer whose other side is the data's are counted as if the data were so wide."""
UNREAD = "It is not read from past jobs or transfers; advice is."
"""What is said of a rate that was not tuned."""


class Plan(NamedTuple):
    """A run that stands in for a job."""

    spec: JobSpec
    proxy: Proxy


def asked(spec: JobSpec) -> JobSpec:
    """The spec with `auto` read as: no number given, to be tuned. A rate belongs to its batch."""
    units = spec.units
    rate, batch = units.learning_rate, units.batch_size
    follows = rate is None and batch == "auto"
    tune: list[Tunable] = []
    if rate == "auto" or follows or "learning_rate" in units.tune:
        tune.append("learning_rate")
    if batch == "auto" or "batch_size" in units.tune:
        tune.append("batch_size")
    if not tune:
        return spec
    numbers = {"learning_rate": None if rate == "auto" else rate, "batch_size": None if batch == "auto" else batch}
    return spec.model_copy(update={"units": units.model_copy(update={**numbers, "tune": tuple(tune)})})


def rule_of(parametrization: Parametrization, has_width: bool) -> Rule | None:
    """The default table: how the best rate moves with the width, where a model has one."""
    if not has_width:
        return None
    octaves = -1.0 if parametrization is Parametrization.SP else 0.0
    return Rule(octaves_per_doubling=octaves, source=f"the default table for {parametrization.value}")


def moved(rate: float, rule: Rule | None, width: int | None, to: int | None) -> float:
    """The rate that is as good at another width."""
    if rule is None or not width or not to:
        return rate
    return bounded(rate * 2.0 ** (rule.octaves_per_doubling * log2(to / width)))


def carried(rule: Rule | None, width: int | None, to: int | None) -> str:
    """What becomes of a rate on its way to another width, in words; empty where nothing does."""
    if rule is None or not width or not to or width == to:
        return ""
    if not rule.octaves_per_doubling:
        return f"kept from width {width} to {to}, by {rule.source}"
    return f"moved from width {width} to {to}, {rule.octaves_per_doubling:+.3g} octaves per doubling, by {rule.source}"


def untuned(spec: JobSpec) -> str:
    """Where the rate comes from that a spec is given untuned, in words."""
    entry = MODELS.get(str(spec.model.kind))
    moves = carried(spec.units.rule, entry.sizes.get("width") if entry else None, spec.model.width)
    return f"the default, {moves}" if moves else "the default"


def bounded(rate: float) -> float:
    """The rate, or the last one that a job is given unasked."""
    return min(max(rate, LEAST_RATE), MOST_RATE)


def start(spec: JobSpec, usual: float, width: int | None) -> dict[str, Any]:
    """Where tuning starts, and the rule it goes by: from the rate given, or the usual one of models of this width."""
    units = spec.units
    rule = units.rule or rule_of(units.parametrization, width is not None)
    rate = units.learning_rate or float(f"{moved(usual, rule, width, spec.model.width or width):.3g}")
    return {"learning_rate": rate, "rule": rule}


def checks(spec: JobSpec) -> list[tuple[bool, str, str]]:
    """What cannot be tuned: whether it is asked, where, and why not."""
    units, grows = spec.units, spec.batch_schedule.name != "constant"
    alone = units.rule is not None and "learning_rate" not in units.tune
    return [
        ("batch_size" in units.tune and grows, "/units/batch_size", "A batch that grows needs its last size; give it."),
        (alone, "/units/rule", "A rule moves a rate that is tuned; give `learning_rate: auto`."),
    ]


def plan(spec: JobSpec, steps: int) -> Plan | str:
    """The proxy of a resolved spec of so many steps; or why there is none."""
    if why := _unlike_any(spec):
        return why
    allowed = max(SHARE * steps * work_of_step(spec), LEAST_WORK) / MOST_RATES
    found = [(model, min(steps, floor(allowed / work_of_step(spec, model)))) for model in _narrower(spec.model)]
    model, fewer = next((each for each in found if each[1] == steps), found[-1])
    if fewer < max(min(FEWEST_STEPS, steps / 2), steps / MOST_SHORTER):
        return f"{MOST_RATES} proxies within {SHARE:.0%} of the job's work would have {fewer} of its {steps} steps"
    work = fewer * work_of_step(spec, model) / (steps * work_of_step(spec))
    return Plan(short(spec, model, fewer, steps), Proxy(width=model.width, steps=fewer, work=work))


def short(spec: JobSpec, model: Model, steps: int, of: int) -> JobSpec:
    """The spec with another model and its whole schedule in fewer steps, measured at the end alone."""
    schedule, growth = spec.schedule, spec.batch_schedule
    schedule = schedule.model_copy(update={"warmup_steps": round(schedule.warmup_steps * steps / of)})
    if growth.ramp_steps is not None:
        growth = growth.model_copy(update={"ramp_steps": max(1, round(growth.ramp_steps * steps / of))})
    units = spec.units.model_copy(update={"tune": (), "rule": None})
    fresh = {"budget": Budget(steps=steps), "evaluation": Evaluation(every_steps=steps), "diagnostics": Diagnostics()}
    resources = Resources(device=spec.resources.device)
    update = {"model": model, "units": units, "schedule": schedule, "batch_schedule": growth, "resources": resources}
    return spec.model_copy(update={**update, **fresh})


def work_of_step(spec: JobSpec, model: Model | None = None) -> float:
    """Floating-point operations of one optimizer step, of this model or of the spec's own: an estimate."""
    model = model or spec.model
    examples = int(spec.units.batch_size or 1) * int(model.context or 1)
    return 6.0 * examples * (weights(spec, model) + _attended(model))


def weights(spec: JobSpec, model: Model | None = None) -> float:
    """Numbers in the products of a model: an estimate, for what depends on the data."""
    model = model or spec.model
    width, depth = float(model.width or FEATURES), int(model.depth or 1)
    if model.kind in TRANSFORMERS or model.kind == "encoder-decoder":
        stacks = 1 if model.kind in TRANSFORMERS else 2.4
        return stacks * 10 * depth * width**2 + vocabulary(spec, model) * width
    if model.kind == "linear":
        return float(FEATURES)
    return (depth - 1) * width**2 + 2 * FEATURES * width


def vocabulary(spec: JobSpec, model: Model) -> int:
    """Words, or characters, that a token may be, as far as a spec tells; none where there are no tokens."""
    if model.kind not in TRANSFORMERS and model.kind != "encoder-decoder":
        return 0
    return (spec.data.vocabulary if spec.data.tokenizer == "bpe" else None) or CHARACTERS


def described(planned: Plan, width: int | None) -> str:
    """A plan for a job of this width in words."""
    proxy = planned.proxy
    if proxy.work == 1:
        return f"the job's own model and all its {proxy.steps} steps, since it is small"
    what = "the job's own model" if proxy.width == width else f"a proxy of width {proxy.width}"
    return f"{what} in {proxy.steps} steps, {proxy.work:.1%} of the job's work a rate"


def foreseen(spec: JobSpec, steps: int, batch: str = "") -> str | None:
    """What will be tuned of a resolved spec before its first step, in words; None: nothing. `batch`: what is said of
    the batch size."""
    words = [batch] if batch else []
    if "learning_rate" in spec.units.tune:
        planned, rule = plan(spec, steps), spec.units.rule
        if isinstance(planned, str):
            return " ".join([*words, f"The learning rate is {untuned(spec)}, since no proxy pays: {planned}. {UNREAD}"])
        moves, on = carried(rule, planned.proxy.width, spec.model.width), described(planned, spec.model.width)
        on += f", {moves}" if moves else ""
        words.append(f"The learning rate is the best of about 7 rates (at most {MOST_RATES}) on {on}.")
    return " ".join(words) or None


def _unlike_any(spec: JobSpec) -> str:
    """Why no small run can stand in for such a job; empty where one can."""
    entry = MODELS.get(str(spec.model.kind))
    checks = (
        (entry is None or not entry.laned, f"models of kind {spec.model.kind} do not train several rates at once"),
        (spec.init_from is not None, "the job starts from another one's weights, which no narrower model has"),
        (spec.batch_schedule.name == "noise-scale", "batches that follow the noise scale are those of one run alone"),
        (bool(spec.model.memory_length), "a model with memory reads its text on as one run alone"),
    )
    return next((why for wrong, why in checks if wrong), "")


def _narrower(model: Model) -> list[Model]:
    """The models that may stand in, widest first; the model itself where there is none."""
    if model.width is None:
        return [model]
    cut = lcm(model.head_size or 1, SIDE)
    least = -(-NARROWEST // cut) * cut
    widths = [max(least, model.width // by // cut * cut) for by in NARROWER]
    return [model.model_copy(update={"width": width}) if width < int(model.width) else model for width in widths]


def _attended(model: Model) -> float:
    """What attention multiplies for each token, beside weights."""
    stacks: dict[Any, int] = {"transformer": 1, "encoder": 1, "encoder-decoder": 3}
    return 2.0 * stacks.get(model.kind, 0) * int(model.depth or 1) * int(model.width or 0) * int(model.context or 0)
