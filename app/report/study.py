"""A study as a report: what to use, how sure that is, how it was found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from app.analysis.downsampling import downsampled
from app.analysis.points import Points
from app.report import wording
from app.report.charts import Series, chart
from app.report.markup import Child, Markup, element, together
from unitscale.models.campaigns import OVER
from unitscale.models.ends import ends_of
from unitscale.models.ranking import ranked
from unitscale.models.studies import Candidate, Study, StudySpec, Trial

STYLE = Path(__file__).with_name("style.css")
BEST_CURVES = 5
DRAWN_POINTS = 240
Curves = Mapping[str, Points]
"""Job → validation losses by step."""


def drawn(study: Study) -> list[str]:
    """The jobs whose curves the report shows: the best trials', the best first."""
    return [trial.job for trial in ranked(study.objectives, _searched(study))[:BEST_CURVES]]


def page(study: Study, spec: StudySpec, curves: Curves) -> str:
    """The whole file."""
    report = _Report(study, spec, curves)
    head = element(
        "head",
        Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", f"Study: {study.name or study.id}"),
        element("style", Markup(STYLE.read_text(encoding="utf-8"))),
    )
    return "<!doctype html>\n" + element("html", head, element("body", *report.body()), lang="en")


def _trials(study: Study) -> list[Trial]:
    return [trial for each in study.iterations for trial in each.trials]


def _searched(study: Study) -> list[Trial]:
    return [trial for trial in _trials(study) if trial.again is None]


