"""Decisions about transfers, from losses of which it is known where they are least."""

from dataclasses import replace
from math import inf, log2
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unitscale.models.campaigns import CampaignState, member_id
from unitscale.models.document import moment
from unitscale.models.drifts import Line
from unitscale.models.jobs import Job, Reason, Result, State
from unitscale.models.transfers import TransferResult, TransferSpec, Trials, begun, planned
from unitscale.wire.campaigns import Held
from worker.campaigns.intervals import intervals
from worker.campaigns.transfers import decide

ID = "tr_06g1m2c8kq7v3x9t4b5n"
BASE = {"task": "text-generation", "dataset": "grammar"}
CENTERS = {"sp": 2.0**-6, "mup": 2.0**-6, "u-mup": 0.5}


def a_transfer(kind="a kind", **body):
    spec = {"base": BASE, "values": [32, 64, 128], "parametrizations": ["sp"], **body}
    trials = begun(TransferSpec.model_validate(spec), kind, CENTERS)
    held = Held(
        id=ID,
        project="p",
        kind="transfer",
        state=CampaignState.RUNNING,
        wish=None,
        round=0,
        ended=0,
        requested=spec,
        document=trials.model_dump(mode="json"),
        reason=None,
        times={"created_at": moment(0), "ended_at": None},
        read_at=moment(0),
    )
    return with_jobs(held)


def with_jobs(held):
    places = range(len(specs_of(held)))
    return replace(held, jobs=tuple(member_id(ID, place) for place in places))


def specs_of(held):
    return planned(TransferSpec.model_validate(held.requested), Trials.model_validate(held.document))


def a_job(spec, loss):
    """One that succeeded with this loss; one that diverged; or, of None, one that was lost."""
    ended = {"id": "job_06g1m2c8kq7v3x9t4b5n", "requested": spec, "spec": spec, "created_at": moment(0)}
    if loss is None or loss == inf:
        code = "diverged" if loss == inf else "worker_lost"
        return Job(state=State.FAILED, reason=Reason(code=code, message="."), **ended)
    return Job(state=State.SUCCEEDED, result=Result(stopped_by="budget", val_loss=loss, parameters=1), **ended)


def played(held, loss):
    """What is decided at the end, and the rounds that it took, where `loss` says what each spec's job ends with."""
    for rounds in range(1, 9):
        jobs = {place: a_job(spec, loss(spec)) for place, spec in enumerate(specs_of(held))}
        decision = decide(held, jobs, {})
        if decision.state is not CampaignState.RUNNING:
            return decision, rounds
        held = with_jobs(replace(held, document=decision.document))
    raise AssertionError("it goes on for ever")


def found(decision):
    return TransferResult.model_validate(decision.document["result"])


def a_bowl(vertex_of, curvature=0.1, noise=0.0, seed=0):
    """Losses that are least at `vertex_of(width)`."""
    chance = Random(seed)  # noqa: S311

    def loss(spec):
        away = log2(spec.units.learning_rate) - vertex_of(spec.model.width)
        return 2 + curvature * away**2 + chance.gauss(0, noise)

    return loss


@settings(max_examples=30)
@given(drift=st.floats(-1.2, 1.2), start=st.floats(-8, -4))
def test_a_known_drift_is_found(drift, start):
    decision, _ = played(a_transfer(seeds=1), a_bowl(lambda width: start + drift * log2(width / 32)))

    [sp] = found(decision).parametrizations
    assert decision.state is CampaignState.SUCCEEDED
    assert sp.drift_octaves_per_doubling == pytest.approx(drift, abs=1e-6)
    assert sp.penalty_nats == pytest.approx(0.1 * (2 * drift) ** 2, abs=0.03)
    assert [line.vertex for line in sp.widths] == pytest.approx([start + drift * doublings for doublings in range(3)])


def test_a_best_rate_at_an_edge_extends_the_grid_on_that_side_alone():
    decision, rounds = played(a_transfer(seeds=1), a_bowl(lambda width: -6 if width < 128 else -10))

    [sp] = found(decision).parametrizations
    assert rounds == 2
    assert [len(line.learning_rates) for line in sp.values] == [7, 7, 9]
    assert min(sp.values[2].learning_rates) == 2.0**-11
    assert sp.values[2].vertex == pytest.approx(-10)


def test_what_still_lies_at_an_edge_after_three_extensions_has_no_verdict():
    decision, rounds = played(a_transfer(seeds=1), lambda spec: 5 - log2(spec.units.learning_rate) / 10)

    [sp] = found(decision).parametrizations
    assert decision.state is CampaignState.SUCCEEDED
    assert rounds == 4
    assert sp.drift_octaves_per_doubling is sp.penalty_nats is None
    assert [line.why for line in sp.values] == ["the best rate is the highest of the grid"] * 3
    assert "No verdict on SP: at width 32 the best rate is the highest of the grid" in found(decision).verdict


