"""`unitscale advise`, against the service itself."""

import json
import re

import yaml

from unitscale.cli.exits import ExitCode

ASKED = ("-o", "task=text-generation", "-o", "dataset=grammar", "-o", "model.width=512")


def test_units_are_shown_with_reasons(unitscale):
    said = unitscale("advise", *ASKED, "--noise-scale", "120")

    assert said.exit_code == ExitCode.OK
    assert "u-mup" in said.stdout
    assert "noise scale of 120 examples" in said.stdout
    assert "training_seconds" in said.stdout


def test_the_losses_that_a_rate_was_read_from_are_drawn(unitscale):
    line = ("-o", "task=regression", "-o", "dataset=linear", "-o", "optimizer.name=sgd", "-o", "budget.steps=50")
    unitscale("sweep", *line, "-a", "units.learning_rate=0.001,0.01,0.1", "--wait")

    said = unitscale("advise", *line).stdout
    none = unitscale("advise", *ASKED, "--noise-scale", "120").stdout

    assert re.search("Loss at rates from 0.001 to 0.1: █[▂-█]▁", " ".join(said.split()))
    assert "Loss at rates" not in none


def test_the_completed_spec_can_be_piped_on(unitscale, tmp_path):
    spec = unitscale("advise", *ASKED, "--noise-scale", "120", "--spec").stdout
    (tmp_path / "spec.yaml").write_text(spec)

    said = unitscale("submit", str(tmp_path / "spec.yaml"), "--dry-run", "--json")

    assert yaml.safe_load(spec)["units"]["batch_size"] == 128
    assert said.exit_code == ExitCode.OK
    assert json.loads(said.stdout)["spec"]["units"]["batch_size"] == 128
    assert "tuned" not in spec


def test_what_is_known_comes_from_a_file(unitscale, tmp_path):
    (tmp_path / "known.yaml").write_text("scaling_law: {E: 1.5, A: 400, B: 2000, alpha: 0.34, beta: 0.28}")

    said = unitscale("advise", *ASKED, "--known", str(tmp_path / "known.yaml"), "--json")

    assert json.loads(said.stdout)["expected"]["loss"]["value"] > 1.5


def test_a_dry_run_says_what_will_be_tuned(unitscale):
    said = unitscale("submit", "-o", "task=regression", "-o", "units.learning_rate=auto", "--dry-run")

    assert "The learning rate is the best of about 7 rates" in said.stderr
