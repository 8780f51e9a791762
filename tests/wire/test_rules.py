"""Rules that a project's transfers measured: found by the jobs and the advice that need them."""

import pytest

from unitscale.errors import NotFound
from unitscale.models.campaigns import CampaignState
from unitscale.models.specs import JobSpec
from unitscale.models.transfers import TransferResult, TransferSpec, begun
from unitscale.models.units import Parametrization
from unitscale.wire.campaigns import Campaigns, Decision
from unitscale.wire.datasets import Datasets
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Jobs
from unitscale.wire.rules import Rules
from unitscale.wire.workers import Workers

SP, UMUP = Parametrization.SP, Parametrization.UMUP
BASE = {"task": "text-generation", "dataset": "grammar", "budget": {"steps": 50}}


@pytest.fixture
def jobs(store):
    return Jobs(store, Workers(store))


@pytest.fixture
def campaigns(store, jobs):
    return Campaigns(store, jobs)


@pytest.fixture
def rules(campaigns):
    return Rules(campaigns)


@pytest.fixture
def intake(store, jobs, rules):
    return Intake(jobs, Datasets(store), Workers(store), 1000, rules)


@pytest.fixture
def transfer(campaigns):
    """A transfer that has ended, and found these drifts."""

    async def end(drifts, project="p", axis="width", state=CampaignState.SUCCEEDED, base=BASE, seeds=3, apart=0.4):
        body = {"base": base, "axis": axis, "values": [32, 64], "seeds": seeds}
        trials = begun(TransferSpec.model_validate(body), "transformer", {"sp": 0.01, "u-mup": 1.0})
        held, _ = await campaigns.begin(project, "transfer", body, trials.model_dump(mode="json"), (1, 1000), None)

        def interval(drift):
            return {"low": drift - apart / 2, "high": drift + apart / 2} if drift and seeds > 1 else None

        found = [
            {
                "parametrization": name,
                "values": [],
                "drift_octaves_per_doubling": drift,
                "drift_interval": interval(drift),
            }
            for name, drift in drifts.items()
        ]
        result = TransferResult.model_validate({"parametrizations": found}).model_dump(mode="json")
        await campaigns.decide(held, Decision(held.document | {"result": result}, state))
        return held.id

    return end


async def measured(rules, project="p", kind="transformer", optimizer="adamw"):
    found = await rules.measured(project, kind, optimizer)
    return {name: rule.octaves_per_doubling for name, rule in found.items()}


async def test_the_newest_transfer_that_knows_counts(rules, transfer):
    await transfer({SP: -0.7, UMUP: 0.3})
    await transfer({SP: -0.9, UMUP: None})

    assert await measured(rules) == {SP: -0.9, UMUP: 0.3}


async def test_a_drift_whose_interval_holds_zero_moves_no_rate(rules, transfer):
    source = await transfer({UMUP: 0.18, SP: -0.9}, apart=0.45)

    found = await rules.measured("p", "transformer", "adamw")

    assert found[UMUP].octaves_per_doubling == 0
    assert found[UMUP].source == f"{source}, where it stays put within its interval"
    assert found[SP].octaves_per_doubling == -0.9


async def test_what_seeds_disagree_on_so_far_that_it_may_be_nothing_is_no_rule(rules, transfer):
    vague = await transfer({SP: -0.5}, apart=2.4)

    assert await rules.of("p", vague, "transformer", "adamw") == {}


async def test_a_job_whose_rate_stays_put_is_told_that_it_is_kept(intake, transfer):
    source = await transfer({UMUP: 0.18}, apart=0.45)
    units = {"learning_rate": "auto", "parametrization": "u-mup"}
    wide = {**BASE, "model": {"width": 512}, "budget": {"steps": 4000}, "units": units}

    dry = await intake.estimate(JobSpec.model_validate(wide), "p")

    assert dry.spec.units.rule.octaves_per_doubling == 0
    assert f"to 512, by {source}, where it stays put within its interval" in dry.estimate.tuning
    assert "moved" not in dry.estimate.tuning


@pytest.mark.parametrize(
    "ended",
    [
        {"axis": "depth"},
        {"state": CampaignState.FAILED},
        {"project": "other"},
        {"base": {**BASE, "optimizer": {"name": "sgd"}}},
    ],
)
async def test_transfers_that_measured_something_else_say_nothing(rules, transfer, ended):
    await transfer({SP: -0.7}, **ended)

    assert await measured(rules) == {}


async def test_other_kinds_of_models_have_no_part_in_it(rules, transfer):
    await transfer({SP: -0.7})

    assert await measured(rules, kind="mlp") == {}


async def test_a_job_whose_rate_is_tuned_goes_by_it(intake, transfer):
    source = await transfer({SP: -0.5})
    wide = {**BASE, "model": {"width": 512}}
    open_, given = [
        await intake.estimate(JobSpec.model_validate({**wide, "units": units}), "p")
        for units in ({"learning_rate": "auto"}, {"learning_rate": 0.1})
    ]

    assert (open_.spec.units.rule.octaves_per_doubling, open_.spec.units.rule.source) == (-0.5, source)
    assert source in open_.estimate.tuning
    assert given.spec.units.rule is None


async def test_a_rule_that_the_spec_brings_goes_first(intake, transfer):
    await transfer({SP: -0.5})
    units = {"learning_rate": "auto", "rule": {"octaves_per_doubling": -1.5, "source": "mine"}}

    dry = await intake.estimate(JobSpec.model_validate({**BASE, "units": units}), "p")

    assert dry.spec.units.rule.source == "mine"


async def test_one_can_be_named(rules, transfer):
    older, _ = await transfer({SP: -0.5}), await transfer({SP: -0.9})

    found = await rules.of("p", older, "transformer", "adamw")

    assert found[SP].octaves_per_doubling == -0.5
    with pytest.raises(NotFound):
        await rules.of("other", older, "transformer", "adamw")


async def test_what_a_single_seed_measured_counts_only_where_it_is_named(rules, transfer):
    await transfer({SP: -0.7})
    single = await transfer({SP: 2.5, UMUP: 1.0}, seeds=1)

    named = await rules.of("p", single, "transformer", "adamw")

    assert await measured(rules) == {SP: -0.7}
    assert named[SP].octaves_per_doubling == 2.5
    assert named[SP].source == f"{single} (one seed, not confirmed)"


async def test_what_seeds_do_not_agree_on_counts_only_where_it_is_named(rules, transfer):
    await transfer({SP: -0.7})
    vague = await transfer({SP: -1.4}, apart=2.4)

    named = await rules.of("p", vague, "transformer", "adamw")

    assert await measured(rules) == {SP: -0.7}
    assert named[SP].source == f"{vague} (3 seeds, not confirmed)"