@dataclass(frozen=True)
class _Report:
    study: Study
    spec: StudySpec
    curves: Curves

    @property
    def shown(self) -> Candidate | None:
        return self.study.winner or self.study.best

    def body(self) -> Iterator[Markup]:
        """Its parts, from the answer to the details."""
        yield element("h1", self.study.name or "Study")
        yield element("p", f"{self.study.id} · begun {self.study.created_at:%d %B %Y, %H:%M} UTC", class_="dim")
        yield self._answer()
        yield from self._recommended()
        yield from self._question()
        yield from self._progress()
        yield from self._front()
        yield from self._learning()
        yield from self._importances()
        yield from self._confirmation()
        yield from self._all_trials()
        yield from self._decisions()
        yield _footer()

    def _answer(self) -> Markup:
        said = [element("p", *self._verdict()), element("p", self._confidence())]
        return element("div", *said, self._figures(), class_="answer")

    def _verdict(self) -> Iterator[Child]:
        if self.shown is None:
            over = self.study.state in OVER
            yield "No choice of units gave a usable result." if over else "There is no usable result yet."
            yield f" {self.study.reason.message}" if self.study.reason else None
            return
        yield "Train with " if self.study.winner else "The best so far is "
        yield element("strong", wording.choice(self.shown.units))
        yield ": " + " and ".join(self._value(self.shown, each.measure) for each in self.study.objectives)
        yield self._held(self.shown) + "."

    def _held(self, candidate: Candidate) -> str:
        """What had to hold, as far as that is not what was aimed at."""
        said = (
            f"{self._value(candidate, each.measure)} ({wording.bound(each)} was asked for)"
            for each in self.spec.subject_to
        )
        return ", with " + " and ".join(said) if self.spec.subject_to else ""

    def _value(self, candidate: Candidate, name: str) -> str:
        return f"{wording.measure(name)} {wording.number(candidate.values.get(name))}"

    def _confidence(self) -> Markup:
        if self.study.winner is None:
            going_on = "The study is still running; this may change." if self.study.state not in OVER else ""
            return together(going_on)
        return together(self._sure(self.study.winner), self._close(self.study.winner), self._reached())

    def _sure(self, winner: Candidate) -> str:
        if not winner.confirmed:
            return "A single run says so; nothing confirms it. "
        if winner.runs == 1:
            return "Confirmed by a further run from other random numbers; the figures are that run's. "
        names = [each.measure for each in self.study.objectives if each.measure in winner.spread]
        spread = " and ".join(f"{wording.measure(name)} {wording.spread(winner.spread[name])}" for name in names)
        gave = f", which gave {spread}" if spread else ""
        return (
            f"Confirmed by {winner.runs} further runs from other random numbers{gave}; the figures are their medians. "
        )

    def _close(self, winner: Candidate) -> str | None:
        """That another choice may be as good, where the runs do not tell the two apart."""
        other = self.study.runner_up
        if other is None or not winner.covers(other, self.study.objectives):
            return None
        medians = " and ".join(self._value(other, each.measure) for each in self.study.objectives)
        return (
            f"The runner-up, {wording.choice(other.units)}, is not distinguishable from it: its median, {medians}, "
            "lies within what these runs gave. "
        )

    def _reached(self) -> Markup | None:
        if self.study.target is None:
            return None
        target = (
            f"The target, {wording.measure(self.study.objectives[0].measure)} {wording.bound(self.study.target)}, was "
        )
        word = "reached." if self.study.reached else "not reached."
        return together(target, element("strong", word, class_="good" if self.study.reached else "bad"))

    def _figures(self) -> Markup | None:
        winner = self.study.winner
        if winner is None or not winner.test_metrics:
            return None
        figures = [
            element("li", element("b", wording.number(value)), element("span", f"{wording.tested(name)}, test data"))
            for name, value in winner.test_metrics.items()
        ]
        note = (
            "Test data were kept aside: nothing was chosen by them, so figures on them may be a little worse. This is "
            "the only time they are looked at."
        )
        return together(element("ul", *figures, class_="figures"), element("p", note, class_="note"))

    def _recommended(self) -> Iterator[Markup]:
        if self.shown is None:
            return
        yield element("h2", "Recommended settings" if self.study.winner else "Best settings so far")
        rows = [
            (unit, wording.number(value), self._space(unit), wording.meaning(unit))
            for unit, value in self.shown.units.items()
        ]
        yield _table(("setting", "value", "searched", "what it is"), rows)
        yield element("p", f"The job with these settings: {self.shown.job}", class_="note")

    def _space(self, unit: str) -> str:
        searched = wording.space(self.spec.units[unit])
        end = ends_of(self.spec, self.study.winner.units).get(unit) if self.study.winner else None
        return f"{searched}; at its {end} end: search further" if end else searched

    def _question(self) -> Iterator[Markup]:
        yield element("h2", "What was asked")
        base, budget = self.spec.base, self.spec.budget
        where = f" on the data {base.dataset}" if base.dataset else ""
        conditions = ", ".join(map(wording.condition, self.spec.subject_to))
        under = f", with {conditions}" if conditions else ""
        target = f" The target was {wording.bound(self.study.target)}." if self.study.target else ""
        aim = f"For {base.task}{where}, what gives {wording.aim(self.study.objectives)}{under}?"
        yield element("p", aim + target)
        seconds = f" within {wording.number(budget.max_seconds)} s" if budget.max_seconds else ""
        searched, trials = len(_searched(self.study)), _trials(self.study)
        spent = (
            f"At most {budget.trials} trials{seconds} were allowed; {searched} were made, and {len(trials) - searched} "
        )
        yield element("p", spent + "runs to confirm the best.")

    def _progress(self) -> Iterator[Markup]:
        objective, *others = self.study.objectives
        if others:
            return
        values = [(t, t.values.get(objective.measure)) for t in _searched(self.study)]
        kept = [(float(t.place), v) for t, v in values if v is not None and t.feasible]
        out = [(float(t.place), v) for t, v in values if v is not None and not t.feasible]
        best = [(place, min((v for p, v in kept if p <= place), key=objective.cost)) for place, _ in kept]
        series = [
            Series("best so far", best, "steps", 0),
            Series("a trial", kept, "dots", 0),
            Series("a trial that does not count", out, "hollow", 5),
        ]
        if picture := chart(series, "trial", wording.measure(objective.measure), whole_x=True):
            yield element("h2", "How the search went")
            yield picture

    def _front(self) -> Iterator[Markup]:
        if not self.study.front:
            return
        names = [each.measure for each in self.study.objectives]
        x, y = map(wording.measure, names)
        front, drawn = _pairs(self.study.front, names), {each.place for each in self.study.front}
        series = [
            Series("Pareto front", sorted(front), "line", 0),
            Series("choices on it", front, "dots", 0),
            Series(
                "other trials",
                _pairs([t for t in _searched(self.study) if t.feasible and t.place not in drawn], names),
                "hollow",
                5,
            ),
            Series("recommended", _pairs([self.study.winner] if self.study.winner else [], names), "dots", 1),
        ]
        yield element("h2", "Trade-off (Pareto front)")
        said = (
            "No other choice is better than one of these in both. From one to the next, more of the one costs some of "
            "the other. Recommended is the most balanced of those repeated; where one side matters more, take another."
        )
        yield element("p", said)
        yield chart(series, x, y)
        rows = [
            (wording.choice(each.units), wording.runs(each), *(wording.number(each.values.get(name)) for name in names))
            for each in self.study.front
        ]
        best = self.shown.place if self.shown else None
        marks = ["best" if each.place == best else None for each in self.study.front]
        yield _table(("settings", "figures are", x, y), rows, numbers=2, marks=marks)

    def _learning(self) -> Iterator[Markup]:
        trials = {trial.job: trial for trial in _searched(self.study)}
        jobs = [job for job in drawn(self.study) if self.curves.get(job)]
        series = [
            Series(
                f"trial {trials[job].place}: {wording.choice(trials[job].units)}",
                _drawable(self.curves[job]),
                "line",
                place % 6,
            )
            for place, job in enumerate(jobs)
        ]
        if picture := chart(series, "training step", "validation loss"):
            yield element("h2", "How the best trials learnt")
            yield picture

    def _importances(self) -> Iterator[Markup]:
        if not self.study.importances:
            return
        yield element("h2", "Which settings mattered")
        yield element("p", "How much of the difference between trials each setting accounts for.")
        for unit, share in sorted(self.study.importances.items(), key=lambda entry: -entry[1]):
            bar = element("div", element("i", style=f"width:{share:.1%}"))
            yield element("div", element("span", unit), bar, element("span", f"{share:.0%}"), class_="bar")

    def _confirmation(self) -> Iterator[Markup]:
        again = [trial for trial in _trials(self.study) if trial.again is not None]
        if not again:
            return
        name = self.study.objectives[0].measure
        firsts = {trial.place: trial for trial in _searched(self.study)}
        rows = [
            (
                f"{place}: {wording.choice(firsts[place].units)}",
                wording.number(firsts[place].values.get(name)),
                ", ".join(
                    wording.number(t.values.get(name)) if t.values else t.state.value for t in again if t.again == place
                ),
            )
            for place in dict.fromkeys(trial.again for trial in again if trial.again is not None)
        ]
        yield element("h2", "The best, repeated")
        said = "A single good run may be luck. So the best trials were repeated from other random numbers."
        yield element("p", said)
        yield _table(("trial", f"{wording.measure(name)}, first run", "repeated"), rows)

    def _all_trials(self) -> Iterator[Markup]:
        trials = _searched(self.study)
        if not trials:
            return
        units = list(dict.fromkeys(unit for trial in trials for unit in trial.units))
        names = self.spec.measures
        best = self.shown.place if self.shown else None
        rows = [
            (
                str(trial.place),
                *(wording.number(trial.units.get(unit)) for unit in units),
                *(wording.number(trial.values.get(name)) for name in names),
                "pruned" if trial.pruned else trial.state.value,
                trial.note or "",
            )
            for trial in trials
        ]
        marks = ["best" if t.place == best else "out" if t.feasible is False else None for t in trials]
        yield element("h2", "All trials")
        yield _table(("trial", *units, *map(wording.measure, names), "state", "note"), rows, marks=marks)

    def _decisions(self) -> Iterator[Markup]:
        if not self.study.iterations:
            return
        yield element("h2", "What was decided, and why")
        rows = [
            (
                f"{each.decided_at:%H:%M:%S}",
                each.asked_by,
                f"{len(each.trials)} trials",
                each.why,
                "" if each.best is None else f"trial {each.best}",
            )
            for each in self.study.iterations
        ]
        yield _table(("at (UTC)", "by", "asked for", "why", "best afterwards"), rows)


