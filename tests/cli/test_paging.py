"""A list's hint at its next page."""

import re
import shlex

import pytest

from unitscale.cli.paging import filled
from unitscale.models.pages import Page

JOB = ("-o", "task=regression", "-o", "dataset=linear", "-o", "budget.steps=2", "-o", "labels.team=a b")
AXES = ("-a", "seed=0,1,2")


@pytest.fixture(scope="module")
def sweep(unitscale):
    """One whose jobs are neither the oldest nor the newest."""
    unitscale("submit", *JOB[:-2], "--wait")
    sweep = unitscale("sweep", *JOB, *AXES, "--wait", "--json")
    unitscale("submit", *JOB[:-2], "--wait")
    return re.findall("sw_[0-9a-z]{20}", sweep.stdout)[0]


def test_short_pages_are_filled_up():
    script = {None: Page(has_more=True, next_cursor="a", data=()), "a": Page(has_more=True, next_cursor="b", data=(1,))}
    script["b"] = Page(has_more=True, next_cursor="c", data=(2, 3))
    asked = []

    page = filled(lambda limit, cursor: asked.append(limit) or script[cursor], 3, None)

    assert (page.data, page.next_cursor, asked) == ((1, 2, 3), "c", [3, 3, 2])


def following(said) -> list[str]:
    """The command that a page names."""
    return shlex.split(said.stderr.partition("There are more:  unitscale ")[2])


@pytest.mark.parametrize(
    "filters",
    [
        ("--campaign", "SWEEP"),
        ("--label", "team=a b"),
        ("-t", "regression", "-s", "succeeded", "--campaign", "SWEEP"),
    ],
)
def test_the_next_page_is_of_the_same_jobs(unitscale, sweep, filters):
    first = unitscale("ls", "-n", "2", *(sweep if word == "SWEEP" else word for word in filters))

    second = unitscale(*following(first))

    jobs = [re.findall("job_[0-9a-z]{20}", said.stdout) for said in (first, second)]
    assert [len(page) for page in jobs] == [2, 1]
    assert set(jobs[0]).isdisjoint(jobs[1])
    assert following(second) == []


def test_the_next_page_of_campaigns_is_as_long(unitscale, sweep):
    unitscale("sweep", *JOB, "-a", "seed=3", "--wait")

    first = unitscale("sweep", "ls", "--limit", "1")

    assert sweep not in first.stdout
    assert following(first)[:4] == ["sweep", "ls", "--limit", "1"]


def test_a_service_that_was_named_is_named_again(unitscale, sweep, data_dir):
    said = unitscale("--data-dir", str(data_dir), "ls", "--campaign", sweep, "-n", "1")

    assert following(said)[:3] == ["--data-dir", str(data_dir), "ls"]
