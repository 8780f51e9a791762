"""The report of a study: whole, self-contained, and true to what users wrote."""

import math
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from app.analysis.points import unpacked
from app.report import study as report
from app.report.charts import Series, chart
from app.report.markup import element
from unitscale.models.campaigns import CampaignState
from unitscale.models.document import derived_id
from unitscale.models.studies import Candidate, Iteration, Study, StudySpec, Trial, TrialState

NASTY = "<script>alert('&\"')</script>"
TWO = [{"minimize": "val_loss"}, {"minimize": "deployment.bytes"}]
AT = datetime(2026, 11, 23, tzinfo=UTC)


def job(number):
    return derived_id("job", 1, number)


def a_trial(place, value=1.0, **fields):
    units = {"learning_rate": 0.1 * (place + 1), "batch_size": 8}
    common = {"place": place, "job": job(place), "units": units, "seed": 0, "state": TrialState.SUCCEEDED}
    return Trial(**(common | {"values": {"val_loss": value}, "feasible": True} | fields))


def a_spec(**fields):
    units = {"learning_rate": {"low": 0.1, "high": 1.0}, "batch_size": {"choices": [8, "full"]}}
    return StudySpec.model_validate({"base": {"task": "regression"}, "units": units} | fields)


def a_study(spec=None, **fields):
    trials = tuple(a_trial(place, 1.0 / (place + 1)) for place in range(4))
    iteration = Iteration(number=0, decided_at=AT, asked_by="tpe", why="Drawn at random.", trials=trials, best=3)
    winner = Candidate(
        place=3, job=job(3), units=trials[3].units, values={"val_loss": 0.25}, runs=3, confirmed=True,
        test_metrics={"r2": 0.9},
    )  # fmt: skip
    common = {"id": derived_id("st", 1, 1), "state": CampaignState.SUCCEEDED, "created_at": AT}
    found = {"iterations": (iteration,), "winner": winner, "best": winner, "importances": {"learning_rate": 0.8}}
    return Study(**(common | found | {"objectives": (spec or a_spec()).objectives} | fields))


