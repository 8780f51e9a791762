"""What `auto` asks for, and the proxies that are planned for it."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unitscale.errors import Unsupported
from unitscale.models import tuning
from unitscale.models.resolution import resolve, settled, total_steps
from unitscale.models.specs import JobSpec
from unitscale.models.tuned import Rule
from unitscale.models.tuning import LEAST_WORK, MOST_RATES, SHARE, Plan, plan, work_of_step

AUTO = {"learning_rate": "auto"}
DECODER = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 512, "depth": 2, "context": 32},
    "units": AUTO,
    "schedule": {"name": "cosine", "warmup_steps": 400},
    "budget": {"steps": 4000},
}


def resolved(spec, **units):
    return resolve(JobSpec.model_validate({**spec, "units": {**spec.get("units", {}), **units}}), "cpu")


def planned(spec) -> Plan:
    found = plan(spec, total_steps(spec))
    assert isinstance(found, Plan), found
    return found


def test_nothing_is_tuned_unasked():
    assert resolved({"task": "regression"}).units.tune == ()


def test_auto_is_a_number_to_start_from_and_a_word_of_what_is_open():
    units = resolved(DECODER).units

    assert (units.tune, units.learning_rate) == (("learning_rate",), 3e-3 / 8)
    assert units.rule.octaves_per_doubling == -1


def test_a_batch_that_is_tuned_takes_its_rate_with_it_unless_one_is_given():
    free, given = (resolved({"task": "regression"}, batch_size="auto", **rate) for rate in ({}, {"learning_rate": 0.1}))

    assert free.units.tune == ("learning_rate", "batch_size")
    assert given.units.tune == ("batch_size",)
    assert given.units.learning_rate == 0.1


@pytest.mark.parametrize("units", [AUTO, {"batch_size": "auto"}, {**AUTO, "batch_size": "auto"}])
def test_a_spec_with_auto_can_be_resolved_again(units):
    once = resolved(DECODER, **units)

    assert resolve(once, "cpu") == once


@pytest.mark.parametrize("budget", [{"steps": 300}, {"epochs": 3}, {"tokens": 100_000}])
@pytest.mark.parametrize("schedule", [{"name": "cosine"}, {"name": "wsd", "warmup_steps": 5}])
def test_a_settled_spec_is_the_one_that_comes_with_its_numbers(budget, schedule):
    spec = {**DECODER, "budget": budget, "schedule": schedule}
    tuned = settled(resolved(spec, batch_size="auto"), None, 0.01, 64)

    assert tuned == resolved(spec, learning_rate=0.01, batch_size=64)


def test_a_proxy_is_narrower_and_has_the_whole_schedule():
    spec = resolved(DECODER)
    proxy = planned(spec).spec

    assert (proxy.model.width, proxy.budget.steps, proxy.schedule.warmup_steps) == (64, 4000, 400)
    assert (proxy.model.depth, proxy.units.batch_size, proxy.schedule.name) == (2, spec.units.batch_size, "cosine")
    assert proxy.units.tune == ()


def test_a_warm_up_shrinks_with_the_steps():
    spec = resolved({**DECODER, "model": {"width": 128, "depth": 2, "context": 32}})
    proxy = planned(spec)

    assert proxy.proxy.steps < 4000
    assert proxy.spec.schedule.warmup_steps == round(400 * proxy.proxy.steps / 4000)


def test_a_small_job_is_its_own_proxy():
    small = planned(resolved({"task": "regression", "model": {"kind": "mlp"}, "units": AUTO}))

    assert (small.proxy.width, small.proxy.work) == (64, 1)


@given(
    width=st.sampled_from([32, 48, 64, 128, 256, 512, 1024, 4096]),
    head=st.sampled_from([8, 16, 32]),
    depth=st.integers(1, 48),
    steps=st.integers(1, 10**6),
    batch=st.integers(1, 4096),
    warmup=st.integers(0, 10**5),
)
def test_tuning_takes_no_more_than_its_share_and_its_proxies_can_be_trained(width, head, depth, steps, batch, warmup):
    asked = {**DECODER, "model": {"width": width, "head_size": head, "depth": depth}, "budget": {"steps": steps}}
    asked |= {"schedule": {"name": "cosine", "warmup_steps": warmup}}
    spec = None
    with suppress(Unsupported):
        spec = resolved(asked, batch_size=batch)
    if spec is None or isinstance(found := plan(spec, steps), str):
        return
    cost = MOST_RATES * found.proxy.steps * work_of_step(found.spec)
    assert cost <= max(SHARE * steps * work_of_step(spec), LEAST_WORK) * (1 + 1e-9)
    again = resolve(JobSpec.model_validate_json(found.spec.model_dump_json()), "cpu")
    assert (again.model, again.units) == (found.spec.model, found.spec.units)
    assert found.spec.schedule.warmup_steps <= max(warmup, 1)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"task": "image-classification", "dataset": None, "model": {"kind": "convnet"}}, "convnet"),
        ({"batch_schedule": {"name": "noise-scale"}}, "noise scale"),
        ({"model": {"width": 128, "memory_length": 8}}, "memory"),
        ({"model": {"width": 64, "depth": 12}, "budget": {"steps": 1500}}, "of its 1500 steps"),
    ],
)
def test_where_no_proxy_pays_it_is_said_why(changes, word):
    spec = resolved({**DECODER, **changes})
    found = plan(spec, total_steps(spec))

    assert isinstance(found, str)
    assert word in found
    assert "no proxy pays" in tuning.foreseen(spec, total_steps(spec))


@pytest.mark.parametrize(("width", "words"), [(64, "is the default, since"), (128, "moved from width 64 to 128")])
def test_a_default_is_said_to_be_moved_only_where_it_will_be(width, words):
    spec = resolved({**DECODER, "model": {"width": width, "memory_length": 8}})

    foreseen = tuning.foreseen(spec, total_steps(spec))

    assert words in foreseen
    assert "not read from past jobs or transfers" in foreseen


def test_what_will_be_done_is_said_in_words():
    words = tuning.foreseen(resolved(DECODER), 4000)

    assert "a proxy of width 64 in 4000 steps" in words
    assert "default table for sp" in words


def test_a_measured_rule_goes_before_the_default_table():
    rule = Rule(octaves_per_doubling=-0.5, source="transfer_1")
    spec = resolved(DECODER, rule=rule.model_dump())

    assert spec.units.rule == rule
    assert spec.units.learning_rate == pytest.approx(3e-3 / 8**0.5, rel=1e-2)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"units": {"batch_size": "auto"}, "batch_schedule": {"name": "ramp"}}, "/units/batch_size"),
        ({"units": {"rule": {"octaves_per_doubling": 0, "source": "mine"}}}, "/units/rule"),
    ],
)
def test_what_cannot_be_tuned_is_refused_by_name(changes, field):
    with pytest.raises(Unsupported) as error:
        resolved({**DECODER, **changes})

    assert error.value.fields[0][0] == field
