"""Tables on terminals that are too narrow for all of their columns."""

import re
from datetime import UTC, datetime

import pytest
from rich.console import Console

from unitscale.cli import study_page, sweep_page, tables, transfer_page
from unitscale.cli.columns import Fitted, told
from unitscale.models.campaigns import CampaignState, Counts
from unitscale.models.catalog import CATALOG
from unitscale.models.document import derived_id
from unitscale.models.jobs import Job, Progress, State
from unitscale.models.measures import Objective
from unitscale.models.specs import JobSpec, TaskName
from unitscale.models.studies import Candidate, Iteration, Study, Trial, TrialState
from unitscale.models.sweeps import BestJob, Sweep
from unitscale.models.transfers import AtValue, Parametrized, Transfer, TransferResult

AT = datetime(2026, 11, 23, tzinfo=UTC)
UNITS = {"learning_rate": 0.0002482, "batch_size": 32, "optimizer.weight_decay": 0.3, "optimizer": {"name": "adamw"}}
NAME = "a name of several words, longer than a line has room for"
COMMON = {"created_at": AT, "name": NAME, "state": CampaignState.SUCCEEDED}


def printed(*parts: object, width: int = 80) -> list[str]:
    console = Console(width=width, markup=False, highlight=False, emoji=False)
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return capture.get().splitlines()


def a_trial(place: int, **more: object) -> Trial:
    values = {"val_loss": 0.5, "metrics.r2": 0.4596, "deployment.int8.latency_ms.p95": 0.1}
    common = {"job": derived_id("job", 1, place), "seed": 0, "units": UNITS, "values": values, "feasible": True}
    return Trial(place=place, **({"state": TrialState.SUCCEEDED} | common | more))


def a_study(*trials: Trial) -> Study:
    best = Candidate(place=0, job=derived_id("job", 1, 0), units=UNITS, values={"val_loss": 0.5})
    iteration = Iteration(number=0, decided_at=AT, asked_by="quasi-random", why="", trials=trials)
    found = {"objectives": (Objective(minimize="val_loss"),), "iterations": (iteration,), "winner": best}
    return Study(id=derived_id("st", 1, 1), **COMMON, **found)


def its_page(study: Study, width: int = 80) -> list[str]:
    return printed(*study_page.page(None, study, 100), width=width)


def a_job() -> Job:
    spec = JobSpec(task=TaskName.TEXT_GENERATION, name=NAME)
    common = {"id": derived_id("job", 1, 1), "created_at": AT, "progress": Progress(step=123456, steps=1234567)}
    return Job(state=State.SUCCEEDED, requested=spec, spec=spec, **common)


def a_sweep() -> Sweep:
    best = BestJob(job=derived_id("job", 1, 1), value=0.0123, setting={"units.learning_rate": 0.1, "seed": 1})
    counts = Counts(succeeded=5, failed=1, queued=12)
    return Sweep(
        id=derived_id("sw", 1, 1), **COMMON, objective=Objective(minimize="val_loss"), best=best, counts=counts
    )


def a_transfer() -> Transfer:
    asked = {"model": "encoder-decoder", "axis": "batch_size", "values": (8, 16, 32, 64, 128), "seeds": 3, "result": {}}
    return Transfer(id=derived_id("tr", 1, 1), **COMMON, **asked)


def losses_at(width: int, *losses: float | None) -> AtValue:
    rates = tuple(2.0**place for place in range(len(losses)))
    return AtValue(value=width, learning_rates=rates, losses=losses, seeds=(losses,))


def transfer_lines(lines: int) -> list[str]:
    values = (losses_at(16, 3.0, 2.0, 4.0), losses_at(32, 2.0, 1.0, None))
    result = TransferResult(parametrizations=(Parametrized(parametrization="u-mup", values=values),))
    return printed(*transfer_page.page(None, a_transfer().model_copy(update={"result": result}), lines))


def test_a_short_terminal_has_the_losses_of_each_value_in_its_row():
    short, tall = transfer_lines(24), transfer_lines(60)

    assert [line.split()[-1] for line in short if re.search("[▁-█]", line)] == ["▅▁█", "█▁"]
    assert "loss by rate" in " ".join(short)
    assert "loss against log2 of the learning rate" in " ".join(tall)
    assert not re.search("[▁-█]", " ".join(tall))


