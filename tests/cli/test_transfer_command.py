"""`transfer`, and what its page shows."""

import json

import pytest

from unitscale.cli.exits import ExitCode
from unitscale.cli.overlays import Drawn, overlay

TEXT = ("-o", "task=text-generation", "-o", "dataset=grammar", "-o", "model.depth=1", "-o", "model.context=16")
SHORT = ("-o", "budget.steps=20", "-o", "units.batch_size=16")
pytestmark = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def transfer(unitscale):
    asked = ("--values", "16,32", "-p", "u-mup", "--learning-rates", "0.25,1,4", "--seeds", "1", "--name", "still")
    return json.loads(unitscale("transfer", *TEXT, *SHORT, *asked, "--wait", "--json").stdout)


def test_it_ends_with_a_verdict(transfer):
    [umup] = transfer["result"]["parametrizations"]

    assert transfer["state"] == "succeeded"
    assert umup["parametrization"] == "u-mup"
    assert [line["width"] for line in umup["widths"]] == [16, 32]
    assert transfer["result"]["verdict"]


def test_its_page_draws_each_value_and_ends_with_the_verdict(unitscale, transfer):
    said = unitscale("show", transfer["id"]).stdout

    assert "u-mup" in said
    assert "best rate" in said
    assert "loss against log2 of the learning rate" in said
    assert said.split()[-6:] == transfer["result"]["verdict"].split()[-6:]


def test_it_is_listed(unitscale, transfer):
    assert transfer["id"] in unitscale("transfer", "ls").stdout
    assert json.loads(unitscale("ls", "--campaign", transfer["id"], "--json").stdout)["data"]


def test_a_wrong_value_is_refused_by_name(unitscale):
    said = unitscale("transfer", *TEXT, "--values", "16,33")

    assert said.exit_code == ExitCode.REFUSED
    assert "/values/1" in said.stderr


def test_curves_are_drawn_over_each_other_with_their_lowest_points_marked():
    wide = [(float(x), 2 + 0.1 * x * x) for x in range(-3, 4)]
    high = [(float(x), 3 + 2.0 * x * x) for x in range(-3, 4)]

    rows = [row.plain for row in overlay([Drawn(wide, (0.0, 2.0)), Drawn(high, (0.0, 3.0))], 40, 8)]

    assert len(rows) == 9
    assert "1" in rows[7]
    assert "2" in "".join(rows[:3])
    assert rows[0].startswith("3 ┤")
    assert rows[-1].split() == ["-3", "3"]


def test_without_curves_nothing_is_drawn():
    assert overlay([Drawn([(1.0, 2.0)], None)], 40, 8) == []
