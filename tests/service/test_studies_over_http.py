"""Studies over HTTP: trials asked for in batches, the best of them run again, a winner named."""

from statistics import median

import httpx2
import pytest

from benchmarks.chaos.stack import KEY, until
from unitscale.client import Client
from unitscale.errors import IdempotencyMismatch, Malformed, NotFound, Unsupported
from unitscale.models.campaigns import CampaignState
from unitscale.models.jobs import State

LINE = {
    "task": "regression",
    "dataset": "linear",
    "units": {"batch_size": "full"},
    "optimizer": {"name": "sgd"},
    "budget": {"steps": 100},
}
RATES = {"learning_rate": {"low": 0.001, "high": 0.3, "scale": "log"}}
TWO = [{"minimize": "val_loss"}, {"minimize": "parameters"}]
STUDY = {"base": LINE, "units": RATES, "budget": {"trials": 6}, "parallel": 3, "seed": 1}


@pytest.fixture(scope="module")
def studied(stack):
    with stack.client() as client:
        study = client.studies.begin(STUDY)
        yield client.studies.wait(study.id)


def test_it_spends_its_budget_in_batches_and_names_a_winner(client, studied):
    searched = [each for each in studied.iterations if each.asked_by == "tpe"]
    jobs = {job.id: job for job in client.jobs(campaign=studied.id).data}

    assert studied.state is CampaignState.SUCCEEDED
    assert [len(each.trials) for each in searched] == [3, 3]
    for trial in (trial for each in searched for trial in each.trials):
        assert jobs[trial.job].spec.units.learning_rate == trial.units["learning_rate"]
        assert jobs[trial.job].result.val_loss == trial.values["val_loss"]
    assert {job.study for job in jobs.values()} == {studied.id}


def test_the_best_three_are_run_again_with_seeds_of_their_own(client, studied):
    again = studied.iterations[-1]
    ranked = sorted((t for each in studied.iterations[:2] for t in each.trials), key=lambda t: t.values["val_loss"])

    assert again.asked_by == "confirmation"
    assert {trial.again for trial in again.trials} == {trial.place for trial in ranked[:3]}
    assert len({trial.seed for trial in again.trials}) == 3
    assert 0 not in {trial.seed for trial in again.trials}
    losses = {p: [t.values["val_loss"] for t in again.trials if t.again == p] for p in {t.again for t in again.trials}}
    best = min(map(median, losses.values()))
    assert studied.winner.values["val_loss"] == best == client.job(studied.winner.job).result.val_loss
    assert studied.winner.test_metrics.keys() == {"r2", "mae"}


def test_a_target_ends_it_and_calls_off_what_still_runs(client):
    long = LINE | {"budget": {"steps": 10**7, "target_loss": 0.5}, "evaluation": {"every_steps": 100}}
    units = {"learning_rate": {"choices": [0.3, 1e-6]}}
    study = {"base": long, "units": units, "sampler": "grid", "target": {"at_most": 0.5}, "parallel": 2}
    begun = client.studies.begin(study | {"budget": {"trials": 2}, "confirmation": {"best": 1, "seeds": 1}})

    ended = client.studies.wait(begun.id)

    reached, slow, _ = (trial for each in ended.iterations for trial in each.trials)
    assert ended.reached
    assert ended.winner.values["val_loss"] <= 0.5
    assert (reached.state, slow.state) == ("succeeded", "cancelled")
    assert client.job(slow.job).reason.code == "target_reached"


def test_its_seconds_end_it(client):
    long = LINE | {"budget": {"steps": 10**8}}
    begun = client.studies.begin({"base": long, "units": RATES, "budget": {"trials": 2, "max_seconds": 2.0}})

    ended = client.studies.wait(begun.id)

    assert (ended.state, ended.reason.code) == (CampaignState.FAILED, "no_success")
    assert {client.job(job).reason.code for job in ended.jobs} == {"over_budget"}


def test_a_repeated_request_is_the_same_study(client):
    body = STUDY | {"budget": {"trials": 1}, "confirmation": {"best": 0}}
    first, second = (client.studies.begin(body, idempotency_key="studied once") for _ in range(2))

    assert first.id == second.id
    with pytest.raises(IdempotencyMismatch):
        client.studies.begin(body | {"seed": 7}, idempotency_key="studied once")


def test_cancelled_it_takes_all_of_its_jobs_along(client):
    begun = client.studies.begin(STUDY | {"base": LINE | {"budget": {"steps": 10**8}}})
    until(lambda: client.studies.get(begun.id).counts.running)

    client.studies.cancel(begun.id)

    ended = client.studies.wait(begun.id)
    assert ended.state is CampaignState.CANCELLED
    assert {client.job(job).state for job in ended.jobs} == {State.CANCELLED}


