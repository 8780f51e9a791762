"""Curves side by side: smoothed, aligned, raced, against what a plain loop over the points says."""

import struct
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.alignment import even, every_place, laid
from app.analysis.axes import Track, along, ramped
from app.analysis.race import arrival, race
from app.analysis.smoothing import smoothed
from unitscale.models.growth import growth
from unitscale.models.jobs import Job, Progress, State, Timings
from unitscale.models.specs import JobSpec

NAN = float("nan")
NUMBERS = st.floats(-1e6, 1e6) | st.just(NAN)


def by_hand(values: list[float], weight: float) -> list[float]:
    """The mean of all values so far, each weighing `weight` times the one after it."""
    above = below = 0.0
    means = []
    for value in values:
        if np.isfinite(value):
            above, below = weight * above + value, weight * below + 1
            means.append(above / below)
        else:
            means.append(NAN)
    return means


def points(values: list[float], every: int = 1) -> bytes:
    return b"".join(struct.pack("<If", every * number, value) for number, value in enumerate(values, 1))


def a_track(
    values: list[float], *, seconds: float = 10.0, spec: dict[str, object] | None = None, every: int = 1, **more: object
) -> Track:
    """Of a job that stands at the last of these points."""
    last, examples = every * len(values), 4 * every * len(values)
    job = Job(
        id="job_06g1m2c8kq7v3x9t4b5n",
        state=State.RUNNING,
        requested=JobSpec(task="regression"),
        spec=JobSpec.model_validate({"task": "regression", **(spec or {})}),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        progress=Progress(step=last, steps=2 * last),
        timings=Timings(training_seconds=seconds, examples_per_second=more.pop("examples", examples) / seconds),
    )
    return Track(job, points(values, every), **more)


def marks(*rows: tuple[int, int, float]) -> bytes:
    return b"".join(struct.pack("<IId", *row) for row in rows)


@given(st.lists(NUMBERS, max_size=300), st.floats(0.01, 0.999))
def test_smoothing_is_the_mean_of_what_came_before(values, weight):
    assert smoothed(np.array(values, float), weight).tolist() == pytest.approx(
        by_hand(values, weight), rel=1e-9, abs=1e-6, nan_ok=True
    )


@pytest.mark.parametrize("weight", [0.5, 0.9, 0.9999])
def test_smoothing_is_exact_over_many_blocks(weight):
    values = np.random.default_rng(0).normal(size=20_000)

    assert smoothed(values, weight).tolist() == pytest.approx(by_hand(values.tolist(), weight), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("weight", [None, 0.0])
def test_without_a_weight_nothing_is_smoothed(weight):
    assert smoothed(np.array([1.0, 5.0]), weight).tolist() == [1, 5]


def test_a_curve_is_smoothed_before_points_are_left_out():
    values = np.random.default_rng(0).normal(size=1000).tolist()
    grid = np.array([1.0, 500.0, 1000.0])

    shown = laid("step", a_track(values), 0.9, grid)["value"]

    exact = by_hand([struct.unpack("<f", struct.pack("<f", value))[0] for value in values], 0.9)
    assert shown == pytest.approx([exact[0], exact[499], exact[999]])


def test_no_spike_is_lost_between_two_places():
    values = [0.0] * 1000
    values[700], values[701] = 9.0, -9.0

    shown = laid("step", a_track(values), 0.99, np.linspace(1, 1000, 20))

    assert (max(shown["max"]), min(shown["min"])) == (9, -9)


@given(st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=60), st.integers(2, 40))
def test_lowest_and_highest_are_those_since_the_place_before(values, places):
    grid = np.linspace(1, len(values), places)

    shown = laid("step", a_track(values), None, grid)

    bounds = [-1.0, *grid.tolist()]
    for place in range(places):
        inside = [v for step, v in enumerate(values, 1) if bounds[place] < step <= bounds[place + 1]]
        told = (shown["min"][place], shown["max"][place])
        assert told == ((min(inside), max(inside)) if inside else pytest.approx((NAN, NAN), nan_ok=True))


def test_nothing_is_drawn_beyond_a_jobs_end():
    shown = laid("step", a_track([4.0, 2.0], every=10), None, np.array([5.0, 10.0, 15.0, 20.0, 25.0]))["value"]

    assert shown == pytest.approx([NAN, 4, 3, 2, NAN], nan_ok=True)


def test_what_is_no_number_is_a_gap():
    shown = laid("step", a_track([1.0, NAN, 3.0, 4.0]), None, np.array([1.0, 1.5, 2.0, 2.5, 3.0, 3.5]))

    assert shown["value"] == pytest.approx([1, NAN, NAN, NAN, 3, 3.5], nan_ok=True)


def test_points_that_are_not_settled_wait():
    track = a_track([1.0, 2.0])
    more = Track(track.job, points([1.0, 2.0, 3.0]))

    assert laid("step", more, None, np.array([1.0, 2.0, 3.0]))["value"] == pytest.approx([1, 2, NAN], nan_ok=True)


def test_few_points_are_shown_where_they_are():
    tracks = [a_track([3.0, 2.0], every=50), a_track([3.0, 2.0, 1.0], every=40)]

    assert every_place("step", tracks, 5).tolist() == [40, 50, 80, 100, 120]
    assert every_place("step", tracks, 4) is None