class Seen(HTMLParser):
    """Elements, attributes and text of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def seen(study=None, spec=None, curves=None):
    return Seen(report.page(study or a_study(), spec or a_spec(), curves or {}))


def test_it_says_what_to_use_and_how_sure_that_is():
    text = seen().text

    assert "Train with learning_rate 0.4, batch_size 8: validation loss 0.25." in text
    assert "Confirmed by 3 further runs" in text
    assert "0.9" in text
    assert "test data" in text


def with_runner_up(loss):
    """A study whose winner's runs gave losses from 0.24 to 0.27, and another choice's median was this loss."""
    study = a_study()
    winner = study.winner.model_copy(update={"spread": {"val_loss": (0.24, 0.27)}})
    units, values = {"learning_rate": 0.3, "batch_size": 8}, {"val_loss": loss}
    other = Candidate(place=2, job=job(2), units=units, values=values, runs=3, confirmed=True)
    return study.model_copy(update={"winner": winner, "runner_up": other})


def test_it_says_what_the_runs_that_confirm_it_gave():
    text = seen(with_runner_up(0.28)).text

    assert "validation loss 0.25." in text
    assert "3 further runs from other random numbers, which gave validation loss from 0.24 to 0.27;" in text
    assert "distinguishable" not in text


def test_it_says_that_a_runner_up_within_their_spread_is_not_distinguishable():
    said = "The runner-up, learning_rate 0.3, batch_size 8, is not distinguishable from it: its median, "

    assert said + "validation loss 0.26, lies within what these runs gave." in seen(with_runner_up(0.26)).text


def test_it_says_that_what_had_to_hold_does():
    spec = a_spec(subject_to=[{"measure": "metrics.r2", "at_least": 0.5}])
    winner = Candidate(place=3, job=job(3), units={"batch_size": 8}, values={"val_loss": 0.25, "metrics.r2": 0.625})

    text = seen(a_study(spec, winner=winner), spec).text

    assert "validation loss 0.25, with R² (1 is perfect) 0.625 (at least 0.5 was asked for)." in text


def test_a_value_at_the_end_of_what_was_searched_asks_for_more():
    narrow = a_spec(units={"learning_rate": {"low": 0.1, "high": 0.4}, "batch_size": {"choices": [8, "full"]}})

    assert "0.1 to 0.4; at its upper end: search further" in seen(spec=narrow).text
    assert "search further" not in seen().text


def test_a_value_that_holds_others_is_said_in_words():
    chosen = {"optimizer": {"name": "adamw", "betas": [0.9, 0.95], "nesterov": True}}
    spec = a_spec(units={"optimizer": {"choices": [chosen["optimizer"], {"name": "sgd"}]}})
    winner = Candidate(place=0, job=job(0), units=chosen, values={"val_loss": 0.25})

    text = seen(a_study(spec, winner=winner), spec).text

    assert "Train with optimizer {name: adamw, betas: [0.9, 0.95], nesterov: true}" in text
    assert "one of {name: adamw, betas: [0.9, 0.95], nesterov: true}, {name: sgd}" in text


def test_it_needs_no_network_and_no_script():
    page = seen()

    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not {name for name, _ in page.attributes} & {"src", "href", "srcset", "onload", "onclick"}
    assert "url(" not in report.STYLE.read_text()
    assert "@import" not in report.STYLE.read_text()
    assert page.open == []


@pytest.mark.parametrize(
    "study",
    [
        a_study(name=NASTY),
        a_study(
            iterations=(
                Iteration(
                    number=0,
                    decided_at=AT,
                    asked_by="grid",
                    why=NASTY,
                    trials=(a_trial(0, note=NASTY, units={"optimizer.name": NASTY, "labels": NASTY}),),
                ),
            )
        ),
        a_study(importances={NASTY: 0.5}),
    ],
)
def test_what_users_wrote_is_text_and_nothing_else(study):
    spec = a_spec(units={"optimizer.name": {"choices": [NASTY]}, "learning_rate": {"low": 1, "high": 2}})
    spec = spec.model_copy(update={"units": spec.units | {"batch_size": spec.units["optimizer.name"]}})

    page = seen(study, spec, {})

    assert "script" not in page.tags
    assert NASTY in page.text


def test_an_attribute_cannot_be_left_by_what_is_in_it():
    drawn = element("p", aria_label='"><script>')

    assert drawn == '<p aria-label="&quot;&gt;&lt;script&gt;"></p>'


def test_a_study_that_has_just_begun_has_a_report():
    study = a_study(state=CampaignState.RUNNING, iterations=(), winner=None, best=None, importances={})

    assert "There is no usable result yet." in seen(study).text


def a_study_of(*trials, winner=None, **fields):
    """A study that went through these trials and no others."""
    iteration = Iteration(number=0, decided_at=AT, asked_by="tpe", why="Drawn at random.", trials=trials)
    kept = next((trial for trial in trials if trial.feasible), None)
    best = kept and Candidate(place=kept.place, job=kept.job, units=kept.units, values=kept.values)
    found = {"iterations": (iteration,), "winner": winner, "best": best, "importances": {}}
    return a_study(**(found | fields))


def valued(*values, **fields):
    """Trials that were measured so."""
    return a_study_of(*(a_trial(place, value) for place, value in enumerate(values)), **fields)


OUT = {"feasible": False, "note": "r2 is 0.1."}
ODD_STUDIES = {
    "no trial": a_study_of(),
    "all failed": a_study_of(*(a_trial(n, None, state=TrialState.FAILED, feasible=False) for n in range(3))),
    "failed without a measure": a_study_of(a_trial(0, values={}, state=TrialState.FAILED, feasible=False)),
    "all refused": a_study_of(*(a_trial(n, values={}, state=TrialState.REFUSED, **OUT) for n in range(3))),
    "all infeasible": a_study_of(*(a_trial(n, float(n), **OUT) for n in range(3))),
    "one infeasible": a_study_of(a_trial(0, **OUT)),
    "infeasible so far": a_study_of(
        *(a_trial(n, float(n), **OUT) for n in range(3)), a_trial(3, values={}, feasible=None, state=TrialState.RUNNING)
    ),
    "all running": a_study_of(*(a_trial(n, values={}, feasible=None, state=TrialState.RUNNING) for n in range(3))),
    "one trial": valued(1.0),
    "one feasible": a_study_of(a_trial(0, 1.0, **OUT), a_trial(1, 2.0), a_trial(2, 3.0, **OUT)),
    "constant": valued(1.0, 1.0, 1.0),
    "constant zero": valued(0.0, 0.0, 0.0),
    "constant and large": valued(1e300, 1e300),
    "constant but for the last bit": valued(1e9, math.nextafter(1e9, 2e9), 1e9),
    "negative": valued(-3.0, -2.0, -1e-9),
    "both signs": valued(-1e9, 0.0, 1e9),
    "tiny": valued(5e-324, 1e-300, 1e-308),
    "huge": valued(1e300, 1.7e308, -1.7e308),
    "tiny and huge": valued(5e-324, 1.7e308),
    "none measured": valued(None, None),
    "some measured": valued(None, 1.0, float("nan"), float("inf")),
    "two objectives, none feasible": a_study_of(
        *(a_trial(n, values={"val_loss": 1.0, "deployment.bytes": 5.0}, **OUT) for n in range(3)),
        spec=a_spec(objective=TWO),
    ),
    "two objectives, one measured": a_study_of(
        a_trial(0), spec=a_spec(objective=TWO),
        front=(Candidate(place=0, job=job(0), units={}, values={"val_loss": 1.0, "deployment.bytes": None}),),
    ),
    "two objectives, a single best": a_study_of(
        a_trial(0), spec=a_spec(objective=TWO),
        front=(Candidate(place=0, job=job(0), units={}, values={"val_loss": 1.0, "deployment.bytes": 5.0}),),
    ),
    "repeated runs without a measure": a_study_of(
        a_trial(0), a_trial(1, None, again=0), a_trial(2, values={}, again=0, state=TrialState.FAILED)
    ),
    "odd units": a_study_of(a_trial(0, units={"learning_rate": float("inf"), "batch_size": None})),
    "a winner without figures": valued(
        1.0, winner=Candidate(place=0, job=job(0), units={}, values={}, test_metrics={"r2": None})
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", [CampaignState.RUNNING, CampaignState.FAILED])
@pytest.mark.parametrize("study", ODD_STUDIES.values(), ids=ODD_STUDIES)
def test_however_a_study_stands_it_has_a_report(study, state):
    spec = a_spec(objective=TWO) if len(study.objectives) == 2 else a_spec()

    page = seen(study.model_copy(update={"state": state}), spec)

    assert "What was asked" in page.text
    assert page.open == []
    assert not re.search(r"\b(nan|inf)\b", " ".join(value or "" for _, value in page.attributes))


def test_trials_that_do_not_count_are_drawn_although_none_does():
    page = report.page(ODD_STUDIES["all infeasible"], a_spec(), {})

    assert "How the search went" in page
    assert "a trial that does not count" in page
    assert "best so far" not in page
    assert page.count("<circle") == 3


def test_a_front_is_drawn_against_both_objectives():
    spec = a_spec(objective=TWO)
    ends = [
        Candidate(place=n, job=job(n), units={}, values={"val_loss": 1.0 - n / 4, "deployment.bytes": 1e3 * 9**n})
        for n in range(3)
    ]
    page = seen(a_study(spec, front=tuple(ends)), spec)

    assert "Trade-off (Pareto front)" in page.text
    assert page.tags.count("svg") == 1


def test_a_front_says_which_figures_are_medians():
    spec, values = (
        a_spec(objective=TWO),
        [{"val_loss": 1.0, "deployment.bytes": 9.0}, {"val_loss": 2.0, "deployment.bytes": 5.0}],
    )
    front = (
        Candidate(place=0, job=job(0), units={}, values=values[0], runs=3, confirmed=True),
        Candidate(place=1, job=job(1), units={}, values=values[1]),
    )

    text = seen(a_study(spec, front=front), spec).text

    assert "medians of 3 further runs" in text
    assert "of a single run" in text


def test_of_two_objectives_the_curves_are_of_the_front_the_most_balanced_first():
    spec = a_spec(objective=TWO)
    figures = [(0.1, 900.0), (0.2, 200.0), (0.3, 950.0), (0.9, 100.0)]
    trials = [a_trial(n, values={"val_loss": loss, "deployment.bytes": size}) for n, (loss, size) in enumerate(figures)]

    assert report.drawn(a_study_of(*trials, spec=spec)) == [job(1), job(0), job(3), job(2)]


def test_curves_of_the_best_trials_are_drawn():
    curve = b"".join(step.to_bytes(4, "little") + b"\x00\x00\x80\x3f" for step in range(1, 1000))
    study = a_study()
    jobs = report.drawn(study)

    page = report.page(study, a_spec(), {each: unpacked(curve) for each in jobs})

    assert jobs[0] == job(3)
    assert "How the best trials learnt" in page
    assert len(re.findall("<polyline", page)) == 1 + len(jobs)


@pytest.mark.parametrize(
    "points",
    [
        [(1.0, 2.0)],
        [(0.0, 0.0), (0.0, 0.0)],
        [(1.0, -5.0), (2.0, 5.0)],
        [(1.0, 1e-9), (1e6, 1e9)],
        [(0.0, 1e300), (1.0, 1.0)],
        [(0.0, 1e300), (1.0, -1e300)],
        [(0.0, 1e300), (1.0, 1e300)],
        [(0.0, 1.7e308), (1.0, -1.7e308), (2.0, 1.0)],
        [(0.0, 5e-324), (1.0, 1e300)],
        [(0.0, 5e-324), (1.0, 1e-320)],
        [(0.0, 5e-324), (1.0, 1e-323)],
        [(0.0, 1e9), (1.0, math.nextafter(1e9, 2e9))],
        [(0.0, 1e300), (1.0, math.nextafter(1e300, 0.0))],
        [(0.0, math.nan), (1.0, 1.0), (2.0, math.inf)],
    ],
)
def test_a_chart_lies_within_its_frame(points):
    page = chart([Series("a", points), Series("b", points, "dots"), Series("c", points, "steps")], "x", "y")
    picture = ET.fromstring(re.search("<svg.*</svg>", page)[0])  # noqa: S314  our own

    drawn = [
        float(n) for line in picture.iter("polyline") for pair in line.get("points").split() for n in pair.split(",")
    ]
    drawn += [float(dot.get(key)) for dot in picture.iter("circle") for key in ("cx", "cy")]
    assert drawn
    assert all(0 <= number <= 720 for number in drawn)
