from hypothesis import given
from hypothesis import strategies as st

from unitscale.cli.plots import plot, sparkline

LOSSES = st.lists(st.floats(-1e6, 1e6), max_size=300)


def test_a_sparkline_falls_as_the_loss_does():
    assert sparkline([3.0, 2.0, 1.0]) == "█▅▁"


def test_a_sparkline_of_nothing_is_nothing():
    assert sparkline([None]) == ""


@given(LOSSES)
def test_a_sparkline_is_never_wider_than_asked(values):
    assert len(sparkline(values, 16)) == min(16, len(values))


@given(LOSSES)
def test_a_plot_has_its_height_and_an_axis(values):
    lines = plot(list(enumerate(values, 1)), width=20, height=5)

    assert len(lines) == (6 if len(values) >= 2 else 0)


def test_a_plot_names_its_ends():
    lines = plot([(1, 4.0), (50, 2.5), (100, 1.0)], width=20, height=3)

    assert [lines[0].split()[0], lines[2].split()[0], *lines[3].split()] == ["4", "1", "1", "100"]


def test_two_points_are_joined_by_a_line():
    [upper, lower, _] = plot([(0, 1.0), (10, 0.0)], width=10, height=2)

    assert "\u2800" not in upper[3:8]
    assert "\u2800" not in lower[-5:]
