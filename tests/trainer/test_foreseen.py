"""What the dry run says of a batch that is left to `auto` is what the job does."""

import pytest

from unitscale.models import noise_runs
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.trainer.tuning import batch_sizes

AUTO = {"learning_rate": 0.01, "batch_size": "auto"}
DECODER = {"task": "text-generation", "dataset": "grammar", "units": AUTO}


class Ran(Exception):
    """A short run was begun."""


def decided(spec):
    """The batch that the job takes without a run, or the length of the run that it begins."""

    def run(briefs, what, prepare):
        raise Ran(briefs[0].budget.steps)

    try:
        return batch_sizes.found(spec, None, run, memory_bytes=2**34).value
    except Ran as begun:
        return begun.args[0]


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (DECODER | {"budget": {"steps": 30}}, "is the default, 32: measuring the noise takes 30 steps"),
        (DECODER | {"budget": {"steps": 900}}, "follows the noise scale of a short run of 60 steps"),
        (DECODER | {"budget": {"steps": 900}, "model": {"memory_length": 8}}, "reads its text on as one run alone"),
        ({"task": "regression", "dataset": "diabetes", "units": AUTO, "budget": {"epochs": 200}}, "split of 310 rows"),
    ],
)
def test_the_dry_run_says_of_the_batch_what_the_job_does(sent, words):
    spec = resolve(JobSpec.model_validate(sent), "cpu")

    said = noise_runs.foreseen(spec, None, own=False)

    assert words in said
    assert str(decided(spec)) in said
