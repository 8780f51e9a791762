"""`study`: begun from a file, listed, shown, reported."""

import json

import pytest

from unitscale.cli.exits import ExitCode

STUDY = """
name: rates
base: {task: regression, dataset: linear, optimizer: {name: sgd}, budget: {steps: 50}}
units: {learning_rate: {low: 0.01, high: 0.2, scale: log}}
budget: {trials: 2}
parallel: 2
confirmation: {best: 1, seeds: 2}
"""


@pytest.fixture(scope="module")
def study(unitscale, tmp_path_factory):
    spec = tmp_path_factory.mktemp("study") / "spec.yaml"
    spec.write_text(STUDY)
    return json.loads(unitscale("study", str(spec), "--wait", "--json").stdout)


def test_it_ends_with_recommended_units(study):
    assert study["state"] == "succeeded"
    assert 0.01 <= study["winner"]["units"]["learning_rate"] <= 0.2


def test_its_page_shows_every_trial_and_what_was_found(unitscale, study):
    said = unitscale("show", study["id"]).stdout

    assert "Recommended is learning_rate" in said
    assert "again: " in said
    assert "4 succeeded" in said


def test_its_page_says_how_sure_that_is(unitscale, study):
    said = " ".join(unitscale("show", study["id"]).stdout.split())

    low, high = study["winner"]["spread"]["val_loss"]
    assert f"medians of 2 runs with fresh seeds, which gave val_loss from {low:.4g} to {high:.4g}." in said


def test_it_is_listed_with_its_best(unitscale, study):
    lines = unitscale("study", "ls").stdout.splitlines()

    assert any(study["id"] in line and "rates" in line and "minimize val_loss" in line for line in lines)


def test_its_report_is_written_to_a_file(unitscale, study, tmp_path):
    said = unitscale("study", "report", study["id"], "--output", str(tmp_path / "report.html"))

    assert said.exit_code == ExitCode.OK
    assert "Train with" in (tmp_path / "report.html").read_text()


def test_a_study_that_makes_no_sense_is_refused_by_its_field(unitscale):
    said = unitscale("study", "run", "-o", "base.task=regression", "-o", "units.learning_rat={low: 1, high: 2}")

    assert said.exit_code == ExitCode.REFUSED
    assert "/units/learning_rat" in said.stderr
