"""The chaos of `make chaos`, small: nothing is lost, nothing ends twice, every curve is the undisturbed one."""

from pathlib import Path

import pytest

from benchmarks.chaos import doorbells, endings, killing, outages, studies, sweeping
from benchmarks.chaos.report import Report
from benchmarks.chaos.stack import Stack


@pytest.fixture
def report():
    counted = Report()
    yield counted
    missed = [row for row in counted.rows if not row[3] and row[0] not in counted.late]
    assert counted.rows
    assert not missed


@pytest.fixture
def own_stack(tmp_path: Path):
    with Stack(tmp_path) as running:
        yield running


def test_random_kills(own_stack, report):
    killing.random_kills(own_stack, report, jobs_wanted=12, kills=8)


def test_supervisors_frozen_past_their_lease(stack, report):
    killing.frozen_supervisors(stack, report, times=2)


def test_a_leaving_worker(stack, report):
    killing.leaving_worker(stack, report)


def test_valkey_killed_under_submissions(own_stack, report):
    outages.killed_under_load(own_stack, report, kills=3)


def test_valkey_away(own_stack, report):
    outages.away(own_stack, report, seconds=2)


def test_valkey_frozen(own_stack, report):
    outages.frozen(own_stack, report, seconds=5)


def test_doorbells_lost(stack, report):
    doorbells.lost(stack, report, times=5)


def test_doorbells_doubled(stack, report):
    doorbells.doubled(stack, report, times=5)


def test_answers_lost(own_stack, report):
    endings.lost_answers(own_stack, report, times=2)


def test_cancel(stack, report):
    endings.cancelling(stack, report, times=3)


def test_cancel_against_finish(stack, report):
    endings.racing(stack, report, times=20)


@pytest.mark.timeout(400)  # two studies, one of which loses what it has trained again and again
def test_a_study_under_kills(own_stack, report):
    studies.disturbed(own_stack, report, trials=4, kills=4, steps=6000)


def test_a_sweep_under_kills(own_stack, report):
    sweeping.killed_sweep(own_stack, report, jobs_wanted=16, kills=4)
