"""Memory: a decoder that looks back further than its window."""

import random
from itertools import islice, pairwise
from pathlib import Path

import pytest
import torch

from unitscale.errors import Unsupported
from unitscale.models.predictions import Sampling
from unitscale.models.resolution import resolve, training_examples
from unitscale.models.specs import JobSpec
from worker.pipe import Ask, Check
from worker.trainer.checks.check import check
from worker.trainer.engine.streams import StreamBatches, Streams
from worker.trainer.inference.predict import answer
from worker.trainer.layers.memory import Memory

STEPS = 400
TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 32, "depth": 2, "context": 16, "memory_length": 24},
    "data": {"fraction": 0.02},
    "budget": {"steps": 60},
    "evaluation": {"every_steps": 25},
}


@pytest.mark.parametrize(("windows", "streams"), [(10, 3), (10, 6), (7, 7), (12, 4), (5, 1)])
def test_streams_read_every_window_once_each_after_the_one_before(windows, streams):
    read = Streams(windows, streams)
    turns = [read.rows(turn).tolist() for turn in range(read.turns)]

    assert sorted(window for turn in turns for window in turn) == list(range(windows))
    assert all(later == [w + 1 for w in earlier[: len(later)]] for earlier, later in pairwise(turns))
    assert [read.read(step) for step in (1, read.turns, read.turns + 1)] == [
        len(turns[0]),
        windows,
        windows + len(turns[0]),
    ]


@pytest.mark.parametrize("batch", [7, 100, 128, 134, 500])
def test_the_batch_that_a_spec_shows_is_what_a_text_is_read_in(batch):
    spec = {**TEXT, "data": {"fraction": 0.012}, "units": {"batch_size": batch}}

    resolved = resolve(JobSpec.model_validate(spec), "cpu")

    shown, windows = int(resolved.units.batch_size), training_examples(resolved)
    assert shown == len(Streams(windows, min(batch, windows)).rows(0)) == len(Streams(windows, shown).rows(0))


def test_a_memory_forgets_where_the_text_begins_afresh():
    memory, x = Memory(3), torch.arange(8.0).view(1, 2, 4, 1)
    column = torch.zeros(1, 6, 4)
    seen = []
    for _ in islice(StreamBatches(column, column, 2, memory).start(1), 4):
        seen.append(memory.tokens)
        memory.before(0, x)

    assert seen == [0, 3, 3, 0]


def test_the_same_step_asked_for_again_remembers_the_same():
    memory, x = Memory(3), torch.ones(1, 2, 4, 1)
    memory.turn(1, fresh=True)
    memory.before(0, x)
    memory.turn(2, fresh=False)
    first = memory.before(0, x)
    memory.turn(2, fresh=False)

    assert torch.equal(memory.before(0, x), first)


@pytest.mark.parametrize("parametrization", ["sp", "u-mup"])
def test_lanes_with_memory_are_bitwise_their_single_runs(train, parametrization):
    units = {"parametrization": parametrization}
    specs = [{**TEXT, "units": {**units, "learning_rate": rate}, "seed": seed} for rate, seed in ((0.01, 0), (0.03, 1))]

    together = train(*specs)

    for spec, lane in zip(specs, together, strict=True):
        assert lane.ended.result is not None
        assert lane.curves == train(spec)[0].curves


def test_a_resumed_run_remembers_what_the_undisturbed_one_does(train):
    [undisturbed] = train(TEXT)
    [stopped] = train(TEXT, wish=lambda message: "pause" if message.say == "points" else None)

    [resumed] = train(stopped.next_record())

    assert 0 < stopped.saved.step < 60
    assert resumed.curves == undisturbed.curves


@pytest.fixture
def train_on_echoes(train, a_lane, record_of, tmp_path):
    """What training leaves on a text whose letters mostly are those of 20 before."""
    draw, letters = random.Random(0), list("abcd" * 5)  # noqa: S311  no secret
    for _ in range(60_000):
        letters.append(letters[-20] if draw.random() < 0.9 else draw.choice("abcd"))
    (tmp_path / "upload").write_text("".join(letters))
    check(Check(dataset="ds_x", folder=str(tmp_path), format=".txt"))

    def run(memory_length: int):
        model = {"width": 32, "depth": 1, "context": 16, "memory_length": memory_length}
        units = {"learning_rate": 0.01}
        lane = a_lane({"task": "text-generation", "model": model, "units": units, "budget": {"steps": STEPS}})
        [record] = train(record_of(lane.model_copy(update={"dataset": str(tmp_path)})))
        return record

    return run


def test_memory_reaches_beyond_the_window(train_on_echoes):
    """Of 2 bits, four letters being equally likely; the letter of 20 before leaves 0.5. By chance 5 of 20 agree."""
    blind, remembering = train_on_echoes(0), train_on_echoes(24)
    letters = "abcddcbaacbdbadcabca"
    ask = Ask(
        ask="a",
        folder=str(Path(remembering.lane.folder) / "artifacts"),
        inputs=(letters * 2,),
        sampling=Sampling(temperature=0, max_tokens=20),
    )

    assert blind.ended.result.metrics["bits_per_character"] > 1.9
    assert remembering.ended.result.metrics["bits_per_character"] < 1.0
    [echo] = answer(ask).outputs
    assert sum(heard == said for heard, said in zip(echo, letters, strict=True)) >= 16


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"units": {"micro_batch_size": 4}}, "/units/micro_batch_size"),
        ({"batch_schedule": {"name": "ramp"}}, "/batch_schedule/name"),
    ],
)
def test_what_a_memory_cannot_go_with_is_refused(asked, field):
    with pytest.raises(Unsupported) as error:
        resolve(JobSpec.model_validate({**TEXT, **asked}), "cpu")

    assert error.value.fields[0][0] == field
