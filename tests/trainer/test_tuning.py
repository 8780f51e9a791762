"""Tuning: what `auto` becomes is found before the first step, and changes nothing else."""

from math import log2

import pytest

from unitscale.models.resolution import resolve
from unitscale.models.specs import JobSpec
from worker.pipe import MESSAGE, Ended, Settled, Stop, Stopped, Train
from worker.trainer.assembly.assemble import assemble
from worker.trainer.engine import loop
from worker.trainer.process.interrupt import Interrupt
from worker.trainer.runs.group import train_group
from worker.trainer.tuning import auto

MLP = {
    "task": "image-classification",
    "dataset": "digits",
    "model": {"kind": "mlp", "width": 32},
    "units": {"learning_rate": "auto"},
    "budget": {"steps": 60},
}
TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "data": {"fraction": 0.1},
    "model": {"width": 64, "depth": 1, "context": 16},
    "units": {"learning_rate": "auto", "parametrization": "u-mup"},
    "budget": {"steps": 60},
}


class Heard:
    """A line whose messages are kept."""

    def __init__(self) -> None:
        self.said = []

    def send(self, message) -> None:
        self.said.append(message)


@pytest.fixture
def settle(a_lane, library):
    """Settles a spec's units in this process: the message, or how it ended instead."""

    def run(spec, interrupt=None):
        line = Heard()
        auto.settle(Train(lanes=(a_lane(spec, "one"),)), line, interrupt or Interrupt(), library)
        [message] = line.said
        return message

    return run


def test_what_is_not_open_is_not_tuned(a_lane, library):
    order, line = Train(lanes=(a_lane({}),)), Heard()

    assert auto.settle(order, line, Interrupt(), library) is order
    assert line.said == []


@pytest.mark.parametrize("spec", [MLP, {**TEXT, "units": {**TEXT["units"], "batch_size": "auto"}}])
def test_the_same_job_finds_the_same_numbers(settle, spec):
    one, other = settle(spec), settle(spec)

    assert isinstance(one, Settled)
    assert one.spec == other.spec
    assert [tried.loss for tried in one.tuned.learning_rate.tried] == [
        tried.loss for tried in other.tuned.learning_rate.tried
    ]


def test_the_curve_is_that_of_a_job_that_came_with_the_numbers(settle, train, a_lane, library, record_of, ear):
    record, interrupt = record_of(a_lane(MLP, "one")), Interrupt()
    heard = Heard()
    order = auto.settle(Train(lanes=(record.lane,)), heard, interrupt, library)
    train_group(order, ear([record], interrupt), interrupt, library)

    by_hand = {**MLP, "units": {"learning_rate": heard.said[0].tuned.learning_rate.value}}
    [expected] = train(by_hand)

    assert order.lanes[0].spec == resolve(JobSpec.model_validate(by_hand), "cpu")
    assert len(record.curves["train_loss"]) > 0
    assert record.curves == expected.curves


def test_the_best_of_what_was_tried_is_near_what_is_taken(settle):
    found = settle(MLP).tuned.learning_rate
    best = min(found.tried, key=lambda tried: tried.loss)

    assert 5 <= len(found.tried) <= 11
    assert abs(log2(found.value / best.learning_rate)) <= 1
    assert all(tried.loss == found.tried[0].loss for tried in found.tried) is False


def test_a_rate_is_moved_to_the_width_by_the_rule(settle):
    rule = {"octaves_per_doubling": -0.5, "source": "a measurement"}
    wide = {**TEXT, "model": {"width": 512, "depth": 1, "context": 16}, "budget": {"steps": 50}}
    found = settle({**wide, "units": {**TEXT["units"], "rule": rule}}).tuned.learning_rate

    assert found.proxy.width < 512
    doublings = log2(512 / found.proxy.width)
    assert log2(found.value / found.vertex) == pytest.approx(-0.5 * doublings, abs=0.01)
    assert "a measurement" in found.why


def test_where_no_proxy_pays_the_default_is_taken_and_it_is_said(settle):
    found = settle({"task": "image-classification", "units": {"learning_rate": "auto"}}).tuned.learning_rate

    assert (found.value, found.proxy, found.tried) == (3e-3, None, ())
    assert "convnet" in found.why