def test_between_the_best_rate_and_one_that_diverges_another_is_tried():
    def loss(spec):
        rate = log2(spec.units.learning_rate)
        return inf if rate > -3.7 else 2 + 0.1 * (rate + 4.2) ** 2

    decision, _ = played(a_transfer(seeds=2), loss)

    [sp] = found(decision).parametrizations
    assert [line.vertex for line in sp.values] == pytest.approx([-4.2] * 3, abs=0.02)
    assert sp.values[0].losses[-1] is None


def test_a_rate_that_one_seed_diverges_at_is_no_good_one():
    decision, _ = played(
        a_transfer(seeds=2),
        lambda spec: inf if spec.seed and spec.units.learning_rate > 2**-5.5 else a_bowl(lambda _: -6.4)(spec),
    )

    [sp] = found(decision).parametrizations
    assert {line.losses[-1] for line in sp.values} == {None}
    assert [line.vertex for line in sp.values] == pytest.approx([-6.4] * 3)


def test_a_rate_that_misses_a_seed_is_left_out():
    def loss(spec):
        lost = spec.seed == 1 and spec.units.learning_rate == 2**-8
        return None if lost else a_bowl(lambda _: -6.0)(spec)

    decision, _ = played(a_transfer(seeds=2), loss)

    [sp] = found(decision).parametrizations
    assert sp.values[0].losses[1] is None
    assert sp.values[0].vertex == pytest.approx(-6)


def test_a_transfer_none_of_whose_jobs_succeeds_has_failed():
    decision, _ = played(a_transfer(), lambda _: inf)

    assert (decision.state, decision.reason.code) == (CampaignState.FAILED, "no_success")


def test_a_job_that_is_refused_ends_it_with_the_reason():
    decision = decide(a_transfer(), {}, {4: "no worker has it"})

    assert (decision.state, decision.reason.code) == (CampaignState.FAILED, "impossible")
    assert "no worker has it" in decision.reason.message


def test_while_a_job_runs_nothing_is_decided():
    held = a_transfer(seeds=1)
    jobs = {place: a_job(spec, 1.0) for place, spec in enumerate(specs_of(held))}

    waiting = decide(held, jobs | {3: jobs[3].model_copy(update={"state": State.RUNNING})}, {})

    assert (waiting.state, waiting.document) == (CampaignState.RUNNING, held.document)


def test_the_same_losses_give_the_same_decision():
    held = a_transfer()
    jobs = {place: a_job(spec, a_bowl(lambda _: -6, noise=0.05)(spec)) for place, spec in enumerate(specs_of(held))}

    assert decide(held, jobs, {}) == decide(held, dict(reversed(jobs.items())), {})


def test_regret_is_against_sp_at_the_same_value():
    def loss(spec):
        return a_bowl(lambda _: -6 if sp_of(spec) else -1)(spec) + (0 if sp_of(spec) else spec.model.width / 1000)

    def sp_of(spec):
        return spec.units.parametrization == "sp"

    decision, _ = played(a_transfer(parametrizations=["u-mup", "sp"], seeds=1), loss)

    umup, sp = found(decision).parametrizations
    assert [line.regret for line in umup.values] == pytest.approx([0.032, 0.064, 0.128])
    assert [line.regret for line in sp.values] == [0, 0, 0]
    assert "Tuned at width 128, the losses are: u-μP 2.128, SP 2.000." in found(decision).verdict


@pytest.mark.parametrize(("seeds", "drift"), [(2, -0.5), (3, -1.0), (3, 0.0)])
def test_intervals_hold_the_true_drift(seeds, drift):
    """Of 60 noisy transfers. One that holds it 95 times in 100 would miss 8 or more about once in 100 such tests."""
    chance, hits = Random(1), 0  # noqa: S311
    octaves = range(-9, -2)

    def seed(vertex):
        own = chance.gauss(2, 0.03)
        return tuple(own + 0.12 * (octave - vertex) ** 2 + chance.gauss(0, 0.03) for octave in octaves)

    for _ in range(60):
        lines = [
            Line("sp", value, tuple(2.0**octave for octave in octaves), tuple(seed(vertex) for _ in range(seeds)))
            for value, vertex in ((32, -4.7), (64, -4.7 + drift), (128, -4.7 + 2 * drift))
        ]
        interval, _ = intervals(lines)
        hits += interval.low <= drift <= interval.high

    assert hits >= 53


def test_more_noise_makes_wider_intervals():
    widths = []
    for noise in (0.001, 0.03):
        [sp] = found(played(a_transfer(), a_bowl(lambda _: -6, noise=noise))[0]).parametrizations
        widths.append(sp.drift_interval.high - sp.drift_interval.low)

    assert 0 < 5 * widths[0] < widths[1]