def _pairs(found: Sequence[Candidate] | Sequence[Trial], names: Sequence[str]) -> list[tuple[float, float]]:
    pairs = [[each.values.get(name) for name in names] for each in found]
    return [(x, y) for x, y in pairs if x is not None and y is not None]


def _drawable(points: Points) -> list[tuple[float, float]]:
    """As many as a chart can show, and none that is not finite."""
    few = downsampled(points, DRAWN_POINTS) if len(points) > DRAWN_POINTS else None
    pairs = zip(few.step if few else points.steps(), few.value if few else points.values(), strict=True)
    return [(float(step), value) for step, value in pairs if isfinite(value)]


def _table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 0, marks: Sequence[str | None] = ()
) -> Markup:
    """The last so many columns are numbers; a mark is the class of its row."""
    classes = [None] * (len(heads) - numbers) + ["number"] * numbers
    head = element("tr", *(element("th", text, class_=kind) for text, kind in zip(heads, classes, strict=True)))
    lines = [
        element("tr", *(element("td", cell, class_=kind) for cell, kind in zip(row, classes, strict=True)), class_=mark)
        for row, mark in zip(rows, marks or [None] * len(rows), strict=True)
    ]
    return element("div", element("table", element("thead", head), element("tbody", *lines)), class_="wide")


def _footer() -> Markup:
    said = (
        "All trials of the search start from the same random numbers: they differ in their settings alone. Settings "
        "under which one of the repeated runs failed are not recommended. "
        "Made by Unitscale."
    )
    return element("footer", element("p", said, class_="note"))
