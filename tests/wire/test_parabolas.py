"""Parabolas: where the best rate lies, and when it cannot be said."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unitscale.models.parabolas import Nowhere, Parabola, least, loss_at, parabola, slope

RATES = [-9.0, -8.0, -7.0, -6.0, -5.0, -4.0, -3.0]


@given(
    vertex=st.floats(-7.4, -4.6),
    curvature=st.floats(0.01, 10),
    loss=st.floats(-5, 5),
    spacing=st.sampled_from([0.25, 0.5, 1.0, 1.5]),
)
def test_a_true_parabola_is_found_again(vertex, curvature, loss, spacing):
    rates = [-9 + spacing * number for number in range(int(6 / spacing) + 1)]

    found = parabola(rates, [curvature * (rate - vertex) ** 2 + loss for rate in rates])

    assert isinstance(found, Parabola)
    assert found.vertex == pytest.approx(vertex, abs=1e-4)
    assert found.loss == pytest.approx(loss, abs=1e-4)
    assert found.curvature == pytest.approx(curvature, rel=1e-4)


@given(st.lists(st.floats(0, 10), min_size=7, max_size=7))
def test_a_vertex_lies_among_the_rates_that_it_is_of(losses):
    found = parabola(RATES, losses)

    best = RATES[losses.index(min(losses))]
    if isinstance(found, Parabola):
        assert best - 1 <= found.low <= found.vertex <= found.high <= best + 1
    else:
        assert found in {Nowhere.LOW_EDGE, Nowhere.HIGH_EDGE, Nowhere.FLAT}
        assert least(RATES, losses) == best


@pytest.mark.parametrize(
    ("losses", "why"),
    [
        ([1, 2, 3, 4, 5, 6, 7], Nowhere.LOW_EDGE),
        ([7, 6, 5, 4, 3, 2, 1], Nowhere.HIGH_EDGE),
        ([7, 6, 5, 4, 3, inf, inf], Nowhere.CLIFF),
        ([inf] * 7, Nowhere.EMPTY),
        ([2, 2 - 1e-300, 2 - 1e-300, 2, 2, 2, 2], Nowhere.LOW_EDGE),
    ],
)
def test_without_losses_on_both_sides_there_is_no_vertex(losses, why):
    assert parabola(RATES, losses) is why


def test_no_rate_at_all_has_no_vertex():
    assert parabola([], []) is Nowhere.EMPTY


def test_rates_that_diverge_further_off_do_no_harm():
    found = parabola(RATES, [4, 3, 2, 1, 2, inf, inf])

    assert isinstance(found, Parabola)
    assert found.vertex == pytest.approx(-6)


def test_a_loss_is_read_on_the_parabola_near_the_best_and_between_rates_elsewhere():
    losses = [9.0, 4.0, 1.0, 0.0, 1.0, 4.0, 9.0]

    assert loss_at(RATES, losses, -5.5) == pytest.approx(0.25)
    assert loss_at(RATES, losses, -3.5) == pytest.approx(6.5)
    assert loss_at(RATES, losses, -2.0) is None


def test_a_line_has_its_slope():
    assert slope([5, 6, 7], [1.0, 0.5, 0.0]) == pytest.approx(-0.5)
