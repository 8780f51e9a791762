"""`sweep`, and what `show`, `watch`, `cancel` and `ls` say of one."""

import json
import shlex
import subprocess
import sys

import pytest

from unitscale.cli.campaigns import MOST_NAMED
from unitscale.cli.exits import ExitCode

LINE = ("-o", "task=regression", "-o", "dataset=linear", "-o", "optimizer.name=sgd", "-o", "budget.steps=50")
AXES = ("-a", "units.learning_rate=0.001,0.1", "-a", "seed=0,1")


@pytest.fixture(scope="module")
def sweep(unitscale):
    return json.loads(unitscale("sweep", *LINE, *AXES, "--name", "rates", "--wait", "--json").stdout)


def test_it_ends_with_the_best_of_its_jobs(sweep):
    assert sweep["state"] == "succeeded"
    assert len(sweep["jobs"]) == 4
    assert sweep["best"]["setting"]["units.learning_rate"] == 0.1


def test_its_page_ranks_its_jobs_and_shows_what_they_set(unitscale, sweep):
    lines = unitscale("show", sweep["id"]).stdout.splitlines()

    head = next(number for number, line in enumerate(lines) if line.startswith("job "))
    assert "learning_rate" in lines[head]
    assert sweep["best"]["job"] in lines[head + 1]
    assert "4 succeeded" in "".join(lines)


def test_of_more_jobs_than_a_page_holds_the_best_stands_first(unitscale):
    """The best is the first that was submitted, and the service lists the newest first."""
    tiny = (*LINE[:-1], "budget.steps=2", "-o", "units.batch_size=full")
    rates = ",".join(str(round(0.1 - 0.0003 * place, 4)) for place in range(300))
    sweep = json.loads(unitscale("sweep", *tiny, "-a", f"units.learning_rate={rates}", "--wait", "--json").stdout)

    lines = unitscale("show", sweep["id"]).stdout.splitlines()

    head = next(number for number, line in enumerate(lines) if line.startswith("job "))
    assert sweep["best"]["job"] == sweep["jobs"][0]
    assert sweep["best"]["job"] in lines[head + 1]


def test_its_jobs_are_listed(unitscale, sweep):
    listed = json.loads(unitscale("ls", "--campaign", sweep["id"], "--json").stdout)

    assert {job["id"] for job in listed["data"]} == set(sweep["jobs"])


def test_a_list_in_a_file_sweeps_what_differs(unitscale, tmp_path):
    (tmp_path / "sweep.yaml").write_text(
        "base: {task: regression, dataset: linear, budget: {steps: 10}}\n"
        "settings: [{units.learning_rate: 0.1, seed: 1}, {units.learning_rate: 0.2, seed: 2}]\n"
    )

    said = unitscale("sweep", str(tmp_path / "sweep.yaml"), "--wait")

    assert said.exit_code == ExitCode.OK
    assert "2 succeeded" in said.stdout
    assert "learning_rate" in said.stdout


def test_a_cancelled_sweep_has_its_own_exit_code(unitscale):
    begun = unitscale("sweep", *LINE[:-1], "budget.steps=10000000", "-a", "seed=0,1,2").stdout.strip()
    assert unitscale("cancel", begun).exit_code == ExitCode.OK

    said = unitscale("watch", begun)

    assert said.exit_code == ExitCode.ENDED_BADLY
    assert "3 cancelled" in said.stdout


def test_a_watcher_is_told_of_paused_jobs_and_how_they_go_on(unitscale, data_dir):
    begun = unitscale("sweep", *LINE[:-1], "budget.steps=10000000", "-a", "seed=0,1").stdout.strip()
    jobs = sorted(job["id"] for job in json.loads(unitscale("ls", "--campaign", begun, "--json").stdout)["data"])
    assert unitscale("pause", *jobs).exit_code == ExitCode.OK
    command = [sys.executable, "-m", "unitscale.cli", "--data-dir", str(data_dir), "watch", begun]

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as watching:
        said = next(line for line in watching.stderr if "paused jobs" in line)
        unitscale("cancel", begun)

    hint = shlex.split(said.partition("To go on:  unitscale ")[2])
    assert "It waits for 2 paused jobs" in said
    assert hint[:3] == ["--data-dir", str(data_dir), "resume"]
    assert sorted(hint[3:]) == jobs


def test_a_watcher_of_many_paused_jobs_is_told_how_to_list_them(unitscale, data_dir):
    seeds = ",".join(map(str, range(MOST_NAMED + 1)))
    begun = unitscale("sweep", *LINE[:-1], "budget.steps=10000000", "-a", f"seed={seeds}").stdout.strip()
    jobs = [job["id"] for job in json.loads(unitscale("ls", "--campaign", begun, "--json").stdout)["data"]]
    unitscale("pause", *jobs)
    command = [sys.executable, "-m", "unitscale.cli", "--data-dir", str(data_dir), "watch", begun]

    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as watching:
        said = next(line for line in watching.stderr if f"{MOST_NAMED + 1} paused jobs" in line)
        unitscale("cancel", begun)

    assert f"ls --campaign {begun} --state paused" in said


@pytest.mark.parametrize("axis", ["seed", "=1", "seed=", "seed={"])
def test_an_axis_that_cannot_be_read_is_refused(unitscale, axis):
    said = unitscale("sweep", *LINE, "-a", axis)

    assert said.exit_code == ExitCode.USAGE
    assert "seed" in said.stderr or "path=values" in said.stderr
