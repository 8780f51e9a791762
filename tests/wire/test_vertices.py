"""Where a parabola through losses is lowest."""

from math import inf, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unitscale.models.vertices import edge, vertex

RATES = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)


@given(place=st.floats(-0.9, 0.9), bend=st.floats(0.001, 100), level=st.floats(-10, 10))
def test_it_is_lowest_where_it_was_made_so(place, bend, level):
    assert vertex({rate: level + bend * (rate - place) ** 2 for rate in RATES}) == pytest.approx(place, abs=1e-4)


def test_noise_at_one_rate_does_not_move_it_far():
    losses = {rate: 0.05 * rate**2 for rate in RATES}

    assert abs(vertex({**losses, 1.0: -0.01})) < 0.35


def test_a_wall_beyond_an_octave_does_not_push_it():
    losses = {rate: 0.05 * rate**2 for rate in RATES}

    assert vertex({**losses, 2.0: 5.0}) == pytest.approx(0, abs=1e-6)


def test_rates_that_lie_far_apart_have_neighbours():
    losses = {-9.0: 3.0, -6.0: 2.0, -3.0: 2.5}

    assert -6 < vertex(losses) < -4.5


def test_diverged_rates_take_no_part():
    assert vertex({0.0: 1.0, 1.0: 0.9, 2.0: inf}) == 1.0
    assert vertex({0.0: inf, 1.0: inf}) is None


def test_the_best_at_an_end_is_said_and_taken():
    assert edge({0.0: 1.0, 1.0: 2.0, 2.0: inf}) == -1
    assert edge({0.0: 3.0, 1.0: 2.0}) == 1
    assert edge({0.0: 3.0, 1.0: 2.0, 2.0: 2.5}) == 0
    assert vertex({rate: log(3 + rate) for rate in RATES}) == -2.0


def test_what_bends_the_other_way_is_left_alone():
    assert vertex({-1.0: 0.0, 0.0: 0.0, 1.0: 0.0}) == -1.0
