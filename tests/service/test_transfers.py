"""Transfers over HTTP: grids of rates at growing sizes, and where the best rate goes."""

import pytest

from benchmarks.chaos.stack import until
from unitscale.client import Client
from unitscale.errors import Malformed, NotFound, Unsupported
from unitscale.models.campaigns import CampaignState

DECODER = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"depth": 1, "context": 16},
    "units": {"batch_size": 16},
    "schedule": {"name": "cosine", "warmup_steps": 6},
    "evaluation": {"every_steps": 60},
    "budget": {"steps": 60},
}
RATES = {"sp": [2.0**octave for octave in range(-8, -2)], "u-mup": [0.25, 0.5, 1.0]}
"""Those of u-μP end where its best rate lies."""
TRANSFER = {"base": DECODER, "values": [64, 16], "learning_rates": RATES, "seeds": 1}
TEXT = {"task": "text-generation", "dataset": "grammar"}
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def transferred(stack):
    with stack.client() as client:
        yield client.transfers.wait(client.transfers.begin(TRANSFER).id)


def test_the_best_rate_falls_with_the_width_under_sp_and_not_under_u_mup(transferred):
    sp, umup = transferred.result.parametrizations

    assert transferred.state is CampaignState.SUCCEEDED
    assert sp.drift_octaves_per_doubling < -0.5
    assert umup.drift_octaves_per_doubling > sp.drift_octaves_per_doubling + 0.4
    assert sp.penalty_nats > umup.penalty_nats


def test_a_grid_that_ends_at_its_best_rate_is_extended(transferred):
    _, umup = transferred.result.parametrizations

    assert transferred.extensions >= 1
    assert umup.values[0].learning_rates[:5] == (0.25, 0.5, 1.0, 2.0, 4.0)


def test_every_line_tells_its_losses_and_its_best_rate(transferred):
    lines = [line for each in transferred.result.parametrizations for line in each.widths]

    assert [line.width for line in lines] == [16, 64, 16, 64]
    for line in lines:
        assert line.loss <= min(line.losses) + 0.05
        assert min(line.learning_rates) < line.learning_rate < max(line.learning_rates)
    assert [line.regret for line in lines[:2]] == [0, 0]


def test_one_step_changes_wide_models_more_under_sp_than_under_u_mup(transferred):
    sp, umup = (each.coordinates for each in transferred.result.parametrizations)

    assert sp.growth > 0.3
    assert abs(umup.growth) < sp.growth


def test_the_verdict_names_what_was_not_tested(transferred):
    assert transferred.result.verdict.endswith("Not tested: depth, batch size, tokens.")


@pytest.mark.parametrize(
    ("axis", "values"), [("depth", [1, 4]), ("batch_size", [4, 32]), ("tokens", [4_000, 32_000])], ids=str
)
def test_other_axes_are_measured_too(client, axis, values):
    base = {name: field for name, field in DECODER.items() if name != "evaluation"}
    model = {**DECODER["model"], "width": 16}
    begun = client.transfers.begin(
        {"base": base | {"model": model}, "axis": axis, "values": values, "parametrizations": ["sp"], "seeds": 1}
    )

    ended = client.transfers.wait(begun.id)

    (sp,) = ended.result.parametrizations
    assert ended.state is CampaignState.SUCCEEDED
    assert [line.value for line in sp.values] == values
    assert all(min(line.learning_rates) < line.learning_rate < max(line.learning_rates) for line in sp.values)
    assert sp.values[0].loss > sp.values[1].loss
    assert (sp.coordinates is not None) == (axis == "depth")
    assert axis.replace("_", " ") not in ended.result.verdict.rpartition("Not tested:")[2]


def test_its_jobs_are_listed_and_no_two_are_alike(client, transferred):
    jobs = client.jobs(campaign=transferred.id, limit=200).data

    assert {job.id for job in jobs} == set(transferred.jobs)
    assert {(job.transfer, job.spec.model.width) for job in jobs} == {(transferred.id, 16), (transferred.id, 64)}
    assert len({job.spec.model_dump_json() for job in jobs}) == len(jobs)


def test_killed_in_the_middle_it_ends_with_the_same_result(stack, client, transferred):
    transfer = client.transfers.begin(TRANSFER)
    for done in (0, 6):
        until(lambda done=done: client.transfers.get(transfer.id).counts.succeeded > done, 300)
        for name in stack.nodes:
            stack.restart(name)

    assert client.transfers.wait(transfer.id).result == transferred.result


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"base": TEXT, "values": [32, 65]}, "/values/1"),
        ({"base": TEXT, "widths": [65, 32]}, "/widths/0"),
        ({"base": TEXT, "values": [32, 10**8]}, "/values/1"),
        ({"base": {"task": "image-classification"}, "values": [32, 64]}, "/values/0"),
        (
            {"base": TEXT | {"optimizer": {"name": "sgd"}}, "values": [32, 64]},
            "/parametrizations/1",
        ),
        ({"base": TEXT | {"model": {"head_size": 7}}, "values": [28, 56]}, "/base/model/head_size"),
        ({"base": TEXT}, ""),
        ({"base": TEXT, "values": [32, 64, 64]}, "/values/2"),
        ({"base": TEXT, "widths": [2, 4], "axis": "depth"}, ""),
        ({"base": TEXT, "values": [32, 64], "learning_rates": [0.1, -1, 2]}, "/learning_rates/1"),
        ({"base": TEXT, "values": [32, 64], "learning_rates": {"mup": [1, 2, 3]}}, ""),
        ({"base": {"task": "regression"}, "values": [100, 200], "axis": "tokens"}, "/values/0"),
    ],
)
def test_a_wrong_transfer_is_refused_by_the_field_and_leaves_nothing(client, body, pointer):
    before = len(client.transfers.page(limit=200).data)

    with pytest.raises((Malformed, Unsupported)) as error:
        client.transfers.begin(body)

    assert pointer in [field for field, _ in error.value.fields]
    assert len(client.transfers.page(limit=200).data) == before


def test_another_projects_transfer_does_not_exist(stack, client, transferred):
    key = client.create_key("another", ["submit"]).key
    with Client(stack.url, key) as stranger, pytest.raises(NotFound):
        stranger.transfers.get(transferred.id)