def test_a_grid_spans_all_jobs():
    jobs = [a_track([1.0] * 100).job, a_track([1.0] * 300).job]

    assert even("step", jobs, [10, 1], 4).tolist() == [1, 101, 200, 300]
    assert even("fraction", jobs, [50, 0], 2).tolist() == [0.25, 0.5]
    assert even("tokens", jobs, [1, 1], 2).tolist() == []


def test_jobs_of_different_speeds_meet_at_the_same_second():
    slow, fast = a_track([1.0] * 100, seconds=20.0), a_track([1.0] * 100, seconds=5.0)

    steps = np.array([25, 100])

    assert along("time", slow, steps).tolist() == [5, 20]
    assert along("time", fast, steps).tolist() == [1.25, 5]


def test_time_runs_as_the_clock_did_and_ends_at_the_seconds_of_training():
    clock = marks((20, 1, 100.0), (40, 1, 101.0), (100, 1, 109.0))

    seconds = along("time", a_track([1.0] * 100, seconds=10.0, marks=clock), np.array([20, 40, 100]))

    assert seconds.tolist() == pytest.approx([2, 2 + 8 / 9, 10])


def test_the_hours_between_two_attempts_are_no_training():
    clock = marks((10, 1, 100.0), (50, 1, 104.0), (60, 2, 9000.0), (100, 2, 9004.0))

    seconds = along("time", a_track([1.0] * 100, seconds=10.0, marks=clock), np.arange(0, 101, 10))

    assert seconds.tolist() == pytest.approx(range(11))


def test_examples_follow_a_batch_that_grows_by_a_plan():
    spec = {
        "units": {"batch_size": 16},
        "batch_schedule": {"name": "ramp", "initial_batch_size": 4, "ramp_steps": 3},
    }

    seen = along("examples", a_track([1.0] * 6, spec=spec), np.arange(1, 7))

    assert seen.tolist() == [4, 12, 24, 40, 56, 72]


@given(st.integers(1, 50), st.integers(0, 500), st.integers(1, 300), st.lists(st.integers(0, 1000), max_size=20))
def test_a_plan_is_followed_as_training_follows_it(first, more, rise, steps):
    ramp = {"name": "ramp", "initial_batch_size": first, "ramp_steps": rise}
    spec = JobSpec(task="regression", units={"batch_size": first + more}, batch_schedule=ramp)

    assert ramped(spec, np.array(steps, int)).tolist() == [growth(spec).examples(step) for step in steps]


def test_examples_follow_a_batch_that_grows_with_the_noise():
    sizes = struct.pack("<IfIf", 2, 8.0, 4, 16.0)

    seen = along("examples", a_track([1.0] * 6, sizes=sizes, examples=112), np.arange(1, 7))

    assert seen.tolist() == [8, 16, 32, 48, 80, 112]


def test_tokens_are_those_of_a_context():
    track = a_track([1.0] * 10, spec={"task": "text-generation", "model": {"context": 32}})

    assert along("tokens", track, np.array([5])).tolist() == [5 * 4 * 32]
    assert along("tokens", a_track([1.0]), np.array([1])) is None


def test_a_loss_is_reached_at_its_first_point():
    reached = arrival(2.5, a_track([4.0, 2.5, 3.0, 1.0], every=100), None)

    assert reached == {"step": 200, "seconds": 5, "examples": 800, "tokens": None}


def test_a_smoothed_curve_arrives_later():
    values = [4.0, 0.0, 4.0, 4.0, 0.0, 0.0, 0.0]

    assert arrival(1.0, a_track(values), None)["step"] == 2
    assert arrival(1.0, a_track(values), 0.5)["step"] == 1 + next(
        place for place, value in enumerate(by_hand(values, 0.5)) if value <= 1
    )


def test_speed_is_told_over_the_first_job_and_never_of_one_that_did_not_arrive():
    first, second = a_track([3.0, 2.0], seconds=10), a_track([2.0, 2.0], seconds=2)

    told = race([arrival(2.0, track, None) for track in (first, second, a_track([3.0]))])

    assert told["step"] == [2, 1, None]
    assert told["speed_up"]["seconds"] == [1, 10, None]


def test_a_job_without_that_curve_has_nothing_to_show():
    shown = laid("step", Track(a_track([1.0]).job), None, np.array([1.0, 2.0]))

    assert shown["value"] == pytest.approx([NAN, NAN], nan_ok=True)


@given(st.floats(0.001, 1e5), st.lists(st.floats(0.01, 100), min_size=1, max_size=20))
def test_a_course_ends_exactly_where_its_job_does(seconds, stretches):
    clock = marks(*((4 * n, 1, float(at)) for n, at in enumerate(np.cumsum(stretches), 1)))
    track = a_track([1.0] * 97, seconds=seconds, marks=clock)

    ends = {align: along(align, track, np.array([97]))[0] for align in ("time", "examples", "fraction")}

    assert ends == {"time": seconds, "examples": 4 * 97, "fraction": 0.5}
    assert laid("time", track, None, even("time", [track.job], [1], 7))["value"][-1] == 1
