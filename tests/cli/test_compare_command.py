"""`compare` of campaigns: one as the service knows it, several by the jobs they have."""

import json
from types import SimpleNamespace

import pytest
import typer

from unitscale.cli.exits import ExitCode
from unitscale.cli.selection import selected

JOB = ("-o", "task=regression", "-o", "dataset=linear", "-o", "budget.steps=2")


@pytest.fixture(scope="module")
def sweeps(unitscale):
    """Two of two jobs each, with a label that tells them apart."""
    words = [(*JOB, "-o", f"labels.half={half}", "-a", "seed=0,1") for half in ("a", "b")]
    return [json.loads(unitscale("sweep", *each, "--wait", "--json").stdout) for each in words]


@pytest.fixture(scope="module")
def study(unitscale, tmp_path_factory):
    spec = tmp_path_factory.mktemp("study") / "spec.yaml"
    spec.write_text(
        "base: {task: regression, dataset: linear, optimizer: {name: sgd}, budget: {steps: 2}}\n"
        "units: {learning_rate: {choices: [0.01, 0.02]}}\nsampler: grid\nconfirmation: {best: 0}\n"
    )
    return json.loads(unitscale("study", str(spec), "--wait", "--json").stdout)


def compared(said) -> list[str]:
    """The jobs of a comparison."""
    assert said.exit_code == ExitCode.OK, said.stderr
    return [job["id"] for job in json.loads(said.stdout)["jobs"]]


def test_two_sweeps_are_compared_by_all_their_jobs(unitscale, sweeps):
    one, other = sweeps

    assert compared(unitscale("compare", one["id"], other["id"], "--json")) == one["jobs"] + other["jobs"]


def test_campaigns_of_different_kinds_are_compared_with_a_job_besides(unitscale, sweeps, study):
    one, other = sweeps

    said = unitscale("compare", study["id"], one["id"], other["jobs"][1], "--json")

    assert compared(said)[0] == other["jobs"][1]
    assert set(compared(said)) == {other["jobs"][1], *study["jobs"], *one["jobs"]}


def test_a_label_narrows_what_several_campaigns_have(unitscale, sweeps):
    ids = [sweep["id"] for sweep in sweeps]

    assert compared(unitscale("compare", *ids, "--label", "half=b", "--json")) == sweeps[1]["jobs"]
    assert unitscale("compare", *ids, "--label", "half=c").exit_code == ExitCode.USAGE


def test_a_campaign_that_is_not_there_is_told_of(unitscale, sweeps):
    said = unitscale("compare", sweeps[0]["id"], "st_00000000000000000000")

    assert said.exit_code == ExitCode.REFUSED
    assert "There is no study st_00000000000000000000" in said.stderr


class Crowded:
    """A service whose campaigns have 600 jobs each."""

    @property
    def sweeps(self):
        return SimpleNamespace(get=lambda campaign_id: campaign_id)

    def iterate_jobs(self, labels, campaign):
        return (SimpleNamespace(id=f"{campaign} {number}") for number in range(600))


def test_more_jobs_than_are_compared_at_a_time_are_refused():
    with pytest.raises(typer.BadParameter, match="these are 1,200 jobs; at most 1,024"):
        selected(Crowded(), ["sw_a", "sw_b"], {})
