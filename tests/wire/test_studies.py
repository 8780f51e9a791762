"""A study's decisions: pure, bounded, repeated without effect, and right about who wins."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from studying import Run, failed, succeeded

from unitscale.models.campaigns import CampaignState
from unitscale.models.jobs import ENDED, State
from worker.campaigns.search import pruning
from worker.campaigns.studies import decide

RATE = {"learning_rate": {"low": 0.001, "high": 1.0, "scale": "log"}}
SPACES = {
    "learning_rate": {"low": 0.001, "high": 1.0, "scale": "log"},
    "batch_size": {"choices": [8, 16, "full"]},
    "optimizer.weight_decay": {"low": 0, "high": 1, "step": 0.25},
    "alphas.res": {"low": 0.25, "high": 4, "scale": "log", "step": 2},
    "model.width": {"low": 8, "high": 64},
}


def by_rate(job):
    """Best at a learning rate of 0.03; a seed makes a small difference."""
    rate = float(job.spec.units.learning_rate)
    return succeeded((math.log10(rate) + 1.5) ** 2 + 1e-3 * (job.spec.seed % 7))


def now_and_then(job):
    """Some runs diverge."""
    return failed() if job.spec.seed % 3 == 1 or float(job.spec.units.learning_rate) > 0.5 else by_rate(job)


studies = st.fixed_dictionaries(
    {
        "sampler": st.sampled_from(["tpe", "random", "quasi-random", "independent"]),
        "parallel": st.integers(1, 6),
        "seed": st.integers(0, 2**32 - 1),
        "asynchronous": st.booleans(),
        "budget": st.fixed_dictionaries({"trials": st.integers(12, 16)}),
        "units": st.sets(st.sampled_from([*SPACES][1:]), max_size=2).map(
            lambda more: {unit: SPACES[unit] for unit in ("learning_rate", *sorted(more))}
        ),
    }
)


@settings(max_examples=15)
@given(study=studies)
def test_the_same_study_takes_the_same_course(study):
    first, second = (Run(now_and_then, **study) for _ in range(2))
    first.to_end()
    second.to_end()

    assert first.held.document == second.held.document


@settings(max_examples=15)
@given(study=studies)
def test_it_stays_within_its_budget_and_what_may_run_at_a_time(study):
    run = Run(by_rate, **study)
    while run.turn().state is CampaignState.RUNNING:
        running = [trial for trial in run.progress.trials if not trial.settled and trial.again is None]
        assert len(running) <= study["parallel"]
        run.end_all()

    assert 1 < sum(trial.again is None for trial in run.progress.trials) <= study["budget"]["trials"]
    assert run.held.state is CampaignState.SUCCEEDED


@settings(max_examples=10)
@given(study=studies)
def test_a_decision_that_is_taken_again_is_the_same(study):
    run = Run(by_rate, **study)
    for _ in range(3):
        assert decide(run.held, run.jobs, {}) == decide(run.held, run.jobs, {})
        run.turn()
        before = run.held.document
        run.turn()
        assert run.held.document == before
        run.end_all()


def test_in_batches_the_order_in_which_trials_end_changes_nothing():
    one, other = (Run(by_rate, units=RATE, parallel=4, budget={"trials": 12}) for _ in range(2))
    one.to_end()
    while other.turn().state is CampaignState.RUNNING:
        for job in reversed([job for job in other.jobs.values() if job.state not in ENDED]):
            other.end(job.id, **by_rate(job))
            if any(each.state not in ENDED for each in other.jobs.values()):
                other.turn()

    assert [trial.units for trial in one.progress.trials] == [trial.units for trial in other.progress.trials]
    assert one.progress.winner == other.progress.winner


def test_every_value_lies_in_its_space():
    run = Run(by_rate, units=SPACES, budget={"trials": 24}, sampler="tpe")
    run.to_end()

    for trial in run.progress.trials:
        assert 0.001 <= trial.units["learning_rate"] <= 1.0
        assert trial.units["batch_size"] in (8, 16, "full")
        assert trial.units["optimizer.weight_decay"] in (0, 0.25, 0.5, 0.75, 1)
        assert trial.units["alphas.res"] in (0.25, 0.5, 1, 2, 4)
        assert isinstance(trial.units["model.width"], int)
        assert 8 <= trial.units["model.width"] <= 64


def test_a_grid_tries_every_combination_once():
    units = {"learning_rate": {"choices": [0.1, 0.2]}, "optimizer.weight_decay": {"low": 0, "high": 1, "step": 0.5}}
    run = Run(by_rate, units=units, sampler="grid", confirmation={"best": 0})
    run.to_end()

    tried = [tuple(trial.units.values()) for trial in run.progress.trials]
    assert tried == [(rate, decay) for rate in (0.1, 0.2) for decay in (0, 0.5, 1)]


def test_the_independent_search_takes_the_rate_first_then_each_unit_alone_then_all_together():
    units = {name: SPACES[name] for name in ("alphas.res", "optimizer.weight_decay", "learning_rate")}

    def ends(job):
        alpha = job.spec.units.alphas.res if job.spec.units.alphas else 1
        decay = abs(job.spec.optimizer.weight_decay - 0.5)
        return succeeded(by_rate(job)["result"].val_loss + abs(alpha - 2) + decay)

    run = Run(ends, units=units, sampler="independent", budget={"trials": 20}, confirmation={"best": 1})
    run.to_end()
    searched = [trial.units for trial in run.progress.trials if trial.again is None]

    rates = [units for units in searched if units.keys() == {"learning_rate"}]
    assert searched[: len(rates)] == rates
    assert [units.get("alphas.res") for units in searched[len(rates) : len(rates) + 5]] == [0.25, 0.5, 1, 2, 4]
    assert searched[-1] == run.progress.winner.units
    assert (searched[-1]["alphas.res"], searched[-1]["optimizer.weight_decay"]) == (2, 0.5)


def test_trials_that_fail_never_win_and_a_study_of_such_has_failed():
    run = Run(lambda _: failed(), budget={"trials": 5})
    progress = run.to_end()

    assert run.held.state is CampaignState.FAILED
    assert (progress.best, progress.winner) == (None, None)


def test_what_breaks_a_constraint_never_wins():
    def ends(job):
        rate = float(job.spec.units.learning_rate)
        return succeeded(rate, metrics={"r2": rate})

    run = Run(ends, units=RATE, subject_to=[{"measure": "metrics.r2", "at_least": 0.1}], budget={"trials": 20})
    progress = run.to_end()

    assert any(trial.feasible is False for trial in progress.trials)
    assert progress.winner.values["metrics.r2"] >= 0.1
    assert all((trial.values["metrics.r2"] >= 0.1) is trial.feasible for trial in progress.trials)


def test_a_lucky_run_does_not_win():
    def ends(job):
        lucky = job.spec.seed == 0 and job.spec.units.learning_rate == 0.1
        return succeeded(0.0 if lucky else float(job.spec.units.learning_rate))

    units = {"learning_rate": {"choices": [0.01, 0.02, 0.1]}}
    progress = Run(ends, units=units, sampler="grid").to_end()

    assert progress.trials[2].values["val_loss"] == 0.0
    assert progress.winner.units == {"learning_rate": 0.01}
    assert progress.winner.runs == 3
    assert [each.best for each in progress.iterations] == [2, progress.winner.place]


def apart(difference):
    """Two rates, whose losses differ by so much, each with runs that differ by up to 2."""

    def ends(job):
        return succeeded(1 + difference * (job.spec.units.learning_rate == 0.02) + job.spec.seed % 3)

    units = {"learning_rate": {"choices": [0.01, 0.02]}}
    return Run(ends, units=units, sampler="grid", confirmation={"best": 2, "seeds": 9}).to_end()


def test_how_sure_a_winner_is_is_said_by_the_spread_of_its_runs():
    progress = apart(100)

    runs = [trial.values["val_loss"] for trial in progress.trials if trial.again == progress.winner.place]
    assert progress.winner.spread == {"val_loss": (min(runs), max(runs))} == {"val_loss": (1, 3)}
    assert "medians of 9 runs with fresh seeds, which gave val_loss from 1 to 3." in progress.summary


def test_a_runner_up_within_that_spread_is_not_distinguishable():
    near, far = apart(0.25), apart(100)

    assert near.runner_up.units == far.runner_up.units == {"learning_rate": 0.02}
    assert "The runner-up, learning_rate 0.02, is not distinguishable from it: its median, val_loss " in near.summary
    assert "distinguishable" not in far.summary


def by_batch_and_decay(job):
    return succeeded(float(job.spec.units.batch_size) / 100 + job.spec.optimizer.weight_decay)


def confirmed(progress):
    """The units that were run again, each as often as it was."""
    return Counter(str(trial.units) for trial in progress.trials if trial.again is not None)


def test_the_best_three_are_three_different_ones():
    units = {"batch_size": {"choices": [8, 16]}, "optimizer.weight_decay": {"choices": [0.0, 0.5]}}
    progress = Run(by_batch_and_decay, units=units, budget={"trials": 16}).to_end()

    assert sorted(confirmed(progress).values()) == [3, 3, 3]
    assert len({trial.values["val_loss"] for trial in progress.trials if trial.again is not None}) == 3


@pytest.mark.parametrize("sampler", ["tpe", "random", "quasi-random", "grid"])
def test_no_run_is_made_twice_and_a_search_that_has_tried_everything_ends_and_says_so(sampler):
    units = {"batch_size": {"choices": [8, 16]}, "optimizer.weight_decay": {"low": 0, "high": 0.5, "step": 0.5}}
    progress = Run(by_batch_and_decay, units=units, sampler=sampler, budget={"trials": 16}, parallel=3).to_end()

    searched = [str(trial.units) for trial in progress.trials if trial.again is None]
    assert len(set(searched)) == len(searched) == 4
    assert "every combination is tried" in progress.iterations[1].why
    assert progress.winner.units == {"batch_size": 8, "optimizer.weight_decay": 0}


@pytest.mark.parametrize("sampler", ["tpe", "random", "quasi-random"])
def test_a_sampler_that_knows_nothing_new_ends_the_search_at_last(sampler):
    def ends(_):
        return succeeded(1.0)

    units = {"batch_size": {"low": 310, "high": 9000}}  # of 310 examples: all of it is the same run
    progress = Run(ends, units=units, sampler=sampler, confirmation={"best": 0}).to_end()

    assert len(progress.trials) == 1


def test_the_independent_search_leaves_out_what_the_base_has_anyway():
    def ends(job):
        alphas = job.spec.units.alphas
        return succeeded(float(job.spec.units.learning_rate) + abs((alphas.res if alphas else 1) - 1))

    base = {"task": "text-generation", "dataset": "ds_" + "0" * 20, "units": {"parametrization": "u-mup"}}
    units = {"learning_rate": {"choices": [0.1, 0.2]}, "alphas.res": {"choices": [0.5, 1, 2]}}
    progress = Run(ends, base=base, units=units, sampler="independent").to_end()

    searched = [trial.units for trial in progress.trials if trial.again is None]
    assert [units.get("alphas.res") for units in searched] == [None, None, 0.5, 2]
    assert sorted(confirmed(progress).values()) == [3, 3, 3]


def test_units_written_otherwise_are_not_run_again_as_others():
    def ends(job):
        return succeeded(min(float(job.spec.units.batch_size), 310))

    units = {"batch_size": {"choices": [310, 400, 8, 16]}}  # of 310 examples
    progress = Run(ends, units=units, sampler="grid", objective={"maximize": "val_loss"}).to_end()

    assert list(confirmed(progress)) == [str({"batch_size": size}) for size in (310, 16, 8)]


def test_units_under_which_a_fresh_seed_fails_are_not_recommended():
    def ends(job):
        fragile = job.spec.seed != 0 and job.spec.units.learning_rate == 0.1
        return failed() if fragile else succeeded(1 / float(job.spec.units.learning_rate))

    units = {"learning_rate": {"choices": [0.01, 0.02, 0.1]}}
    progress = Run(ends, units=units, sampler="grid", confirmation={"best": 1}).to_end()

    assert progress.winner.units == {"learning_rate": 0.02}


def test_a_target_ends_the_search_and_calls_the_others_off():
    run = Run(
        by_rate, units={"learning_rate": {"choices": [0.03, 0.9, 0.5, 0.4]}}, sampler="grid", target={"at_most": 0.1}
    )
    run.turn()
    run.end(run.jobs[0].id, **by_rate(run.jobs[0]))

    decision = run.turn()

    assert set(decision.call_off) == {run.jobs[place].id for place in (1, 2, 3)}
    progress = run.to_end()
    assert progress.reached
    assert progress.winner.units == {"learning_rate": 0.03}


def test_a_target_that_fresh_seeds_miss_is_not_reached_and_the_search_goes_on():
    def ends(job):
        return succeeded(0.0 if job.spec.seed == 0 and job.spec.units.learning_rate == 0.1 else 1.0)

    units = {"learning_rate": {"choices": [0.1, 0.2, 0.3]}}
    run = Run(ends, units=units, sampler="grid", parallel=1, target={"at_most": 0.5})
    progress = run.to_end()

    assert [each.asked_by for each in progress.iterations[:3]] == ["grid", "confirmation", "grid"]
    assert not progress.reached
    assert sum(trial.again is None for trial in progress.trials) == 3


def test_its_seconds_end_the_search_and_the_best_so_far_is_confirmed():
    run = Run(by_rate, seconds_a_decision=10, budget={"trials": 100, "max_seconds": 25}, units=RATE)
    progress = run.to_end()

    assert sum(trial.again is None for trial in progress.trials) == 12
    assert progress.winner.confirmed


def test_a_trial_that_no_worker_takes_is_refused_and_the_study_goes_on():
    run = Run(by_rate, units={"learning_rate": {"choices": [0.03, 0.1]}}, sampler="grid")
    run.refused = {1: "It cannot be trained."}
    progress = run.to_end()

    assert (progress.trials[1].state, progress.trials[1].note) == ("refused", "It cannot be trained.")
    assert progress.winner.units == {"learning_rate": 0.03}


def test_a_combination_that_is_no_spec_is_refused_before_it_is_a_job():
    units = {"optimizer.name": {"choices": ["sgd", "adamw"]}, "optimizer.momentum": {"choices": [0.9]}}
    run = Run(lambda _: succeeded(1.0), units=units, sampler="grid")
    progress = run.to_end()

    assert [trial.state for trial in progress.trials[:2]] == ["succeeded", "refused"]
    assert 1 not in run.jobs


def test_times_are_compared_on_the_hardware_of_the_first_trial_alone():
    def ends(job):
        slow = job.spec.units.learning_rate != 0.3
        return succeeded(1.0, price=2.0 if slow else 1.0) | {"hardware": "slow" if slow else "fast"}

    units = {"learning_rate": {"choices": [0.1, 0.2, 0.3]}}
    progress = Run(ends, units=units, sampler="grid", objective={"minimize": "price"}).to_end()

    assert [trial.comparable for trial in progress.trials[:3]] == [True, True, False]
    assert "fast" in progress.trials[2].note
    assert progress.winner.units != {"learning_rate": 0.3}


def test_of_two_objectives_the_front_is_kept_and_the_balanced_one_recommended():
    def ends(job):
        rate = float(job.spec.units.learning_rate)
        return succeeded((1 - rate) ** 2, metrics={"mae": rate**2})

    objectives = [{"minimize": "val_loss"}, {"minimize": "metrics.mae"}]
    units = {"learning_rate": {"choices": [0.05, 0.5, 0.95, 1.5, 2.0]}}
    progress = Run(ends, units=units, sampler="grid", objective=objectives).to_end()

    assert [each.units["learning_rate"] for each in progress.front] == [0.95, 0.5, 0.05]
    assert progress.winner.units == {"learning_rate": 0.5}


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_two_objectives_are_searched_by_every_sampler_that_learns_or_draws(sampler):
    def ends(job):
        rate = float(job.spec.units.learning_rate)
        return succeeded((1 - rate) ** 2, metrics={"mae": rate**2})

    objectives = [{"minimize": "val_loss"}, {"minimize": "metrics.mae"}]
    progress = Run(ends, units=RATE, sampler=sampler, objective=objectives, budget={"trials": 24}).to_end()

    assert len(progress.front) > 2


@pytest.mark.parametrize("pruner", ["median", "asha"])
def test_a_pruner_calls_off_what_falls_behind_and_says_why(pruner):
    run = Run(
        by_rate, units={"learning_rate": {"choices": [0.1, 0.11, 0.12, 0.2, 0.21, 0.22]}}, sampler="grid", pruner=pruner
    )
    run.turn()
    losses = {0: 1.0, 1: 1.1, 2: 1.2, 3: 9.0}
    run.show({place: [(step, loss - step / 1000) for step in (10, 20, 30)] for place, loss in losses.items()})
    for place in (0, 1, 2):
        run.end(run.jobs[place].id, **succeeded(losses[place]))
    run.turn()

    decision = run.turn()

    assert {reason.code for reason in decision.call_off.values()} <= {"pruned"}
    assert run.progress.trials[3].pruned or run.jobs[3].state is State.CANCELLED
    progress = run.to_end()
    assert progress.trials[3].pruned
    assert "9" in progress.trials[3].note
    assert progress.winner.place == 0


@pytest.mark.parametrize("pruner", ["median", "asha"])
def test_who_has_lost_nothing_at_all_is_nobody_to_be_given_up(pruner):
    run = Run(by_rate, units={"learning_rate": {"choices": [0.1, 0.2, 0.3, 0.4]}}, sampler="grid", pruner=pruner)
    run.turn()
    run.show({place: [(10, loss)] for place, loss in enumerate((0.0, 1.0, 1.1, 1.2))})
    for place in (1, 2, 3):
        run.end(run.jobs[place].id, **succeeded(1.0))
    run.turn()

    decision = run.turn()

    assert run.jobs[0].id not in decision.call_off
    assert not run.progress.trials[0].pruned


def test_what_matters_most_has_the_largest_share():
    units = RATE | {"optimizer.weight_decay": {"low": 0, "high": 1}}
    progress = Run(by_rate, units=units, sampler="random", budget={"trials": 16}).to_end()

    assert progress.importances["learning_rate"] > 0.8
    assert math.isclose(sum(progress.importances.values()), 1, abs_tol=0.01)


def test_what_matters_is_told_as_batches_end():
    run = Run(by_rate, units=RATE | {"batch_size": {"choices": [8, 16]}}, sampler="random", budget={"trials": 16})
    told = []
    for _ in range(4):
        run.turn()
        told.append(bool(run.progress.importances))
        run.end_all()

    assert told == [False, False, True, True]


def test_what_matters_is_told_of_trials_that_leave_units_as_the_base_has_them():
    def ends(job):
        decay = job.spec.optimizer.weight_decay
        return succeeded(by_rate(job)["result"].val_loss / 10 + abs(decay - 0.5))

    units = RATE | {
        "optimizer.weight_decay": {"low": 0.25, "high": 1, "step": 0.25},
        "batch_size": {"choices": [8, 16]},
    }
    progress = Run(ends, units=units, sampler="independent", budget={"trials": 14}, parallel=8).to_end()

    assert progress.importances.keys() == units.keys()
    assert progress.importances["batch_size"] < 0.2


@pytest.mark.parametrize(
    ("study", "alone"),
    [
        ({"objective": {"minimize": "training_seconds"}}, True),
        ({"subject_to": [{"measure": "deployment.bf16.latency_ms.p95", "at_most": 5}]}, True),
        ({"objective": {"minimize": "peak_memory_bytes"}}, True),
        ({"objective": {"minimize": "deployment.bf16.peak_memory_bytes"}}, False),
        ({"objective": {"minimize": "val_loss"}}, False),
    ],
)
def test_trials_have_their_slot_to_themselves_where_time_is_compared(study, alone):
    run = Run(by_rate, units=RATE, **study)
    run.turn()

    assert {job.spec.resources.alone for job in run.jobs.values()} == {alone}


def test_of_a_curve_is_kept_what_pruners_compare():
    losses = [1000.0 - step if step % 2 else math.inf for step in range(900)] + [5.0, 7.0]
    curve = list(enumerate(losses, 1))

    kept = pruning.kept(curve)

    assert len(kept) <= pruning.MOST_KEPT
    assert (kept[0], kept[-1]) == (curve[1], curve[-1])
    assert list(kept) == sorted(kept)
    assert [loss for _, loss in kept[:-1]] == sorted((loss for _, loss in kept[:-1]), reverse=True)
    assert pruning.kept([(1, 3.0), (2, 4.0), (3, 1.0), (4, 2.0)]) == ((1, 3.0), (3, 1.0), (4, 2.0))
    assert pruning.kept([(1, 3.0)]) == ((1, 3.0),)
    assert pruning.kept([]) == ()