@pytest.mark.parametrize(
    ("width", "parametrization", "words"),
    [
        (64, "sp", "The default: no proxy pays"),
        (
            128,
            "sp",
            "The default, moved from width 64 to 128, -1 octaves per doubling, by the default table for sp: no",
        ),
        (128, "u-mup", "The default, kept from width 64 to 128, by the default table for u-mup: no"),
    ],
)
def test_a_default_is_called_moved_only_where_it_was(settle, width, parametrization, words):
    units = {"learning_rate": "auto", "parametrization": parametrization}
    model = {"width": width, "depth": 1, "context": 16, "memory_length": 8}

    found = settle({**TEXT, "model": model, "units": units}).tuned.learning_rate

    assert found.why.startswith(words)
    assert "not read from past jobs or transfers" in found.why


def test_a_job_short_of_seconds_does_not_tune_beyond_its_share(settle):
    found = settle({**MLP, "budget": {"steps": 60, "max_seconds": 1e-6}}).tuned.learning_rate

    assert found.value == 2e-3
    assert "max_seconds" in found.why


def test_a_batch_follows_the_noise_and_the_rate_is_tuned_at_it(settle):
    found = settle({**MLP, "units": {"batch_size": "auto"}, "budget": {"steps": 300}})
    batch = found.tuned.batch_size

    assert abs(log2(batch.value / batch.noise_scale)) <= 0.5
    assert found.spec.units.batch_size == batch.value
    assert (found.spec.units.tune, found.steps) == ((), 300)
    assert found.tuned.learning_rate is not None


def test_a_small_table_is_one_batch_where_enough_steps_remain(settle):
    plenty, few = (
        settle({"dataset": "diabetes", "units": {"batch_size": "auto"}, "budget": {"epochs": epochs}})
        for epochs in (200, 20)
    )

    assert (plenty.spec.units.batch_size, plenty.steps, plenty.spec.evaluation.every_steps) == (310, 200, 20)
    assert few.steps >= 90


def test_a_stop_ends_tuning_and_nothing_is_settled(settle):
    interrupt = Interrupt()
    interrupt.stop(Stop(job="one", why="pause"))

    stopped = settle(MLP, interrupt)

    assert isinstance(stopped, Stopped)
    assert (stopped.job, stopped.why) == ("one", "pause")


def test_jobs_that_are_still_open_are_not_trained_together(a_lane, library):
    line = Heard()

    assert auto.settle(Train(lanes=(a_lane(MLP), a_lane(MLP))), line, Interrupt(), library) is None
    assert [type(message) for message in line.said] == [Ended, Ended]
    assert {message.reason.code for message in line.said} == {"impossible"}


@pytest.mark.parametrize("parametrization", ["sp", "u-mup"])
def test_at_four_times_the_proxys_width_the_rate_loses_little_to_the_best_of_a_grid(
    settle, a_lane, library, parametrization
):
    wide = {
        "task": "text-generation",
        "dataset": "grammar",
        "model": {"width": 128, "depth": 1, "context": 16},
        "schedule": {"name": "cosine", "warmup_steps": 10},
        "units": {"parametrization": parametrization, "batch_size": 8},
        "budget": {"steps": 80},
    }

    def at(rate):
        return a_lane({**wide, "units": {**wide["units"], "learning_rate": rate}}).spec

    found = settle({**wide, "units": {**wide["units"], "learning_rate": "auto"}})
    advised = found.tuned.learning_rate.value
    octaves = [-2, -1, -0.5, 0, 0.5, 1, 2]
    specs = [at(advised * 2.0**octave) for octave in octaves]
    assembly = assemble(specs, "cpu", library)
    loop.train(assembly.learner, assembly.batches.start(1), 1, assembly.steps, lambda _step, _losses: None)
    losses = assembly.validation.losses(assembly.validation.outputs())

    assert found.tuned.learning_rate.proxy.width == 32
    assert losses[3] - min(losses) <= 0.05, dict(zip(octaves, losses, strict=True))
    assert max(losses[0], losses[-1]) - min(losses) > 0.1


@pytest.mark.parametrize("rate", [1e6, 1e-12])
def test_rates_are_tried_within_what_a_job_takes(settle, rate):
    said = settle({**MLP, "units": {"learning_rate": rate, "tune": ["learning_rate"]}})

    assert MESSAGE.validate_json(said.model_dump_json()) == said
    assert all(1e-13 < tried.learning_rate < 1.001e6 for tried in said.tuned.learning_rate.tried)
