"""What is offered: the catalog with what workers bring, and why a job is refused that none of them can do."""

import pytest

from unitscale.errors import Unsupported
from unitscale.models.catalog import CatalogDataset, CatalogModel, CatalogTask, Plugins
from unitscale.models.document import moment
from unitscale.models.offers import Offer
from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from unitscale.models.workers import Abilities, Slot, Worker

ON_CPU = ("fp32", "bf16", "bf16-mixed", "fp8-simulated")
ON_GPU = (*ON_CPU, "tf32", "fp16-mixed")
HIGHWAY = CatalogModel(
    kind="highway", tasks=("regression",), sizes={"width": 32}, content="", learning_rates={"sgd": 0.5}, package="p 1"
)
EVENTS = CatalogDataset(name="events", task="counting", content="", licence="", training_examples=10, package="p 1")
COUNTING = CatalogTask(
    name="counting",
    datasets=("events",),
    models=("linear",),
    metrics=("mae",),
    defaults={"dataset": "events", "model": "linear", "epochs": 3},
    package="p 1",
)
MLP = {"task": "regression", "model": {"kind": "mlp"}}


def a_worker(device="cpu", devices=1, precisions=ON_CPU, datasets=("linear",), plugins=None, known=True):
    plugins = plugins or Plugins()
    abilities = Abilities(
        precisions=precisions,
        tasks=tuple(str(task.name) for task in plugins.tasks),
        models=tuple(model.kind for model in plugins.models),
        datasets=(*datasets, *(each.name for each in plugins.datasets)),
        plugins=plugins,
    )
    slot = Slot(devices=tuple(f"{device}:{place}" for place in range(devices)), queue=f"{device}-{devices}")
    return Worker(
        id=f"w-{device}",
        started_at=moment(0),
        seen_at=moment(0),
        hardware="",
        device=device,
        slots=(slot,),
        version="0",
        abilities=abilities if known else None,
    )


def resolved(spec, *workers):
    spec, offer = JobSpec.model_validate(spec), Offer(workers)
    return resolve(spec, offer.device(spec), None, offer)


def refusal(spec, *workers):
    with pytest.raises(Unsupported) as refused:
        resolved(spec, *workers)
    [field] = refused.value.fields
    return field


def test_a_format_that_no_worker_has_is_refused_with_those_that_they_have():
    pointer, why = refusal({**MLP, "units": {"precision": "fp8"}}, a_worker(), a_worker("cuda", precisions=ON_GPU))

    assert pointer == "/units/precision"
    assert "compute capability 8.9" in why
    assert "fp8-simulated rounds to the same numbers, and takes less time" in why
    assert "connected workers offer fp32, tf32, bf16, bf16-mixed, fp16-mixed, fp8-simulated." in why


def test_a_format_that_only_the_gpu_has_runs_there():
    workers = a_worker(), a_worker("cuda", precisions=ON_GPU)

    assert resolved({**MLP, "units": {"precision": "tf32"}}, *workers).resources.device == "cuda"
    assert resolved(MLP, *workers).resources.device == "cuda"
    assert refusal({**MLP, "units": {"precision": "tf32"}, "resources": {"device": "cpu"}}, *workers)


def test_a_format_of_gpus_waits_for_one_where_none_is_there():
    spec = {**MLP, "units": {"precision": "fp8"}, "resources": {"device": "cuda"}}

    assert resolved(spec).resources.device == "cuda"
    assert resolved(spec, a_worker()).resources.device == "cuda"
    assert "resources.device: cuda" in refusal({**MLP, "units": {"precision": "fp8"}})[1]


def test_a_data_set_that_nobody_has_is_refused_with_the_command_that_brings_it():
    pointer, why = refusal({"task": "text-generation"}, a_worker())

    assert pointer == "/dataset"
    assert "`make data`" in why
    assert "is there" not in why


def test_the_refusal_of_a_data_set_names_what_is_there_for_the_task():
    _, why = refusal({"task": "text-generation"}, a_worker(datasets=("linear", "grammar")))

    assert "What is there for text-generation: `grammar` (`-o dataset=grammar`)." in why


@pytest.mark.parametrize(
    "workers", [(), (a_worker(known=False),), (a_worker(), a_worker(datasets=("shakespeare",)))], ids=str
)
def test_a_data_set_that_somebody_has_or_may_have_is_accepted(workers):
    assert resolved({"task": "text-generation"}, *workers).dataset == "shakespeare"


def test_what_a_plug_in_brings_is_asked_for_like_anything_else():
    brings = a_worker(plugins=Plugins(models=(HIGHWAY,), datasets=(EVENTS,), tasks=(COUNTING,)))
    own = resolved({"task": "regression", "model": {"kind": "highway"}, "optimizer": {"name": "sgd"}}, brings)
    counting = resolved({"task": "counting", "optimizer": {"name": "sgd"}}, brings)

    assert (own.model.width, own.units.learning_rate) == (32, 0.5)
    assert (counting.dataset, counting.budget.epochs, counting.units.batch_size) == ("events", 3, 10)
    assert refusal({"task": "regression", "model": {"kind": "highway"}}, brings)[0] == "/optimizer/name"
    assert refusal({"task": "counting"}, a_worker())[0] == "/task"


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        ({"task": "counting"}, "the task counting"),
        ({"task": "regression", "model": {"kind": "highway"}}, "the model highway"),
        ({"task": "regression", "dataset": "events"}, "the data set events"),
    ],
)
def test_what_a_plug_in_may_bring_is_not_known_until_workers_have_described_themselves(spec, missing):
    spec = JobSpec.model_validate(spec)

    unknown = [Offer(workers).unknown(spec) for workers in ((), (a_worker(), a_worker("cuda", known=False)))]

    assert [missing in each for each in unknown] == [True, True]
    assert "no worker is connected yet" in unknown[0]
    assert "still finding out" in unknown[1]
    assert Offer([a_worker()]).unknown(spec) is None


@pytest.mark.parametrize(
    "spec",
    [
        MLP,
        {"task": "regression", "dataset": "ds_0123456789abcdefghjk"},
        {"task": "translation", "model": {"kind": "mlp"}},
    ],
)
def test_what_every_installation_has_is_known_without_workers(spec):
    assert Offer().unknown(JobSpec.model_validate(spec)) is None


def test_what_a_job_needs_is_only_what_not_every_worker_can():
    offer = Offer([a_worker(plugins=Plugins(models=(HIGHWAY,)), datasets=("shakespeare",))])
    specs = MLP, {"task": "text-generation"}, {"task": "regression", "model": {"kind": "highway"}}

    needs = [offer.needs(JobSpec.model_validate(spec)) for spec in specs]

    assert needs == [(), (("datasets", "shakespeare"),), (("models", "highway"),)]


def test_a_task_whose_defaults_are_not_there_is_not_offered():
    assert "counting" not in Offer([a_worker(plugins=Plugins(tasks=(COUNTING,)))]).tasks


def test_the_catalog_says_what_is_missing():
    before, after = Offer().catalog(), Offer([a_worker(datasets=("linear", "digits"))]).catalog()

    assert {each.available for each in before.datasets} == {None}
    available = {each.name: each.available for each in after.datasets}
    assert (available["digits"], available["shakespeare"]) == (True, False)
    assert next(each.brought_by for each in after.datasets if each.name == "shakespeare") == "make data"
    assert after.precisions == ON_CPU


def test_the_catalogs_own_names_stay_what_they_are():
    other = HIGHWAY.model_copy(update={"kind": "mlp"})

    assert Offer([a_worker(plugins=Plugins(models=(other,)))]).models["mlp"].package is None
