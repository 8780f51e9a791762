"""Compiled jobs: the same training, from kernels made for it."""

import pytest

from unitscale.errors import Unsupported
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec

TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "data": {"fraction": 0.05},
    "model": {"width": 32, "depth": 1, "context": 32},
    "budget": {"steps": 20},
    "evaluation": {"every_steps": 10},
}
COMPILED = {**TEXT, "resources": {"compile": True}}


def at_first_loss(message):
    return "pause" if message.say == "started" else None


@pytest.mark.timeout(600)  # a compiler that shares its core with others takes minutes
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_compiled_job_learns_the_same_and_goes_on_bitwise(train):
    plain, compiled = train(TEXT)[0], train(COMPILED)[0]
    stopped = train(COMPILED, wish=at_first_loss)[0]
    resumed = train(stopped.next_record())[0]

    losses, expected = (record.points("train_loss")["value"] for record in (compiled, plain))
    assert losses == pytest.approx(expected, rel=1e-5)
    assert stopped.saved.step < 20
    assert resumed.curves == compiled.curves


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize(
    "spec",
    [
        {"units": {"batch_size": 16, "parametrization": "u-mup", "micro_batch_size": 8}},
        {"task": "masked-language-modeling", "units": {"batch_size": 8, "parametrization": "u-mup"}},
    ],
    ids=["decoder-in-parts", "encoder"],
)
def test_under_u_mup_a_compiled_job_learns_the_same(train, spec):
    brief = {**TEXT, "model": {"width": 16, "depth": 1, "head_size": 8, "context": 16}, "budget": {"steps": 4}, **spec}

    [plain], [compiled] = train(brief), train({**brief, "resources": {"compile": True}})

    assert compiled.ended.result is not None, compiled.ended.reason
    assert compiled.points("train_loss")["value"] == pytest.approx(plain.points("train_loss")["value"], rel=1e-5)


def test_compiled_jobs_are_not_trained_together(train):
    records = train(COMPILED, COMPILED)

    assert [record.ended.reason.code for record in records] == ["impossible", "impossible"]


@pytest.mark.parametrize(
    ("spec", "word"),
    [
        ({"task": "regression"}, "gains nothing"),
        ({"task": "regression", "model": {"kind": "mlp"}}, "gains nothing"),
        ({"task": "image-classification"}, "gains nothing"),
        ({"task": "translation"}, "every batch anew"),
        ({"task": "speech-recognition"}, "every batch anew"),
        ({**TEXT, "batch_schedule": {"name": "ramp"}}, "one size"),
        ({**TEXT, "resources": {"devices": 2}}, "one device"),
        ({**TEXT, "model": {"memory_length": 32}}, "memory_length"),
    ],
)
def test_what_cannot_be_compiled_is_refused(spec, word):
    with pytest.raises(Unsupported) as refused:
        resolve(JobSpec.model_validate({**spec, "resources": {**spec.get("resources", {}), "compile": True}}), "cpu")

    assert refused.value.fields[0][0] == "/resources/compile"
    assert word in refused.value.fields[0][1]
