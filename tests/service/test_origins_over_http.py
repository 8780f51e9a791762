"""Starting from another job's weights, over HTTP."""

import pytest

from benchmarks.chaos.stack import until
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
        ({"dataset": "linear"}, "/dataset"),
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


@pytest.fixture(scope="module")
def of_a_base(stack):
    with stack.client() as client:
        units = {"parametrization": "mup", "base_width": 8, "learning_rate": 0.01}
        yield client.wait(client.submit({**TRUNK, "units": units, "budget": {"steps": 5}}).id)


@pytest.mark.parametrize("said", [{}, {"parametrization": "mup"}, {"learning_rate": 0.1}])
def test_a_job_has_its_origins_base_width(client, of_a_base, said):
    assert client.submit(from_trunk(of_a_base, units=said)).spec.units.base_width == 8


def test_another_base_width_than_the_origins_is_refused(client, of_a_base):
    with pytest.raises(Unsupported) as error:
        client.submit(from_trunk(of_a_base, units={"base_width": 16}))

    assert [pointer for pointer, _ in error.value.fields] == ["/units/base_width"]


def test_a_run_that_goes_on_keeps_its_tokens(client):
    text = {"task": "text-generation", "dataset": "grammar", "model": {"width": 16, "depth": 1, "context": 16}}
    origin = client.wait(client.submit({**text, "checkpoint": {"every_steps": 2}, "budget": {"steps": 2}}).id)
    wanted = {"task": "text-generation", "init_from": {"job": origin.id, "optimizer": "keep"}, "budget": {"steps": 4}}

    with pytest.raises(Unsupported) as error:
        client.submit({**wanted, "data": {"tokenizer": "bpe"}})

    assert {"/data/tokenizer", "/data/vocabulary"} == {pointer for pointer, _ in error.value.fields}
    assert client.wait(client.submit(wanted).id).state is State.SUCCEEDED


KEEPING = TRUNK | {
    "schedule": {"name": "wsd"},
    "units": {"learning_rate": 0.005, "batch_size": 32},
    "checkpoint": {"every_steps": 50, "keep": 4},
    "budget": {"steps": 250},
}


@pytest.fixture(scope="module")
def kept(stack):
    """A trunk that keeps several steps to start from."""
    with stack.client() as client:
        yield client.wait(client.submit(KEEPING).id)


def going_on(kept, step, **changes):
    return {"task": "regression", "init_from": {"job": kept.id, "step": step, "optimizer": "keep"}, **changes}


def test_decays_from_several_steps_of_a_trunk_are_unbroken_runs(client, kept):
    for step, end in ((100, 130), (150, 190)):
        whole = client.wait(client.submit(KEEPING | {"budget": {"steps": end}}).id)
        decay = client.wait(client.submit(going_on(kept, step, budget={"steps": end})).id)
        losses = [client.curves(job.id, keys=["train_loss"]).curves["train_loss"] for job in (whole, decay)]

        assert decay.state is State.SUCCEEDED, decay.reason
        assert (losses[1].step[0], losses[1].value) == (step + 1, losses[0].value[step:])
        assert decay.result.val_loss == whole.result.val_loss
        assert decay.timings.steps_per_second == pytest.approx((end - step) / decay.timings.training_seconds)


def test_a_trunk_that_saved_its_last_step_goes_on_from_there(client, kept):
    longer = client.wait(client.submit(going_on(kept, None, budget={"steps": 260})).id)

    assert (longer.spec.init_from.step, longer.spec.schedule.name) == (250, "wsd")
    assert client.curves(longer.id, keys=["train_loss"]).curves["train_loss"].step[0] == 251


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"optimizer": {"name": "sgd"}}, "/optimizer"),
        ({"units": {"batch_size": 16}}, "/units/batch_size"),
        ({"data": {"fraction": 0.5}}, "/data/fraction"),
        ({"budget": {"steps": 100}}, "/budget"),
        ({"units": {"learning_rate": "auto"}}, "/units"),
        ({"units": {"parametrization": "u-mup"}}, "/units/parametrization"),
        ({"model": {"width": 32}}, "/model/width"),
    ],
)
def test_what_an_optimizer_that_is_kept_does_not_fit_is_refused(client, kept, changes, field):
    with pytest.raises(Unsupported) as error:
        client.submit(going_on(kept, 100, **changes))

    assert field in [pointer for pointer, _ in error.value.fields]


def test_a_job_that_saved_no_last_step_says_so(client, trunk):
    with pytest.raises(Unsupported) as error:
        client.submit(going_on(trunk, None, budget={"steps": 500}))

    [(field, detail)] = error.value.fields
    assert field == "/init_from/step"
    assert "checkpoint.every_steps has the last step saved" in detail


def test_as_many_checkpoints_stay_as_are_to_be_kept_over_all_attempts(stack, client):
    spec = KEEPING | {"budget": {"steps": 60_000}, "checkpoint": {"every_steps": 5_000, "keep": 5}}
    job = client.submit(spec)
    until(lambda: len(client.checkpoints(job.id)) > 1)
    client.pause(job.id)
    until(lambda: client.job(job.id).state is State.PAUSED)
    client.resume(job.id)
    after = client.wait(job.id)

    listed = [checkpoint.step for checkpoint in client.checkpoints(job.id)]
    folders = (stack.folder / "jobs" / job.id).glob("attempt-*/checkpoints/step-*")

    assert after.attempt == 2
    assert sorted(int(folder.name.removeprefix("step-")) for folder in folders) == listed
    assert listed[-1] == 60_000
    assert len(listed) == 5
