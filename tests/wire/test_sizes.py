"""What a request asks for is measured before it is made: work grows with what is sent, not with what it could mean."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unitscale.models.axes import held_twice
from unitscale.models.growth import Growth
from unitscale.models.studies import StudySpec
from unitscale.models.sweeps import SweepSpec
from unitscale.models.trials import swept


def calls(verb, *args):
    """How many functions are called on the way."""
    count = 0

    def called(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        verb(*args)
    finally:
        sys.setprofile(before)
    return count


def wide(sampler, trials):
    units = {f"alphas.a{number}": {"low": 0.5, "high": 2.0} for number in range(16)}
    return StudySpec.model_validate(
        {"base": {"task": "regression"}, "units": units, "sampler": sampler, "budget": {"trials": trials}}
    )


@pytest.mark.parametrize("sampler", ["grid", "independent"])
def test_how_finely_ranges_are_spread_is_found_without_spreading_them_each_time(sampler):
    study = wide(sampler, trials=1000)

    assert calls(swept, study) < 20_000


@pytest.mark.parametrize(("sampler", "points"), [("grid", 2), ("independent", 6)])
def test_ranges_are_spread_as_finely_as_the_budget_holds(sampler, points):
    assert {len(values) for values in swept(wide(sampler, trials=97)).values()} == {points}


def test_fields_that_hold_each_other_are_found_in_one_pass():
    few, many = ({f"labels.l{number}": "x" for number in range(count)} for count in (100, 1000))

    assert calls(held_twice, many, "") < 12 * calls(held_twice, few, "")


def test_a_setting_of_more_fields_than_a_job_has_is_refused():
    setting = {f"labels.l{number}": "x" for number in range(65)}

    with pytest.raises(ValidationError, match="at most 64"):
        SweepSpec.model_validate({"base": {"task": "regression"}, "settings": [setting]})


@given(first=st.integers(1, 40), rise=st.integers(0, 60), steps=st.integers(1, 80), examples=st.integers(0, 9000))
def test_what_a_growing_batch_has_seen_is_the_sum_of_its_sizes(first, rise, steps, examples):
    growth = Growth(first, first + rise, steps)
    seen = [sum(growth.size(step) for step in range(1, last + 1)) for last in range(steps + 3)]

    assert [growth.examples(step) for step in range(steps + 3)] == seen
    assert growth.examples(growth.steps(examples)) >= examples
    assert not examples or growth.examples(growth.steps(examples) - 1) < examples


def test_a_ramp_of_a_million_steps_is_reckoned_without_taking_them():
    assert calls(lambda: Growth(1, 64, 10**6).steps(10**7)) < 10_000
