"""Values at the end of what was searched, and what a study says of them."""

import pytest
from studying import Run, succeeded

from unitscale.models.ends import end_of
from unitscale.models.spaces import Choices, Range


@pytest.mark.parametrize(
    ("space", "value", "end"),
    [
        (Range(low=1e-4, high=1e-1, scale="log"), 1e-4, "lower"),
        (Range(low=1e-4, high=1e-1, scale="log"), 0.00013, "lower"),
        (Range(low=1e-4, high=1e-1, scale="log"), 0.09, "upper"),
        (Range(low=1e-4, high=1e-1, scale="log"), 0.005, None),
        (Range(low=0, high=1, step=0.1), 1.0, "upper"),
        (Range(low=0, high=1, step=0.1), 0.9, None),
        (Range(low=0.0, high=1.0), 0.0, None),
        (Range(low=0.1, high=1.0), 0.1, "lower"),
        (Range(low=16, high=128, scale="log", step=2), 16, "lower"),
        (Choices(choices=(16, 64, 32)), 64, "upper"),
        (Choices(choices=(16, 64, 32)), 32, None),
        (Choices(choices=(16, 64)), 64, None),
        (Choices(choices=(16, 64, "full")), 64, None),
        (Choices(choices=(False, True, True)), True, None),
        (Choices(choices=({"name": "adamw"}, {"name": "sgd"}, {"name": "lion"})), {"name": "adamw"}, None),
    ],
)
def test_an_end_is_one_beyond_which_there_may_be_more(space, value, end):
    assert end_of(space, value) == end


def summary(best_rate: float) -> str:
    """Of a study in which the loss falls towards this rate."""
    rates = {"low": 0.01, "high": 1.0, "scale": "log", "step": 10}
    run = Run(lambda job: succeeded(abs(job.spec.units.learning_rate - best_rate)), units={"learning_rate": rates})
    return run.to_end().summary


def test_a_study_whose_best_lies_at_an_end_says_that_the_search_goes_on():
    assert "learning_rate lies at the upper end of its range: search further." in summary(1.0)


def test_a_study_whose_best_lies_inside_says_nothing_of_ends():
    assert "Recommended is learning_rate 0.1" in summary(0.1)
    assert "search further" not in summary(0.1)


def test_a_choice_of_several_fields_is_said_in_words():
    choices = [{"name": "sgd", "momentum": 0.9}]
    run = Run(lambda _: succeeded(1.0), units={"optimizer": {"choices": choices}})

    assert "optimizer {name: sgd, momentum: 0.9}" in run.to_end().summary
