"""Batch sizes by the noise scale: what memory leaves of them."""

import pytest

from worker.trainer.tuning.batch_sizes import bounded

TEXT = {
    "task": "text-generation",
    "dataset": "grammar",
    "model": {"width": 64, "depth": 2, "head_size": 16, "context": 64},
    "budget": {"steps": 1000},
}
NOISE = 4096.0


@pytest.fixture
def batch(a_lane):
    """The batch that a noise scale of 4096 examples comes to, with so much memory."""

    def of(spec, memory_bytes):
        resolved = a_lane({**TEXT, **spec}).spec
        return bounded(resolved, None, NOISE, memory_bytes)

    return of


def test_memory_bounds_the_batch_and_is_named(batch):
    plenty, scarce = batch({}, 2**40), batch({}, 2**28)

    assert scarce.value < plenty.value
    assert "bounded by memory" in scarce.why
    assert "bounded by memory" not in plenty.why


def test_half_the_memory_is_room_for_half_the_batch(batch):
    assert batch({}, 2**28).value == 2 * batch({}, 2**27).value


def test_a_batch_in_parts_is_not_bounded_by_memory(batch):
    assert "memory" not in batch({"units": {"micro_batch_size": 4}}, 2**20).why


def test_logits_of_a_large_vocabulary_count(batch):
    few = batch({}, 2**30)
    many = batch({"data": {"tokenizer": "bpe", "vocabulary": 32_000}}, 2**30)

    assert many.value <= few.value / 16


def test_attention_in_a_long_context_counts_by_its_square(batch):
    """Sixteen times the context is more than sixteen times the memory."""
    short = batch({}, 2**30)
    long = batch({"model": {**TEXT["model"], "context": 1024}}, 2**30)

    assert long.value <= short.value / 32
