"""From a spec as sent to the spec as it runs."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unitscale.errors import Unsupported
from unitscale.models.datasets import Dataset
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec

SPECS = st.fixed_dictionaries(
    {"task": st.sampled_from(["regression", "image-classification"])},
    optional={
        "units": st.fixed_dictionaries({}, optional={"batch_size": st.integers(1, 2**24) | st.just("full")}),
        "budget": st.one_of(
            st.fixed_dictionaries({"epochs": st.integers(1, 10**9)}),
            st.fixed_dictionaries({"steps": st.integers(1, 10**9)}),
        ),
        "data": st.fixed_dictionaries({"fraction": st.floats(1e-9, 1)}),
        "optimizer": st.fixed_dictionaries({"name": st.sampled_from(["sgd", "adamw"])}),
        "schedule": st.fixed_dictionaries({"name": st.sampled_from(["constant", "linear", "cosine", "wsd"])}),
        "seed": st.integers(0, 2**53 - 1),
    },
)


@given(SPECS)
def test_what_is_accepted_can_be_read_back(spec):
    with suppress(Unsupported):
        resolved = resolve(JobSpec.model_validate(spec), "cpu")
        assert JobSpec.model_validate_json(resolved.model_dump_json()) == resolved


@pytest.mark.parametrize(("task", "kind"), [("regression", "mlp"), ("text-generation", "transformer")])
@pytest.mark.parametrize("parametrization", ["sp", "mup", "u-mup"])
def test_a_resolved_spec_can_be_sent_again(task, kind, parametrization):
    sent = {"task": task, "model": {"kind": kind}, "units": {"parametrization": parametrization}}
    resolved = resolve(JobSpec.model_validate(sent), "cpu")

    assert resolve(resolved, "cpu") == resolved


@pytest.mark.parametrize(
    ("task", "budget", "pointer"),
    [
        ("regression", {"epochs": 10**9}, "/budget/epochs"),
        ("text-generation", {"tokens": 10**14}, "/budget/tokens"),
    ],
)
def test_a_run_has_a_longest_length_and_the_budget_that_was_sent_is_named(task, budget, pointer):
    endless = JobSpec.model_validate({"task": task, "units": {"batch_size": 1}, "budget": budget})

    with pytest.raises(Unsupported) as error:
        resolve(endless, "cpu")

    assert error.value.fields[0][0] == pointer


def test_a_task_has_defaults_of_its_own_under_what_is_said():
    asked = {"task": "speech-recognition"}
    plain, other, same = (
        resolve(JobSpec.model_validate({**asked, **said}), "cpu")
        for said in (
            {},
            {"schedule": {"name": "constant"}, "optimizer": {"clip_norm": None}, "units": {"batch_size": 4}},
            {"schedule": {"warmup_steps": 7}, "optimizer": {"name": "sgd"}},
        )
    )

    assert (plain.schedule.name, plain.optimizer.clip_norm, plain.units.batch_size) == ("cosine", 1.0, 16)
    assert (other.schedule.name, other.optimizer.clip_norm, other.units.batch_size) == ("constant", None, 4)
    assert (same.schedule.name, same.schedule.warmup_steps, same.optimizer.clip_norm) == ("cosine", 7, 1.0)
    assert resolve(plain, "cpu") == plain


@pytest.mark.parametrize(("dataset", "context"), [("grammar", 20_000), ("shakespeare", 100_000)])
def test_a_context_that_no_window_of_a_bundled_text_fills_is_refused(dataset, context):
    spec = {"task": "text-generation", "dataset": dataset, "model": {"context": context}}

    with pytest.raises(Unsupported) as error:
        resolve(JobSpec.model_validate(spec), "cpu")

    assert [pointer for pointer, _ in error.value.fields] == ["/model/context"]
    assert (
        resolve(JobSpec.model_validate({**spec, "model": {"context": context - 1}}), "cpu").model.context == context - 1
    )


@pytest.mark.parametrize("name", ["ramp", "noise-scale"])
@pytest.mark.parametrize("size", [64, "full"])
def test_a_first_batch_is_never_larger_than_the_last_that_the_data_allow(name, size):
    spec = {"task": "regression", "dataset": "diabetes", "model": {"kind": "mlp"}, "data": {"fraction": 0.06}}
    grown = {"units": {"batch_size": size}, "batch_schedule": {"name": name, "initial_batch_size": 60}}

    resolved = resolve(JobSpec.model_validate({**spec, **grown}), "cpu")

    assert (resolved.batch_schedule.initial_batch_size, resolved.units.batch_size) == (19, 19)


def test_a_text_too_long_for_pieces_is_refused_with_the_way_to_bring_it():
    splits, volume = {"seed": 0, "training": 58_000_000, "validation": 1_000_000, "test": 1_000_000}, (None, 58_000_000)
    contents = {"rows": 1, "splits": splits, "volume": volume, "characters": 60_000_000}
    known = {"id": "ds_" + "0" * 20, "state": "ready", "task": "text-generation", "name": "long", "bytes": 1}
    text = Dataset.model_validate({**known, "sha256": "", "created_at": 0, "contents": contents})
    spec = {"task": "text-generation", "dataset": text.id, "data": {"tokenizer": "bpe"}}

    with pytest.raises(Unsupported) as error:
        resolve(JobSpec.model_validate(spec), "cpu", text)

    [(pointer, detail)] = error.value.fields
    assert pointer == "/data/tokenizer"
    assert "60,000,000 characters" in detail
    assert "tokenizer.json" in detail


def test_images_too_small_for_the_usual_convnet_are_refused_with_what_fits():
    contents = {"rows": 60, "splits": {"training": 42, "validation": 9, "test": 9}, "shape": (1, 200, 3)}
    known = {"id": "ds_" + "0" * 20, "state": "ready", "task": "image-classification", "name": "lines", "bytes": 1}
    lines = Dataset.model_validate({**known, "sha256": "", "created_at": 0, "contents": contents})
    spec = {"task": "image-classification", "dataset": lines.id}

    with pytest.raises(Unsupported) as error:
        resolve(JobSpec.model_validate(spec), "cpu", lines)

    assert error.value.fields == (
        ("/model/depth", "Images of 1 × 200 pixels cannot be halved 2 times; choose an mlp."),
    )
    assert resolve(JobSpec.model_validate({**spec, "model": {"kind": "mlp"}}), "cpu", lines).model.kind == "mlp"
