"""Jobs side by side, as they are printed."""

import pytest
from rich.console import Console

from unitscale.cli.comparison_page import page
from unitscale.cli.plots import sparklines
from unitscale.models.comparisons import Aligned, BestJobs, Compared, Comparison, Laid, Reached
from unitscale.models.jobs import Progress, Reason, State


def ids(count: int) -> list[str]:
    return [f"job_{number:020}" for number in range(count)]


def a_comparison(count: int, **more: object) -> Comparison:
    jobs = tuple(Compared(id=i, name="[red]x[/]", state=State.SUCCEEDED) for i in ids(count))
    fields = {"name": ("x",) * count, "units.learning_rate": tuple(0.1 * n for n in range(count))}
    measures = {"val_loss": tuple(1.0 + n for n in range(count)), "metrics.r2": (0.5,) * count}
    best = {"val_loss": BestJobs(better="lower", jobs=(jobs[0].id,))}
    whole = {"jobs": jobs, "total": count, "fields": fields, "measures": measures, "best": best, **more}
    return Comparison.model_validate(whole)


def printed(compared: Comparison, width: int = 120) -> list[str]:
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        for part in page(compared, width):
            console.print(part)
    return capture.get().splitlines()


def curves(count: int) -> dict[str, Aligned]:
    laid = Laid(value=(4.0, 2.0, 1.0), min=(None,) * 3, max=(None,) * 3)
    return {"train_loss": Aligned(align="step", x=(1, 2, 3), jobs=(laid,) * count)}


@pytest.mark.parametrize("count", [1, 2, 6])
def test_few_jobs_stand_across(count):
    lines = printed(a_comparison(count))

    assert all(f"{number}  {i}" in "\n".join(lines) for number, i in enumerate(ids(count), 1))
    assert "[red]x[/]" in lines[1]
    [row] = [line for line in lines if line.startswith("val_loss")]
    assert len(row.replace("★", "").split()) == 1 + count


def test_jobs_for_which_a_terminal_is_too_narrow_follow_below():
    measures = {
        "val_loss": (1.0,) * 6,
        "deployment.fp32.decode_tokens_per_second": tuple(12_345.0 + n for n in range(6)),
    }

    lines = printed(a_comparison(6, measures=measures), 80)

    rows = [line.split()[1:] for line in lines if line.startswith("deployment.fp32")]
    assert rows == [["12,345", "12,346", "12,347", "12,348", "12,349"], ["12,350"]]
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("width", [80, 120])
def test_many_jobs_are_a_line_each_that_fits(width):
    lines = printed(a_comparison(40, curves=curves(40)), width)

    rows = [line for line in lines if line.startswith("job_")]
    assert [row.split()[0] for row in rows] == ids(40)
    assert max(map(len, lines)) <= width
    assert "█" in rows[0]


@pytest.mark.parametrize("count", [3, 30])
def test_the_best_has_a_star(count):
    starred = [line for line in printed(a_comparison(count)) if "★" in line]

    assert len(starred) == 1
    assert "★ 1" in starred[0]


def test_what_has_no_room_is_named():
    measures = {"val_loss": (1.0,) * 9} | {f"metrics.{'x' * 30}{n}": (1.0,) * 9 for n in range(3)}

    said = " ".join(printed(a_comparison(9, measures=measures), 80))

    assert "No room here for" in said
    assert "--csv" in said


def test_an_unfinished_job_shows_its_latest_loss_and_how_far_it_is():
    jobs = [Compared(id=i, name=None, state=State.SUCCEEDED) for i in ids(8)]
    progress = Progress(step=5, steps=10, fraction=0.5)
    jobs[3] = jobs[3].model_copy(
        update={"state": State.RUNNING, "progress": progress, "latest": {"val_loss": 0.123, "train_loss": 0.2}}
    )
    measures = {"val_loss": (1.0, 1.0, 1.0, None, 1.0, 1.0, 1.0, 1.0)}

    lines = printed(a_comparison(8, jobs=jobs, measures=measures))

    assert "0.123…" in lines[4]
    assert "running (50%)" in lines[4]


def test_a_failed_job_says_why():
    job = Compared(id=ids(1)[0], name=None, state=State.FAILED, reason=Reason(code="diverged", message=""))

    assert "failed (diverged)" in printed(a_comparison(1, jobs=[job]))[1]


@pytest.mark.parametrize("count", [2, 20])
def test_the_race_to_a_loss_is_told(count):
    race = Reached.model_validate(
        {
            "loss": 2.5,
            "of": "val_loss",
            "smoothing": {"weight": 0.9},
            "relative_to": ids(1)[0],
            "step": [7] * count,
            "seconds": [1.5] * count,
            "examples": [None] * count,
            "tokens": [None] * count,
            "speed_up": {"seconds": [2.0] * count},
        }
    )

    said = "\n".join(printed(a_comparison(count, to_loss=race)))

    assert "2.00×" in said
    assert "smoothed val_loss ≤ 2.5" in said


def test_remarks_stand_below():
    assert printed(a_comparison(2, remarks=["Mind this."]))[-1] == "Mind this."


def test_fields_with_the_same_last_word_are_told_apart():
    fields = {"seed": (1,) * 8, "labels.seed": ("a",) * 8, "a.name": (1,) * 8, "b.name": (2,) * 8}

    heading = printed(a_comparison(8, fields=fields))[0].split()

    assert {"seed", "labels.seed", "a.name", "b.name"} <= set(heading)


def test_sparklines_share_a_scale_and_leave_gaps():
    assert sparklines([[4.0, 3.0, 2.0], [4.0, 1.0, None]], 3) == ["█▆▃", "█▁ "]


def test_a_run_that_went_astray_flattens_no_other():
    assert sparklines([[2.0, 1.0], [2.0, 1.5], [1e30, 1e30]], 2) == ["█▁", "█▅", "██"]


@pytest.mark.parametrize("rows", [[], [[]], [[None, None]], [[1.0, 1.0]]])
def test_what_has_no_shape_has_no_sparkline(rows):
    assert [len(line) for line in sparklines(rows)] == [len(row) for row in rows]