@pytest.mark.parametrize(
    ("change", "error", "pointer"),
    [
        ({"units": {"learning_rat": {"low": 0.1, "high": 1}}}, Malformed, "/units/learning_rat"),
        ({"units": {"learning_rate": {"low": -1, "high": 1}}}, Malformed, "/units/learning_rate/low"),
        ({"units": {"learning_rate": {"low": 1, "high": 1}}}, Malformed, "/units/learning_rate"),
        ({"units": {"learning_rate": {"low": 0, "high": 1, "scale": "log"}}}, Malformed, "/units/learning_rate"),
        ({"units": {"batch_size": {"low": 1.5, "high": 8}}}, Malformed, "/units/batch_size/low"),
        ({"units": {"batch_size": {"choices": [8, "all"]}}}, Malformed, "/units/batch_size/choices/1"),
        ({"units": {"seed": {"choices": [1, 2]}}}, Malformed, "/units/seed"),
        ({"units": {}}, Malformed, "/units"),
        ({"units": RATES | {"units.learning_rate": {"choices": [1]}}}, Malformed, "/units/learning_rate"),
        ({"units": {"model.depth": {"choices": [2, 3]}}}, Unsupported, "/units/model.depth"),
        ({"base": LINE | {"model": {"depth": 2}}}, Unsupported, "/base/model/depth"),
        ({"objective": {"minimize": "val_los"}}, Malformed, "/objective/minimize"),
        ({"objective": {"minimize": "test_metrics.mae"}}, Malformed, "/objective/minimize"),
        ({"objective": {"maximize": "metrics.accuracy"}}, Malformed, "/objective/maximize"),
        ({"objective": [{"minimize": "val_loss"}, {"minimize": "val_loss"}]}, Malformed, "/objective/1"),
        ({"objective": {"minimize": "deployment.latency_ms"}}, Malformed, "/objective/minimize"),
        ({"subject_to": [{"measure": "metrics.f1", "at_least": 1}]}, Malformed, "/subject_to/0/measure"),
        ({"subject_to": [{"measure": "metrics.r2"}]}, Malformed, "/subject_to/0"),
        ({"target": {"at_least": 1}}, Malformed, "/target"),
        ({"objective": TWO, "target": {"at_most": 1}}, Malformed, "/target"),
        ({"pruner": "asha", "objective": {"minimize": "training_seconds"}}, Malformed, "/pruner"),
        ({"budget": {"trials": 1001}}, Malformed, "/budget/trials"),
        ({"parallel": 0}, Malformed, "/parallel"),
        (
            {"sampler": "grid", "units": {"learning_rate": {"low": 1, "high": 9, "step": 1}}},
            Malformed,
            "/budget/trials",
        ),
    ],
)
def test_a_wrong_study_is_refused_by_the_field_and_leaves_nothing(client, change, error, pointer):
    before = len(client.studies.page(limit=200).data)

    with pytest.raises(error) as raised:
        client.studies.begin(STUDY | change)

    assert raised.value.fields[0][0] == pointer
    assert len(client.studies.page(limit=200).data) == before


def test_another_projects_study_does_not_exist(stack, client, studied):
    key = client.create_key("other", ["submit"]).key
    with Client(stack.url, key) as stranger, pytest.raises(NotFound):
        stranger.studies.get(studied.id)


def test_its_report_is_one_page_that_may_load_nothing(stack, client, studied):
    page = client.study_report(studied.id)
    answer = httpx2.get(f"{stack.url}/v1/studies/{studied.id}/report", headers={"Authorization": f"Bearer {KEY}"})

    assert page == answer.text
    assert "Train with" in page
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_of_two_objectives_under_a_constraint_the_front_and_a_balanced_choice_are_found(client):
    digits = {"task": "image-classification", "dataset": "digits", "model": {"kind": "mlp"}, "budget": {"epochs": 4}}
    study = {
        "base": digits,
        "objective": [{"minimize": "val_loss"}, {"minimize": "deployment.bytes"}],
        "subject_to": [{"measure": "metrics.accuracy", "at_least": 0.8}],
        "units": {"model.width": {"choices": [2, 16, 64]}, "learning_rate": {"choices": [0.01, 0.03]}},
        "sampler": "grid",
        "parallel": 6,
        "confirmation": {"best": 2, "seeds": 2},
    }
    ended = client.studies.wait(client.studies.begin(study).id)

    trials = [trial for each in ended.iterations for trial in each.trials]
    assert ended.state is CampaignState.SUCCEEDED
    assert all((trial.values["metrics.accuracy"] >= 0.8) is trial.feasible for trial in trials)
    assert {trial.feasible for trial in trials if trial.units["model.width"] == 2} == {False}
    sizes, losses = ([each.values[name] for each in ended.front] for name in ("deployment.bytes", "val_loss"))
    assert sizes == sorted(sizes, reverse=True)
    assert losses == sorted(losses)
    assert {each.place: each.runs for each in ended.front}[ended.winner.place] == 2
    assert ended.winner.runs == 2
    assert ended.winner.test_metrics.keys() == {"accuracy"}
    assert {trial.again for trial in trials if trial.again is not None} >= {ended.winner.place}


def test_a_pruned_trial_is_cancelled_and_says_why(client):
    long = LINE | {"budget": {"steps": 200_000}, "evaluation": {"every_steps": 1000}}
    units = {"learning_rate": {"choices": [0.1, 0.11, 0.12, 1e-7]}}
    study = {"base": long, "units": units, "sampler": "grid", "pruner": "asha", "budget": {"trials": 4}}
    begun = client.studies.begin(study | {"parallel": 4, "confirmation": {"best": 0}})

    ended = client.studies.wait(begun.id)

    *others, pruned = ended.iterations[0].trials
    assert pruned.pruned
    assert not all(trial.pruned for trial in others)
    assert ended.winner.units != pruned.units
    assert client.job(pruned.job).reason.code == "pruned"
    assert client.job(pruned.job).state is State.CANCELLED
    assert "best validation loss" in pruned.note
