"""How the runs of a law were made: what in it makes their losses no fair points."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log

from unitscale.models.catalog import DATASETS, OF_TEXT
from unitscale.models.datasets import Dataset
from unitscale.models.jobs import Job, State
from unitscale.models.scaling_laws import Doubt, FittedPoint
from unitscale.models.units import Parametrization

MOST_EPOCHS = 4.0
"""Up to which repeated tokens are nearly as good as fresh ones. Source: arXiv:2305.16264."""

DECAYED = 0.5
"""Of the highest rate, what the last one may be at the most: decayed schedules end at 0.1 of it, or lower."""

Said = Iterator[tuple[str, str, Sequence[int]]]


def shortcomings(job: Job) -> str | None:
    """Why a job is no point of a law, in words; None where it is one."""
    if job.state is not State.SUCCEEDED or job.result is None:
        return f"Job {job.id} is {job.state.value} and has no final loss; leave it out."
    if job.spec.task not in OF_TEXT or job.spec.model.context is None:
        known = " and ".join(sorted(OF_TEXT))
        return f"Job {job.id} is {job.spec.task}, which counts no tokens; {known} do. Give its figures as points."
    if job.result.val_loss is None or job.result.val_loss <= 0:
        return f"Job {job.id} ended with a loss of {job.result.val_loss}, which has no logarithm; leave it out."
    return None if tokens_seen(job) else f"Job {job.id} took no step; leave it out."


def tokens_seen(job: Job) -> int:
    """Tokens that were trained on, repeated ones each time."""
    rate, seconds = job.timings.tokens_per_second, job.timings.training_seconds
    return round(rate * seconds) if rate and seconds else 0


def doubts(
    jobs: Sequence[Job],
    points: Sequence[FittedPoint],
    uploaded: Mapping[str, Dataset],
    last_rates: Mapping[str, float],
) -> tuple[Doubt, ...]:
    """Everything about these runs that a law should not be made of. `last_rates`: job → its last learning rate."""
    of_each_run = (*_repeated(jobs, uploaded), *_undecayed(jobs, last_rates))
    each = (*_mixed(jobs), *of_each_run, *_untuned(jobs), *_several(jobs, points))
    return tuple(Doubt(code=code, detail=detail, points=tuple(places)) for code, detail, places in each)


def _tokenizer(job: Job) -> str:
    """What a token is."""
    words = (job.spec.data.tokenizer or "characters", job.spec.data.vocabulary)
    return " ".join(str(word) for word in words if word)


MIXED: dict[str, tuple[str, Callable[[Job], object]]] = {
    "mixed_tasks": ("tasks", lambda job: job.spec.task),
    "mixed_datasets": ("data sets", lambda job: job.spec.dataset),
    "mixed_tokenizers": ("tokenizers", _tokenizer),
    "mixed_contexts": ("contexts", lambda job: job.spec.model.context),
}


def _mixed(jobs: Sequence[Job]) -> Said:
    for code, (what, of) in MIXED.items():
        values = list(dict.fromkeys(str(of(job)) for job in jobs))
        if len(values) > 1:
            named = ", ".join(values[:5])
            detail = f"These runs have different {what}: {named}. No one law fits them; fit each apart."
            yield code, detail, ()


def _repeated(jobs: Sequence[Job], uploaded: Mapping[str, Dataset]) -> Said:
    epochs = [_epochs(job, uploaded) for job in jobs]
    places = [place for place, passes in enumerate(epochs) if passes > MOST_EPOCHS]
    if places:
        detail = (
            f"{len(places)} runs pass over their text more than {MOST_EPOCHS:g} times, up to {max(epochs):.3g}: "
            "repeated tokens teach less than fresh ones (arXiv:2305.16264), and bend the law. Use more text."
        )
        yield "repeated_data", detail, places


def _epochs(job: Job, uploaded: Mapping[str, Dataset]) -> float:
    """Passes over the training split, as far as its size is known."""
    name = str(job.spec.dataset)
    volume = contents.volume if (held := uploaded.get(name)) and (contents := held.contents) else None
    entry = DATASETS.get(name)
    there = volume.training_tokens if volume else entry.training_tokens if entry else None
    if not there:
        return 0.0
    return tokens_seen(job) * _characters_a_token(job) / (there * job.spec.data.fraction)


def _characters_a_token(job: Job) -> float:
    """By what the loss is a token, and a character; 1 where tokens are what texts are counted in."""
    bits = job.result.metrics.get("bits_per_character") if job.result else None
    if job.spec.data.tokenizer != "bpe" or not bits or job.result is None or job.result.val_loss is None:
        return 1.0
    return job.result.val_loss / (log(2) * bits)


def _undecayed(jobs: Sequence[Job], last_rates: Mapping[str, float]) -> Said:
    places = [place for place, job in enumerate(jobs) if _stayed_high(job, last_rates.get(job.id))]
    if places:
        detail = (
            f"{len(places)} runs ended before their learning rate had fallen: their losses are higher than their sizes "
            "allow. Use the schedule cosine, linear or wsd, let it come to its end, and let that be low."
        )
        yield "undecayed_schedule", detail, places


def _stayed_high(job: Job, last: float | None) -> bool:
    """Whether its last rate was near the highest: as its curve says, or, without one, as its schedule does."""
    stopped = job.result is not None and job.result.stopped_by != "budget"
    return stopped or job.spec.schedule.name == "constant" or _last_share(job, last) > DECAYED


def _last_share(job: Job, last: float | None) -> float:
    """The last rate over the rate of the schedule's peak."""
    peak = job.spec.units.learning_rate
    if last is None or not isinstance(peak, float):
        return job.spec.schedule.final_fraction or 0.0
    return last / peak


def _untuned(jobs: Sequence[Job]) -> Said:
    """One rate for all widths, where the best one moves with the width."""
    places = [place for place, job in enumerate(jobs) if job.spec.units.parametrization is Parametrization.SP]
    widths = {jobs[place].spec.model.width for place in places}
    rates = {jobs[place].spec.units.learning_rate for place in places}
    if len(widths) > 1 and len(rates) == 1:
        detail = (
            f"{len(widths)} widths share one learning rate, {next(iter(rates))}, under sp, where the best one falls as "
            "the width grows: large models look worse than they are. Sweep the rate at each width, or use u-mup."
        )
        yield "untuned_rates", detail, places


def _several(jobs: Sequence[Job], points: Sequence[FittedPoint]) -> Said:
    """Of runs of one size under several rates, all but the best are no points of a law."""
    by_size = defaultdict[tuple[object, object], list[int]](list)
    for place, point in enumerate(points):
        by_size[point.parameters, point.tokens].append(place)
    places = [
        place
        for same in by_size.values()
        if len({jobs[each].spec.units.learning_rate for each in same}) > 1
        for place in same
        if points[place].loss != min(points[each].loss or 0.0 for each in same)
    ]
    if places:
        detail = f"{len(places)} runs are of a size that another learning rate does better at; leave them out."
        yield "untuned_rates", detail, sorted(places)