def test_a_single_seed_has_no_interval_and_the_verdict_says_so():
    decision, _ = played(a_transfer(seeds=1), a_bowl(lambda _: -6))

    [sp] = found(decision).parametrizations
    assert sp.drift_interval is sp.penalty_interval is None
    assert "one seed, so no interval" in found(decision).verdict
    assert not sp.confirmed


@pytest.mark.parametrize(
    ("drift", "words"), [(0.0, "seems to stay put"), (-1.0, "seems to fall"), (1.0, "seems to rise")]
)
def test_a_single_seed_is_sure_of_nothing(drift, words):
    decision, _ = played(a_transfer(seeds=1), a_bowl(lambda w: -6 + drift * log2(w / 64)))

    verdict = found(decision).verdict
    assert f"the best learning rate {words}: " in verdict
    assert "One seed confirms nothing: take two or more. Tuned rates do not go by it." in verdict
    assert verdict.endswith("Not tested: depth, batch size, tokens.")


def test_several_seeds_confirm_a_drift():
    decision, _ = played(a_transfer(seeds=2), a_bowl(lambda _: -6, noise=0.001))

    [sp] = found(decision).parametrizations
    assert sp.confirmed
    assert "confirms nothing" not in found(decision).verdict


def test_seeds_that_do_not_agree_confirm_nothing():
    decision, _ = played(a_transfer(seeds=2), a_bowl(lambda _: -6, noise=0.1))

    [sp] = found(decision).parametrizations
    assert sp.drift_interval.width > 0.6
    assert not sp.confirmed
    assert (
        "Under SP the seeds do not agree on it: take more of them. Tuned rates do not go by it."
        in found(decision).verdict
    )


@pytest.mark.parametrize(
    ("drift", "words"),
    [(0.0, "the best learning rate stays put"), (-1.0, "the best learning rate falls: −1.0"), (1.0, "rises: +1.0")],
)
def test_the_verdict_says_how_it_moves_and_what_was_not_tested(drift, words):
    decision, _ = played(a_transfer(), a_bowl(lambda w: -6 + drift * log2(w / 64), noise=0.002))

    verdict = found(decision).verdict
    assert words in verdict
    assert verdict.endswith("Not tested: depth, batch size, tokens.")


def test_along_another_axis_it_says_doubling_of_what():
    held = a_transfer(axis="batch_size", values=[16, 32])

    decision, _ = played(held, lambda spec: 2 + (log2(spec.units.learning_rate) + 6 - spec.units.batch_size / 32) ** 2)

    assert "each doubling of the batch size" in found(decision).verdict
    assert found(decision).verdict.endswith("Not tested: width, depth, tokens.")
    assert found(decision).parametrizations[0].widths == ()


def test_jobs_differ_in_nothing_but_what_is_tried():
    specs = specs_of(a_transfer(parametrizations=["sp", "mup", "u-mup"], base=BASE | {"seed": 5}))

    assert {spec.seed for spec in specs} == {5, 6, 7}
    assert {spec.units.base_width for spec in specs if spec.units.parametrization == "mup"} == {32}
    assert len({spec.units.model_copy(update={"learning_rate": None}) for spec in specs}) == 3
    assert len(specs) == 3 * 3 * 7 * 3


def test_tokens_take_the_place_of_another_length():
    specs = specs_of(a_transfer(axis="tokens", values=[10_000, 20_000], base=BASE | {"budget": {"steps": 9}}))

    assert {(spec.budget.tokens, spec.budget.steps) for spec in specs} == {(10_000, None), (20_000, None)}


def test_single_steps_come_first_and_tell_how_their_changes_grow():
    held = a_transfer("transformer", seeds=1, learning_rates=[0.01, 0.02, 0.04])
    steps = specs_of(held)[:3]
    changes = {place: [(1, 0.5 * (spec.model.width / 32) ** 0.7)] for place, spec in enumerate(steps)}

    decision, _ = played(replace(held, curves=changes), a_bowl(lambda _: log2(0.02)))

    [sp] = found(decision).parametrizations
    assert {(spec.budget.steps, spec.units.learning_rate, spec.schedule.warmup_steps) for spec in steps} == {
        (1, 0.02, 0)
    }
    assert sp.coordinates.growth == pytest.approx(0.7)
    assert sp.coordinates.changes[0] == 0.5
    assert sp.drift_octaves_per_doubling == pytest.approx(0, abs=1e-9)


def test_without_what_single_steps_changed_there_is_no_coordinate_check():
    decision, _ = played(a_transfer("transformer", seeds=1), a_bowl(lambda _: -6))

    assert found(decision).parametrizations[0].coordinates is None
