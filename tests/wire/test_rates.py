"""Rates stay where a job's may lie, whatever moves them."""

import pytest
from pydantic import ValidationError

from unitscale.models import drifts
from unitscale.models.resolution import resolve
from unitscale.models.spaces import Range
from unitscale.models.specs import JobSpec
from unitscale.models.transfers import TransferSpec, Trials, begun, planned
from unitscale.models.units import LEAST_RATE, MOST_RATE

TEXT = {"task": "text-generation", "dataset": "grammar"}


@pytest.mark.parametrize(("octaves", "rate"), [(8, MOST_RATE), (-8, LEAST_RATE)])
def test_a_rule_moves_a_rate_no_further_than_a_job_takes_it(octaves, rate):
    rule = {"octaves_per_doubling": octaves, "source": "a steep one"}
    spec = JobSpec.model_validate({**TEXT, "model": {"width": 65536}, "units": {"learning_rate": "auto", "rule": rule}})

    assert resolve(spec, "cpu").units.learning_rate == rate


def test_a_step_too_small_to_be_counted_with_is_refused():
    with pytest.raises(ValidationError, match="more than 1024 values"):
        Range(low=0.001, high=1, step=5e-324)


@pytest.mark.parametrize(("rates", "losses"), [([1e-200, 1e-100, 1.0], [0, 1, 2]), ([1e-11, 1e-6, 1.0], [0, 1, 2])])
def test_a_grid_is_extended_by_rates_that_a_job_takes(rates, losses):
    body = {"base": TEXT, "values": [32], "parametrizations": ["sp"], "learning_rates": rates, "seeds": 1}
    spec = TransferSpec.model_validate({**body, "values": [32, 64]})
    trials = begun(spec, "transformer", {})
    known = {place: losses[number % 3] for number, place in enumerate(trials.places.values())}

    more = drifts.extensions(spec, trials, known)

    assert all(trial.rate >= LEAST_RATE for trial in more)
    assert planned(spec, Trials(model="transformer", seeds=1, rounds=(*trials.rounds, tuple(more))))
