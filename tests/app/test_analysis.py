"""Pure functions over results."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.comparison import differing, flattened
from app.analysis.directions import unlike
from app.analysis.downsampling import downsampled
from app.analysis.marks import Marks
from app.analysis.points import Points, unpacked
from app.analysis.tabulated import markdown_of


def points(*values: float) -> Points:
    return unpacked(b"".join(struct.pack("<If", step, value) for step, value in enumerate(values, 1)))


@given(
    st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=5, max_size=300), st.integers(4, 50)
)
def test_sampling_keeps_ends_and_extremes_and_the_limit(values, most):
    if len(values) <= most:
        return
    kept = downsampled(points(*values), most)

    assert len(kept.step) <= most
    assert kept.step == sorted(set(kept.step))
    assert (kept.step[0], kept.step[-1]) == (1, len(values))
    assert (min(kept.value), max(kept.value)) == (min(values), max(values))
    assert all(kept.value[i] == values[step - 1] for i, step in enumerate(kept.step))


def test_numbers_win_over_what_is_none():
    kept = downsampled(points(0, float("nan"), 5, float("inf"), 1, 0), 4)

    assert kept.value == [0, 5, 1, 0]


@pytest.mark.parametrize("most", [2, 3])
def test_the_smallest_sample_is_the_ends(most):
    assert downsampled(points(1, 2, 3, 4, 5), most).step == [1, 5]


def test_a_torn_point_is_left_out():
    assert len(unpacked(struct.pack("<If", 1, 1.0) + b"abc")) == 1


def test_time_runs_straight_between_marks_of_one_attempt():
    marks = Marks.unpacked(struct.pack("<IIdIIdIId", 10, 1, 100.0, 20, 1, 110.0, 30, 2, 500.0))

    assert marks.of(15) == (1, 105.0)
    assert marks.of(25) == (2, 500.0)
    assert marks.of(99) == (2, 500.0)
    assert Marks.unpacked(b"").of(1) is None


def test_only_what_differs_is_compared():
    assert differing([{"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 3}}]) == {"b.c": [2, 3]}


def test_deploy_formats_are_told_apart():
    assert flattened({"deployment": [{"format": "fp32", "bytes": 8}]})["deployment.fp32.bytes"] == 8


def test_peak_memory_is_compared_on_equal_devices_with_as_many_lanes_alone():
    measured, lanes, hardware = (100, 90), [1, 4], ["a", "b"]

    assert unlike("peak_memory_bytes", measured, {"lanes": lanes}) == ["lanes"]
    assert unlike("peak_memory_bytes", measured, {"hardware": hardware}) == ["hardware"]
    assert unlike("peak_memory_bytes", measured, {"seed": [0, 1]}) == []
    assert unlike("deployment.int8.peak_memory_bytes", measured, {"lanes": lanes, "hardware": hardware}) == ["hardware"]


def test_whole_numbers_that_were_measured_are_grouped_as_others_are():
    jobs = [{"id": "a", "name": None, "state": "succeeded"}, {"id": "b", "name": None, "state": "succeeded"}]
    measures = {"examples_per_second": [25952.3, 9.5], "parameters": [22144, 640]}
    told = {"jobs": jobs, "fields": {"seed": [22144, 1]}, "measures": measures, "best": {}, "curves": {}}

    lines = markdown_of(told | {"to_loss": None, "remarks": []}).splitlines()

    assert lines[2:] == [
        "| `seed` | 22144 | 1 |",
        "| examples_per_second | 25,952 | 9.5 |",
        "| parameters | 22,144 | 640 |",
    ]