LISTS = {
    "jobs": tables.jobs([a_job()], AT),
    "sweeps": sweep_page.listed([a_sweep()]),
    "studies": study_page.listed([a_study(a_trial(0))]),
    "transfers": transfer_page.listed([a_transfer()]),
}


@pytest.mark.parametrize("width", [80, 100, 200])
@pytest.mark.parametrize("kind", LISTS)
def test_no_word_of_a_list_is_broken(kind, width):
    lines = printed(LISTS[kind], width=width)

    assert max(map(len, lines)) <= width
    assert re.search(r"\b[a-z]+_[0-9a-z]{20} ", lines[1])
    assert "succeeded" in lines[1]
    assert set(re.findall("[a-z]+", NAME)) <= set(re.findall("[a-z]+", "\n".join(lines)))


@pytest.mark.parametrize("kind", LISTS)
def test_what_a_list_has_no_room_for_is_named(kind):
    said = " ".join(printed(LISTS[kind], width=60))

    assert "No room here for" in said
    assert "unitscale show ID" in said


def test_a_trial_is_a_line():
    lines = its_page(a_study(*(a_trial(place) for place in range(12))))

    rows = [line for line in lines if re.match(r"\d+ +quasi-random", line)]
    assert len(rows) == 12
    assert all("0.0002482" in row and "0.5" in row for row in rows)
    assert max(map(len, lines)) <= 80
    assert "deployment.int8.latency_ms.p95" in " ".join(lines).partition("No room here for")[2]


def test_a_state_is_told_where_trials_differ_in_it():
    same, other = its_page(a_study(a_trial(0))), its_page(a_study(a_trial(0), a_trial(1, pruned=True)))

    heads = [next(line for line in lines if line.startswith("trial")) for lines in (same, other)]
    assert ["state" in head.split() for head in heads] == [False, True]
    assert any("pruned" in line for line in other)


def test_why_trials_do_not_count_is_told_once():
    left_out = [a_trial(place, note="It breaks the constraint on metrics.r2.", feasible=False) for place in (1, 2)]

    assert "1, 2: It breaks the constraint on metrics.r2." in its_page(a_study(a_trial(0), *left_out))


def test_what_is_searched_reads_without_the_marks_of_a_language():
    assert "{name: adamw}" in "\n".join(its_page(a_study(a_trial(0)), 200))


def test_runs_that_confirm_are_no_trials_of_a_list():
    study = a_study(a_trial(0), a_trial(1), a_trial(2, again=0))

    assert re.search(r"succeeded +2 ", printed(study_page.listed([study]), width=200)[1])


def test_the_first_column_stands_where_there_is_no_room_for_any():
    one, other = told("a", ["x" * 30]), told("b", ["y" * 30])

    assert "x" in "".join(printed(Fitted([one, other], [one, other], "more elsewhere"), width=20))


def test_a_column_without_any_value_takes_no_room_and_is_not_missed():
    job = a_job().model_copy(update={"state": State.RUNNING})
    unnamed = job.model_copy(update={"spec": JobSpec(task=TaskName.TEXT_GENERATION)})

    heading, *rest = printed(tables.jobs([unnamed], AT))

    assert "name" not in heading
    assert "123456/1234567" in rest[0]
    assert heading.split() == ["id", "task", "state", "step", "age"]
    assert len(rest) == 1


def test_the_catalog_cuts_no_word():
    known = {word for task in CATALOG.tasks for word in task.name.replace("-", "- ").split()}
    cells = {line[:18].split("  ")[0].strip() for line in printed(tables.catalog(CATALOG)[0])[1:]}

    assert {part for cell in cells if cell for part in cell.replace("-", "- ").split()} == known


def test_a_front_says_of_how_many_runs_its_figures_are():
    common = {"job": derived_id("job", 1, 0), "units": {"learning_rate": 0.1}, "values": {"val_loss": 0.5}}
    front = (Candidate(place=4, runs=3, confirmed=True, **common), Candidate(place=7, **common))

    lines = its_page(a_study(a_trial(0)).model_copy(update={"front": front}))

    assert [" ".join(line.split()) for line in lines[-3:]] == [
        "trial runs val_loss with",
        "4 3 0.5 learning_rate 0.1",
        "7 1 0.5 learning_rate 0.1",
    ]
