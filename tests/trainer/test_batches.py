"""Batches: an order that follows from seed and epoch alone."""

from itertools import islice

import pytest
import torch

from unitscale.models.growth import Growth
from unitscale.models.resolution import resolve, training_examples
from unitscale.models.specs import JobSpec
from worker.trainer.data.text import cut_text
from worker.trainer.engine.batches import Batches, GrowingBatches, mix
from worker.trainer.engine.orders import places


def numbers(seeds, size, count=10) -> Batches:
    """Batches of the examples 0, 1, 2, …, of which each is its own target."""
    column = torch.arange(count).float().view(1, count, 1).expand(len(seeds), -1, -1)
    return Batches(column, column, seeds, size)


def seen(batches, first, count) -> list:
    return [inputs.squeeze(-1).tolist() for inputs, _ in islice(batches.start(first), count)]


def test_an_epoch_sees_every_example_once():
    epoch = seen(numbers([3], 4), 1, 3)

    assert [len(batch[0]) for batch in epoch] == [4, 4, 2]
    assert sorted(number for batch in epoch for number in batch[0]) == list(range(10))


COLUMN = torch.arange(10).float().view(1, 10, 1).expand(2, -1, -1)


@pytest.mark.parametrize("epoch_bytes", [1, 40, 100])
def test_an_epoch_gathered_in_pieces_is_the_same(epoch_bytes):
    assert seen(Batches(COLUMN, COLUMN, [3, 4], 3, epoch_bytes), 1, 9) == seen(numbers([3, 4], 3), 1, 9)


@pytest.mark.parametrize("epoch_bytes", [1, 40, 100])
def test_growing_batches_of_a_large_epoch_are_the_same(epoch_bytes):
    growth = Growth(2, 7, 5)

    in_pieces = GrowingBatches(COLUMN, COLUMN, [3, 4], growth, epoch_bytes)

    assert seen(in_pieces, 3, 9) == seen(GrowingBatches(COLUMN, COLUMN, [3, 4], growth), 3, 9)


@pytest.mark.parametrize("first", [1, 2, 5, 8])
def test_an_order_too_long_to_be_stored_is_one_all_the_same(first):
    batches = Batches(COLUMN, COLUMN, [3, 4], 4, epoch_bytes=1, most_stored=5)

    one, other = ([number for batch in seen(batches, 3 * epoch + 1, 3) for number in batch[0]] for epoch in (0, 1))

    assert sorted(one) == sorted(other) == list(range(10))
    assert one != other
    assert seen(batches, first, 9) == seen(batches, 1, first + 8)[first - 1 :]


@pytest.mark.parametrize("count", [1, 2, 3, 255, 256, 257, 5000])
def test_a_computed_order_is_a_permutation_in_parts_and_as_a_whole(count):
    whole = places(count, 7, 0, count)
    parts = torch.cat([places(count, 7, first, min(first + 100, count)) for first in range(0, count, 100)])

    assert sorted(whole.tolist()) == list(range(count))
    assert torch.equal(whole, parts)


def test_computed_orders_are_random():
    count, whole = 2**16, torch.stack([places(2**16, seed, 0, 2**16) for seed in range(8)]).double()
    steps = whole.diff(dim=1).abs().mean(1) / count
    together = torch.corrcoef(torch.cat([whole, torch.arange(count).double().view(1, -1)])) - torch.eye(9).double()

    assert torch.allclose(steps, torch.full_like(steps, 1 / 3), atol=0.01)
    assert together.abs().max() < 0.02


def test_epochs_differ():
    batches = numbers([3], 5)

    assert seen(batches, 1, 2) != seen(batches, 3, 2)


@pytest.mark.parametrize("step", [2, 3, 4, 17])
def test_any_step_can_be_returned_to(step):
    batches = numbers([3, 4], 4)

    assert seen(batches, step, 9) == seen(batches, 1, step + 8)[step - 1 :]


def test_a_lane_sees_what_its_seed_sees_alone():
    together = seen(numbers([3, 4], 4), 1, 6)

    assert [batch[1] for batch in together] == [batch[0] for batch in seen(numbers([4], 4), 1, 6)]


def test_targets_stay_with_their_inputs():
    assert all(torch.equal(inputs, targets) for inputs, targets in islice(numbers([3, 4], 4).start(1), 6))


def test_a_full_batch_is_the_split_as_it_is():
    assert seen(numbers([3], 10), 5, 2) == [[list(range(10))]] * 2


def test_examples_are_counted_with_the_rest():
    batches = numbers([3], 4)

    assert [batches.examples(step) for step in (1, 2, 3, 4)] == [4, 8, 10, 14]


def test_seeds_of_neighbours_do_not_meet():
    assert len({mix(seed, epoch) for seed in range(100) for epoch in range(100)}) == 10_000


def growing(seeds, first, last, steps, count=10) -> GrowingBatches:
    column = torch.arange(count).float().view(1, count, 1).expand(len(seeds), -1, -1)
    return GrowingBatches(column, column, seeds, Growth(first, last, steps))


def test_batches_grow_and_every_epoch_sees_every_example_once():
    batches = seen(growing([3], 1, 4, 3), 1, 8)

    assert [len(batch[0]) for batch in batches] == [1, 2, 3, 4, 4, 4, 4, 4]
    order = [number for batch in batches for number in batch[0]]
    assert sorted(order[:10]) == sorted(order[10:20]) == list(range(10))


@pytest.mark.parametrize("step", [2, 3, 4, 17])
def test_any_step_of_growing_batches_can_be_returned_to(step):
    batches = growing([3, 4], 1, 7, 5)

    assert seen(batches, step, 9) == seen(batches, 1, step + 8)[step - 1 :]


@pytest.mark.parametrize("examples", [1, 3, 4, 10, 11, 55, 1000])
def test_growing_batches_know_when_they_have_seen_enough(examples):
    growth = Growth(1, 7, 5)

    steps = growth.steps(examples)

    assert growth.examples(steps - 1) < examples <= growth.examples(steps)


SHORT = {
    "task": "text-generation",
    "dataset": "grammar",
    "data": {"fraction": 0.012},
    "model": {"width": 16, "depth": 1, "head_size": 8, "context": 16},
}


@pytest.mark.parametrize("batch", [20, 64, 128])
@pytest.mark.parametrize("remembered", [0, 16])
@pytest.mark.parametrize("tokens", [16, 10_000, 40_000])
def test_so_many_tokens_are_seen_as_the_budget_says_however_small_the_rests_of_epochs_are(
    train, batch, remembered, tokens
):
    model = {**SHORT["model"], "memory_length": remembered}
    units = {"batch_size": batch, "learning_rate": 0.01}

    [record] = train({**SHORT, "model": model, "units": units, "budget": {"tokens": tokens}})

    seen_tokens = record.said[-2].examples * 16
    assert tokens <= seen_tokens < tokens + record.lane.spec.units.batch_size * 16


@pytest.mark.parametrize("context", [7, 16, 200])
def test_a_spec_knows_how_many_windows_a_part_of_a_text_has(context):
    text, thousandths = torch.zeros(220_000), range(1, 1001)
    asked = {"task": "text-generation", "dataset": "grammar", "model": {"context": context}}
    specs = [JobSpec.model_validate({**asked, "data": {"fraction": part / 1000}}) for part in thousandths]

    known = [training_examples(resolve(spec, "cpu")) for spec in specs]

    parts = (cut_text(text, 20_000, 20_000, part / 1000, context) for part in thousandths)
    assert known == [len(part.training.inputs) for part in parts]
