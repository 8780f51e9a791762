"""What is said to do next when a command was refused."""

import pytest

from unitscale.cli.exits import ExitCode
from unitscale.cli.next_steps import missing, next_step

SPEC = ("-o", "task=regression", "-o", "dataset=linear")
SWEEP = "sw_06g1m2c8kq7v3x9t4b5n"


@pytest.mark.parametrize(
    ("words", "following"),
    [
        (("submit", *SPEC, "-o", "seed=x"), "unitscale submit --help"),
        (("sweep", *SPEC, "-a", "seed=x,y"), "unitscale sweep run --help"),
        (("study", "-o", "base.task=regression"), "unitscale study run --help"),
        (("transfer", *SPEC, "--values", "x,y"), "unitscale transfer run --help"),
        (("ls", "--state", "foo"), "unitscale ls --help"),
    ],
    ids=lambda words: words[0] if isinstance(words, tuple) else "",
)
def test_a_malformed_request_names_the_help_of_its_own_command(unitscale, words, following):
    said = unitscale(*words)

    assert said.exit_code == ExitCode.REFUSED
    assert f"`{following}`" in said.stderr


def test_an_axis_that_is_misspelt_is_told_the_field_like_it(unitscale):
    said = unitscale("sweep", *SPEC, "-a", "units.learning_rat=0.1,0.2")

    assert "/axes/units.learning_rat" in said.stderr
    assert "Did you mean `units.learning_rate`?" in said.stderr


def test_what_is_wrong_is_printed_once(unitscale):
    said = unitscale("submit", *SPEC, "-o", "lr=0.1")

    assert said.stderr.count("There is no field `lr`. Did you mean `units.learning_rate`?") == 1
    assert said.stderr.count("/lr") == 1


@pytest.mark.parametrize(
    ("command", "wanted"), [("sweep", "-a units.learning_rate=0.01,0.1"), ("transfer", "--values")]
)
def test_what_a_campaign_lacks_is_said_before_it_is_sent(unitscale, command, wanted):
    said = unitscale(command, *SPEC, COLUMNS="200")

    assert said.exit_code == ExitCode.USAGE
    assert wanted in said.stderr


@pytest.mark.parametrize(
    ("words", "kind", "following"),
    [
        (("show", "tr_unknown"), "transfer tr_unknown", "transfer ls"),
        (("watch", "sw_06g1m2c8kq7v3x9t4b5n"), "sweep sw_06g1m2c8kq7v3x9t4b5n", "sweep ls"),
        (("study", "report", "st_1"), "study st_1", "study ls"),
        (("logs", "foo"), "job foo", "ls"),
        (("data", "show", "ds_1"), "data set ds_1", "data ls"),
        (("keys", "delete", "key_1"), "key key_1", "keys ls"),
    ],
)
def test_what_is_not_there_is_told_by_its_kind_and_where_such_are_listed(unitscale, words, kind, following):
    said = unitscale(*words)

    assert said.exit_code == ExitCode.REFUSED
    assert f"There is no {kind}." in said.stderr
    assert f"`unitscale {following}` lists" in said.stderr


def test_what_says_its_kind_already_stays_as_it_is():
    assert missing("Job job_1 has no artifact 'x'.") == "Job job_1 has no artifact 'x'."
    assert "unitscale ls" in next_step("not_found", "Job job_1 has no artifact 'x'.", "artifacts")


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        ("pause", f"unitscale cancel {SWEEP}"),
        ("resume", f"unitscale ls --campaign {SWEEP} --state paused"),
        ("delete", f"unitscale ls --campaign {SWEEP}"),
        ("logs", f"unitscale ls --campaign {SWEEP}"),
        ("artifacts", f"unitscale ls --campaign {SWEEP}"),
        ("curves", f"unitscale compare {SWEEP} --curve val_loss --csv"),
    ],
)
def test_a_command_for_jobs_says_what_to_do_with_a_sweep(unitscale, command, instead):
    said = unitscale(command, SWEEP)

    assert said.exit_code == ExitCode.USAGE
    assert f"{SWEEP} is a sweep" in said.stderr
    assert f"`{instead}" in said.stderr


def test_jobs_are_listed_of_nothing_but_a_campaign(unitscale):
    assert unitscale("ls", "--campaign", "job_1").exit_code == ExitCode.USAGE


@pytest.mark.parametrize("kind", ["sweep", "study", "transfer"])
def test_the_help_of_a_campaign_says_where_its_options_are_and_what_takes_its_id(unitscale, kind):
    said = " ".join(unitscale(kind, "--help", COLUMNS="200").stdout.split())

    assert f"unitscale {kind} run --help" in said
    assert "show, watch, cancel and compare take its id" in said


def test_a_campaign_asked_to_be_shown_says_which_command_shows_it(unitscale):
    said = unitscale("sweep", "show", SWEEP)

    assert said.exit_code == ExitCode.USAGE
    assert f"unitscale show {SWEEP}" in said.stderr
