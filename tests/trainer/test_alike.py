"""What intake lets train together, a trainer can."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unitscale.errors import Unsupported
from unitscale.models.alike import company, why_alone
from unitscale.models.catalog import MODELS as CATALOG
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.trainer.assembly.assemble import assemble
from worker.trainer.catalog import MODELS
from worker.trainer.protocols import Laned

CPU = "cpu"
LANES = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 3),
        "rate": st.sampled_from([0.001, 0.1]),
        "decay": st.sampled_from([0.0, 0.1]),
        "clip": st.sampled_from([None, 1.0]),
        "schedule": st.sampled_from(["constant", "cosine", "wsd", "plateau"]),
        "target": st.sampled_from([None, 0.1]),
    }
)
GROUPS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["linear", "mlp"]),
        "batch": st.sampled_from([16, "full", "auto"]),
        "micro": st.sampled_from([None, 8]),
        "precision": st.sampled_from(["fp32", "bf16"]),
        "optimizer": st.sampled_from(["sgd", "adamw"]),
        "grows": st.sampled_from(["constant", "ramp", "noise-scale"]),
        "budget": st.sampled_from([{"steps": 3}, {"epochs": 1}, {"steps": 3, "max_seconds": 9}]),
        "noise": st.booleans(),
        "scales": st.sampled_from([None, 2]),
        "alone": st.booleans(),
    }
)


def a_spec(group, lane):
    """A resolved spec; None where it is refused."""
    spec = {
        "task": "regression",
        "dataset": "diabetes",
        "model": {"kind": group["kind"]},
        "seed": lane["seed"],
        "units": {
            "learning_rate": lane["rate"],
            "batch_size": group["batch"],
            "micro_batch_size": group["micro"],
            "precision": group["precision"],
        },
        "optimizer": {"name": group["optimizer"], "weight_decay": lane["decay"], "clip_norm": lane["clip"]},
        "schedule": {"name": lane["schedule"]},
        "batch_schedule": {"name": group["grows"]},
        "budget": {**group["budget"], "target_loss": lane["target"]},
        "diagnostics": {"noise_scale": group["noise"], "scales_every": group["scales"]},
        "resources": {"alone": group["alone"]},
    }
    try:
        return resolve(JobSpec.model_validate(spec), CPU)
    except Unsupported:
        return None


def with_whom(spec):
    return company(spec, None, CATALOG[str(spec.model.kind)].laned)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(groups=st.lists(GROUPS, min_size=1, max_size=2), lanes=st.lists(LANES, min_size=2, max_size=4))
def test_jobs_of_one_key_are_never_impossible_together(library, groups, lanes):
    specs = [spec for group in groups for lane in lanes if (spec := a_spec(group, lane))]
    keys = {with_whom(spec).alike for spec in specs}

    for key in keys - {""}:
        assemble([spec for spec in specs if with_whom(spec).alike == key], CPU, library)


def test_specs_that_differ_in_lanes_own_alone_have_one_key():
    group = {"kind": "mlp", "batch": 16, "micro": None, "precision": "fp32", "optimizer": "adamw", "grows": "constant"}
    group |= {"budget": {"steps": 3}, "noise": False, "scales": None, "alone": False}
    first = {"seed": 0, "rate": 0.1, "decay": 0.0, "clip": None, "schedule": "constant", "target": None}
    second = {"seed": 1, "rate": 0.2, "decay": 0.1, "clip": 1.0, "schedule": "cosine", "target": 0.5}

    keys = {with_whom(a_spec(group, lane)).alike for lane in (first, second)}

    assert len(keys) == 1
    assert keys != {""}


def test_the_catalog_says_of_each_model_what_the_trainer_can():
    assert {kind: entry.laned for kind, entry in CATALOG.items()} == {
        kind: isinstance(MODELS[kind], Laned) for kind in CATALOG
    }


def test_who_trains_alone_has_no_key_and_a_reason():
    spec = resolve(JobSpec.model_validate({"task": "image-classification"}), CPU)

    assert with_whom(spec) == ("", why_alone(spec, laned=False))
    assert with_whom(spec).why_alone == "models of kind convnet have no lanes"
