"""How many lanes it pays to train together is found out by trying."""

import pytest
import torch

from unitscale.errors import OutOfMemory
from worker.pipe import Ended, Grouped, Train
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs import group
from worker.trainer.tuning import fusion_probe, headroom
from worker.trainer.tuning.fusion_probe import SHORT, UNLIKE, FusionProbe, Run

LONG = {"dataset": "diabetes", "model": {"kind": "mlp", "width": 32, "depth": 1}, "budget": {"steps": 4000}}
BRIEF = {**LONG, "budget": {"steps": 40}}
CPU = "cpu"


@pytest.fixture
def verdict(a_lane, library):
    def judge(spec, lanes, kind=FusionProbe):
        specs = [a_lane({**spec, "seed": seed}).spec for seed in range(lanes)]
        return kind(specs, CPU, library, None).verdict()

    return judge


def timed(costs, unlike=()):
    """A trial by a clock that says what so many lanes cost."""

    class Timed(FusionProbe):
        tried: list[int] = []

        def _run(self, specs, steps=None):
            lanes = len(specs)
            self.tried.append(lanes)
            off = 1.0 if lanes in unlike else 0.0
            return Run(costs[lanes], torch.full((4, lanes), off), torch.zeros(lanes, 8), 10**6)

    return Timed


def test_lanes_that_cost_little_more_than_one_train_together(verdict):
    found = verdict(LONG, 8)

    assert found.lanes > 1
    assert found.why.startswith(f"{found.lanes} lanes cost ")
    assert (found.finding.most, found.finding.tried) == (found.lanes, 8)


def test_a_run_that_is_over_at_once_is_not_worth_a_trial(verdict):
    found = verdict(BRIEF, 5)

    assert (found.lanes, found.why, found.finding) == (5, SHORT, None)


def test_as_many_train_together_as_cost_the_least_each(verdict):
    found = verdict(LONG, 16, timed({1: 1.0, 2: 1.2, 4: 2.0, 8: 6.0, 16: 16.0}))

    assert (found.lanes, found.finding.most, found.finding.tried) == (4, 4, 16)
    assert found.why == "4 lanes cost 2 times one, measured on this machine"


def test_lanes_that_are_slower_together_train_alone(verdict):
    kind = timed({1: 1.0, 2: 2.1, 4: 5.4, 8: 0.1, 16: 0.1})

    found = verdict(LONG, 16, kind)

    assert found.lanes == 1
    assert found.why == "together they gain nothing: 2 lanes cost 2.1 times one, measured on this machine"
    assert max(kind.tried) == 4


def test_more_lanes_are_taken_only_where_they_gain_more_than_the_noise(verdict):
    hardly = verdict(LONG, 2, timed({1: 1.0, 2: 1.96}))
    worth_it = verdict(LONG, 2, timed({1: 1.0, 2: 1.92}))

    assert (hardly.lanes, worth_it.lanes) == (1, 2)
    assert hardly.why == "together they gain nothing: 2 lanes cost 1.96 times one, measured on this machine"


def test_lanes_whose_numbers_would_be_others_train_alone(verdict):
    found = verdict(LONG, 4, timed({1: 1.0, 2: 1.0, 4: 1.0}, unlike=[4]))

    assert (found.lanes, found.why, found.finding.most) == (1, UNLIKE, 1)


def test_no_more_lanes_are_tried_than_memory_holds(verdict, monkeypatch):
    monkeypatch.setattr(headroom.Headroom, "holds", lambda _self, times: times <= 1)

    found = verdict(LONG, 8, timed({1: 1.0}))

    assert (found.lanes, found.why) == (1, "two did not fit into memory")


def test_room_is_what_was_held_since_and_no_more():
    here = headroom.Headroom(CPU)
    assert here.holds(1)
    held = torch.ones(64 * 2**20 // 4)

    assert here.holds(1)
    assert not here.holds(headroom._free(CPU) / held.nbytes)


def test_a_trial_leaves_no_trace_in_a_curve(a_lane, record_of, ear, library):
    def trained(lanes, measure):
        records, interrupt = [record_of(lane) for lane in lanes], Interrupt()
        order = Train(lanes=tuple(lanes), measure=measure)
        group.train_group(order, ear(records, interrupt), interrupt, library)
        return records

    specs = [{**LONG, "budget": {"steps": 1500}, "seed": seed} for seed in range(3)]
    tried = trained([a_lane(spec) for spec in specs], True)
    alone = [trained([a_lane(spec)], False)[0] for spec in specs]

    kept = [record for record in tried if record.ended]
    grouped = [next(message for message in record.said if isinstance(message, Grouped)) for record in tried]
    assert len(kept) == grouped[0].lanes >= 2
    assert [message.trains for message in grouped] == [record in kept for record in tried]
    assert [record.curves for record in kept] == [record.curves for record in alone[: len(kept)]]


def test_a_group_that_does_not_fit_into_memory_is_given_back_to_be_tried_smaller(
    a_lane, record_of, ear, library, monkeypatch
):
    def too_large(*_):
        raise OutOfMemory("no more")

    monkeypatch.setattr(group, "begin", too_large)
    records, interrupt = [record_of(a_lane(LONG)) for _ in range(4)], Interrupt()
    group.train_group(
        Train(lanes=tuple(record.lane for record in records)), ear(records, interrupt), interrupt, library
    )
    group.train_group(Train(lanes=(records[0].lane,)), ear(records[:1], interrupt), interrupt, library)

    said = [record.said[0] for record in records]
    assert [(message.trains, message.finding.most, message.finding.tried) for message in said] == [(False, 2, 4)] * 4
    assert isinstance(records[0].said[1], Ended)
    assert records[0].ended.reason.code == "out_of_memory"


def test_the_sizes_that_are_tried_end_with_all():
    assert [fusion_probe._sizes(lanes) for lanes in (2, 3, 8, 11)] == [[2], [2, 3], [2, 4, 8], [2, 4, 8, 11]]
