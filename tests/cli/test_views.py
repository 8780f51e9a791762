from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from unitscale.cli import job_page, wording
from unitscale.cli.live import Course
from unitscale.models.curves import Curve, Curves
from unitscale.models.events import Event
from unitscale.models.jobs import Deployment, Job, Latency, NoiseScale, Progress, Queue, Reason, Result, State
from unitscale.models.specs import JobSpec, TaskName

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_job(state: State = State.RUNNING, **more: object) -> Job:
    spec = JobSpec(task=TaskName.REGRESSION, name="[red]first[/] try")
    fields = {"id": "job_06g1m2c8kq7v3x9t4b5n", "created_at": NOW, "progress": Progress(step=3, steps=10), **more}
    return Job(state=state, requested=spec, spec=spec, **fields)


def printed(job: Job, curves: Curves | None = None, width: int = 100) -> str:
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        for part in job_page.page(job, curves, NOW):
            console.print(part)
    return capture.get()


def test_a_name_is_never_read_as_markup():
    assert "[red]first[/] try" in printed(a_job())


def test_a_page_tells_why_a_job_failed():
    said = printed(a_job(State.FAILED, reason=Reason(code="diverged", message="Loss became nan at step 7.")))

    assert "diverged: Loss became nan at step 7." in said


def test_a_page_tells_what_a_job_waits_for():
    said = printed(a_job(State.QUEUED, queue=Queue(position=2, why="Every slot is busy.")))

    assert "2 ahead; Every slot is busy." in said


def test_a_page_tells_with_how_many_a_job_was_trained():
    job = a_job(fused={"lanes": 16, "why": "16 lanes cost 1.3 times one"})

    assert "with 15 others in one process: 16 lanes cost 1.3 times one" in printed(job)
    assert "alone: it asked to" in printed(a_job(fused={"lanes": 1, "why": "it asked to"}))


def test_a_page_tells_what_came_out():
    result = Result(stopped_by="budget", val_loss=0.125, metrics={"r2": 0.99}, parameters=2)

    said = printed(a_job(State.SUCCEEDED, result=result))

    assert "val 0.125" in said
    assert "r2 0.99" in said


def test_a_page_compares_formats():
    fp32 = Deployment(
        format="fp32", bytes=2048, latency_ms=Latency(p50=2.0, p95=3.0), examples_per_second=500.0, metrics={"r2": 0.9}
    )
    int8 = Deployment(
        format="int8", bytes=1024, latency_ms=Latency(p50=1.0, p95=2.0), examples_per_second=1500.0, metrics={"r2": 0.8}
    )
    result = Result(stopped_by="budget", parameters=2, deployment=(fp32, int8))

    rows = [line.split() for line in printed(a_job(State.SUCCEEDED, result=result)).splitlines()[-7:]]

    assert rows == [
        ["fp32", "int8"],
        ["file", "2.0", "KiB", "1.0", "KiB"],
        ["p50", "ms", "2", "1"],
        ["p95", "ms", "3", "2"],
        ["examples/s", "500", "1500"],
        ["faster", "1.00×", "3.00×"],
        ["r2", "0.9", "0.8"],
    ]


def test_four_formats_fit_a_narrow_terminal():
    cost = {"bytes": 10**8, "latency_ms": Latency(p50=123.4, p95=234.5), "examples_per_second": 12345.6}
    texts = {"first_token_ms": 33.71, "decode_tokens_per_second": 1339.4, "metrics": {"bits_per_character": 2.4567}}
    forms = tuple(Deployment(format=name, **cost, **texts) for name in ("fp32", "bf16", "int8", "int8-weight-only"))

    said = printed(a_job(State.SUCCEEDED, result=Result(stopped_by="budget", parameters=2, deployment=forms)), width=80)

    assert "int8-weight-only" in said
    assert said.count("2.457") == said.count("95.4 MiB") == 4


def test_a_page_tells_the_noise_scale_and_how_sure_it_is():
    noise = NoiseScale(value=21.4, low=14.5, high=35.5, preconditioned=28.3, preconditioned_low=20.0)

    said = printed(a_job(State.SUCCEEDED, result=Result(stopped_by="budget", parameters=2, noise=noise)))

    assert "as AdamW sees it 28.3 (20 to –), plain 21.4 (14.5 to 35.5) examples" in said


def test_a_format_that_was_not_measured_says_its_size():
    result = Result(stopped_by="budget", parameters=2, deployment=(Deployment(format="fp32", bytes=2048),))

    assert "as fp32" in printed(a_job(State.SUCCEEDED, result=result))


def test_a_page_draws_the_losses():
    curve = Curve(step=(1, 2, 3), value=(3.0, None, 1.0))

    said = printed(a_job(), Curves(curves={"val_loss": curve}, last_step=3, ended=False))

    assert "val_loss" in said
    assert "┤" in said


def points(step: int, *values: float) -> Event:
    data = {"curves": {"train_loss": {"step": [step], "value": values}}, "last_step": step}
    return Event(id="1-0", type="points", data=data)


def test_a_course_follows_the_points():
    course = Course(a_job())

    course.absorb(points(7, 0.5, 0.25))

    assert (course.step, course.losses()) == (7, "train 0.25 █▁")


def test_a_course_follows_the_state():
    course = Course(a_job())

    course.absorb(Event(id="1-0", type="state", data={"state": "paused"}))

    assert course.state == "paused"


@pytest.mark.parametrize(("passed", "said"), [(0, "0s"), (59, "59s"), (60, "1m"), (7200, "2h"), (200_000, "2d")])
def test_an_age_is_told_in_its_largest_unit(passed, said):
    assert wording.age(NOW - timedelta(seconds=passed), NOW) == said


@pytest.mark.parametrize(("value", "said"), [(None, "–"), (0.0123456, "0.0123 s"), (95, "1:35"), (3723, "1:02:03")])
def test_a_duration_is_told_as_clocks_do(value, said):
    assert wording.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (0.12345, "0.1235"), (288_000.5, "288,000"), (12345, "12345")]
)
def test_a_number_is_told_with_what_matters(value, said):
    assert wording.number(value) == said


@pytest.mark.parametrize(("amount", "said"), [(None, "0 B"), (9, "9 B"), (1536, "1.5 KiB"), (5 * 2**40, "5.0 TiB")])
def test_a_size_is_told_in_a_unit_that_keeps_it_short(amount, said):
    assert wording.size(amount) == said


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_colour(state):
    assert state in wording.STYLES


@pytest.mark.parametrize(
    ("state", "step", "bar"),
    [(State.RUNNING, 3, "━━━━━━━━━·····"), (State.FAILED, 0, "······"), (State.FAILED, 9, "━···")],
)
def test_the_bar_is_as_long_as_the_job_came_without_colours_too(state, step, bar):
    assert bar in printed(a_job(state, progress=Progress(step=step, steps=10)))
