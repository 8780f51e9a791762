"""Batches: an order that follows from seed and epoch alone."""

from itertools import islice

import pytest
import torch

from unitscale.models.growth import Growth
from worker.trainer.engine.batches import Batches, GrowingBatches, mix


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


@pytest.mark.parametrize("piece_bytes", [1, 40, 100])
def test_an_epoch_gathered_in_pieces_is_the_same(piece_bytes):
    column = torch.arange(10).float().view(1, 10, 1).expand(2, -1, -1)

    assert seen(Batches(column, column, [3, 4], 3, piece_bytes), 1, 9) == seen(numbers([3, 4], 3), 1, 9)


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
