"""Starting from another job's weights, over HTTP."""

import pytest

from unitscale.errors import Unsupported
from unitscale.models.jobs import State

TRUNK = {
    "task": "regression",
    "dataset": "diabetes",
    "model": {"kind": "mlp", "width": 16},
    "units": {"parametrization": "u-mup", "learning_rate": 0.05},
    "budget": {"steps": 400},
}


@pytest.fixture(scope="module")
def trunk(stack):
    with stack.client() as client:
        yield client.wait(client.submit(TRUNK).id)


def from_trunk(trunk, **changes):
    return {"task": "regression", "init_from": {"job": trunk.id}, **changes}


def test_a_decay_goes_on_from_the_trunk(client, trunk):
    rate = {"learning_rate": 1e-3}
    decay = from_trunk(trunk, units=rate, schedule={"name": "linear"}, budget={"steps": 50})
    decay |= {"evaluation": {"every_steps": 1}}
    job = client.wait(client.submit(decay).id)
    first = client.curves(job.id, keys=["val_loss"]).curves["val_loss"].value[0]

    assert job.state is State.SUCCEEDED, job.reason
    assert (job.spec.dataset, job.spec.model.width, job.spec.units.parametrization) == ("diabetes", 16, "u-mup")
    assert first == pytest.approx(trunk.result.val_loss, rel=0.2)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"model": {"width": 32}}, "/model/width"),
        ({"units": {"parametrization": "sp"}}, "/units/parametrization"),
        ({"task": "image-classification"}, "/task"),
        ({"init_from": {"job": "job_00000000000000000000"}}, "/init_from/job"),
    ],
)
def test_what_does_not_fit_the_trunk_is_refused(client, trunk, changes, field):
    with pytest.raises(Unsupported) as error:
        client.submit(from_trunk(trunk, **changes))

    assert field in [pointer for pointer, _ in error.value.fields]


def test_a_step_that_is_not_kept_is_refused(client, trunk):
    with pytest.raises(Unsupported) as error:
        client.submit(from_trunk(trunk, init_from={"job": trunk.id, "step": 3}))

    assert error.value.fields[0][0] == "/init_from/step"


def test_a_text_goes_on_in_the_tokens_of_its_origin(client):
    text = {"task": "text-generation", "dataset": "grammar", "model": {"width": 16, "depth": 1, "context": 16}}
    tokens, budget = {"tokenizer": "bpe", "vocabulary": 320}, {"steps": 2}
    origin = client.wait(client.submit({**text, "data": tokens, "budget": budget}).id)

    job = client.submit({"task": "text-generation", "init_from": {"job": origin.id}, "budget": budget})

    assert (job.spec.data.tokenizer, job.spec.data.vocabulary) == ("bpe", 320)
    assert client.wait(job.id).state is State.SUCCEEDED
