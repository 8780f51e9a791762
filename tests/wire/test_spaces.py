"""What a study searches: every value lies in its range, on its steps, and is found again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from unitscale.models.spaces import Range, fitting, is_field, path_of


@st.composite
def ranges(draw):
    scale = draw(st.sampled_from(["linear", "log"]))
    low = draw(st.floats(0.001, 100) | st.integers(1, 100))
    high = low + draw(st.integers(1, 1000))
    step = draw(st.none() | st.sampled_from([1.5, 2, 10]))
    return Range(low=low, high=high, scale=scale, step=step)


def has_own_steps(space):
    """Steps that whole numbers do not run together."""
    return space.count and (space.scale == "linear" or not space.whole)


@given(space=ranges(), share=st.floats(0, 1))
def test_every_value_lies_between_the_ends(space, share):
    assert space.low <= space.at(share) <= space.high


@given(space=ranges(), points=st.integers(1, 20))
def test_what_is_spread_lies_in_order_and_between_the_ends(space, points):
    values = space.spread(points)

    assert values == sorted(set(values))
    assert space.low <= values[0]
    assert values[-1] <= space.high
    assert len(values) <= (space.count or points)


@given(space=ranges().filter(has_own_steps))
def test_a_step_is_found_again_by_its_value(space):
    assert all(space.number(space.nth(number)) == number for number in range(space.count))


@pytest.mark.parametrize(
    ("unit", "path"),
    [
        ("learning_rate", "units.learning_rate"),
        ("alphas.res", "units.alphas.res"),
        ("units.batch_size", "units.batch_size"),
        ("model.width", "model.width"),
    ],
)
def test_a_bare_name_is_a_unit(unit, path):
    assert path_of(unit) == path
    assert is_field(path)


def test_a_field_of_fractions_is_searched_between_whole_ends():
    space = Range(low=1, high=4)

    assert fitting(space, "model.width").at(0.5) in (2, 3)
    assert fitting(space, "units.alphas.res").at(0.5) == 2.5


def test_a_field_of_whole_numbers_is_searched_in_them_however_its_ends_are_written():
    space = fitting(Range(low=8.0, high=1e2, step=4.0), "model.width")

    assert {type(value) for value in (*space.spread(5), space.at(0.3))} == {int}
    assert isinstance(fitting(Range(low=8, high=1e2), "model.width").at(0.3), int)


@pytest.mark.parametrize(
    "wrong",
    [
        {"low": 1, "high": 1},
        {"low": 0, "high": 1, "scale": "log"},
        {"low": 1, "high": 9, "scale": "log", "step": 1},
        {"low": 0, "high": 1e12, "step": 1},
        {"low": float("nan"), "high": 1},
    ],
)
def test_a_range_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValidationError):
        Range(**wrong)
