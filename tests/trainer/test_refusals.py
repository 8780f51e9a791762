"""What a spec may ask for: the possible is filled in, the impossible refused with its reason."""

import pytest

from unitscale.errors import Unsupported
from unitscale.models.catalog import CATALOG, LEARNING_RATES
from unitscale.models.resolution import resolve, total_steps
from unitscale.models.specs import JobSpec

TEXT = {"task": "text-generation"}


def resolved(spec):
    return resolve(JobSpec.model_validate(spec), "cpu")


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({**TEXT, "units": {"parametrization": "u-mup"}, "optimizer": {"name": "sgd"}}, "/units/parametrization"),
        ({"task": "regression", "units": {"parametrization": "mup"}}, "/units/parametrization"),
        ({"task": "image-classification", "units": {"parametrization": "u-mup"}}, "/units/parametrization"),
        ({**TEXT, "units": {"base_width": 32}}, "/units/base_width"),
        ({**TEXT, "units": {"alphas": {"res": 2}}}, "/units/alphas"),
        ({**TEXT, "model": {"width": 60}}, "/model/width"),
        ({**TEXT, "model": {"width": 64, "head_size": 24}}, "/model/head_size"),
        ({**TEXT, "model": {"width": 64, "head_size": 1}}, "/model/head_size"),
        ({**TEXT, "model": {"context": 1}}, "/model/context"),
        ({"task": "image-classification", "model": {"depth": 4}}, "/model/depth"),
        ({"task": "regression", "budget": {"tokens": 1000}}, "/budget/tokens"),
        ({"task": "regression", "data": {"tokenizer": "bpe"}}, "/data/tokenizer"),
        ({**TEXT, "data": {"vocabulary": 400}}, "/data/vocabulary"),
        ({**TEXT, "data": {"tokenizer": "bpe"}, "budget": {"epochs": 1}}, "/budget/epochs"),
        ({"task": "translation", "data": {"tokenizer": "characters", "vocabulary": 400}}, "/data/vocabulary"),
        ({"task": "translation", "model": {"head_size": 24}}, "/model/head_size"),
        ({"task": "translation", "units": {"parametrization": "u-mup"}}, "/units/parametrization"),
        ({"task": "regression", "units": {"precision": "fp8-simulated"}}, "/units/precision"),
        ({**TEXT, "units": {"batch_size": 1}, "batch_schedule": {"name": "noise-scale"}}, "/units/batch_size"),
        (
            {**TEXT, "batch_schedule": {"name": "noise-scale", "initial_batch_size": 1}},
            "/batch_schedule/initial_batch_size",
        ),
        (
            {**TEXT, "units": {"batch_size": 8}, "batch_schedule": {"name": "ramp", "initial_batch_size": 9}},
            "/batch_schedule/initial_batch_size",
        ),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(spec, pointer):
    with pytest.raises(Unsupported) as refused:
        resolved(spec)

    assert pointer in [field for field, _ in refused.value.fields]


def test_why_sgd_has_no_rates_under_u_mup_is_said():
    with pytest.raises(Unsupported, match="choose adamw"):
        resolved({**TEXT, "units": {"parametrization": "u-mup"}, "optimizer": {"name": "sgd"}})


def test_an_optimizer_that_a_model_has_no_rates_for_is_what_is_refused():
    with pytest.raises(Unsupported) as refused:
        resolved({"task": "translation", "optimizer": {"name": "sgd"}})

    assert refused.value.fields == (
        ("/optimizer/name", "An encoder-decoder has no learning rates for sgd; choose one of: adamw."),
    )


@pytest.mark.parametrize(("kind", "article"), [("encoder", "An"), ("mlp", "An"), ("linear", "A")])
def test_models_have_their_article(kind, article):
    task = "masked-language-modeling" if kind == "encoder" else "regression"
    with pytest.raises(Unsupported, match=f"{article} {kind} has no channels"):
        resolved({"task": task, "model": {"kind": kind, "channels": 8}})


def test_default_rates_differ_by_parametrization():
    rates = {
        name: resolved({**TEXT, "units": {"parametrization": name}}).units.learning_rate for name in ("sp", "u-mup")
    }

    assert rates["u-mup"] > 50 * rates["sp"]


def test_the_base_width_of_mup_is_the_default_width_unless_told_otherwise():
    units = resolved({**TEXT, "model": {"width": 128}, "units": {"parametrization": "mup"}}).units

    assert units.base_width == 64


def test_tokens_are_a_length():
    spec = resolved({**TEXT, "model": {"context": 32}, "units": {"batch_size": 10}, "budget": {"tokens": 3201}})

    assert total_steps(spec) == 11


def test_every_row_of_rates_is_of_the_catalog():
    for optimizer, parametrization, model in LEARNING_RATES:
        assert optimizer in CATALOG.optimizers
        assert parametrization in CATALOG.parametrizations
        assert model in {row.kind for row in CATALOG.models}
