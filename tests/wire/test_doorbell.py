"""The doorbell is the message that Celery itself would have sent."""

import json

import pytest
from celery import Celery

from unitscale.wire import doorbell
from unitscale.wire.store import Store

OWN = {"id", "root_id", "correlation_id", "delivery_tag", "origin", "reply_to", "routing_key", "exchange"}


@pytest.fixture
def sent(redis_url):
    """A message of Celery's own, as it lies in the queue."""
    celery = doorbell.configure(Celery("sender", set_as_current=False), redis_url, 5)
    celery.send_task(doorbell.TRAIN, queue="cpu-1")
    with celery.connection_for_read() as connection:
        yield json.loads(connection.default_channel.client.rpop("cpu-1"))
    celery.close()


async def rung(store: Store) -> dict:
    await store.read(("SADD", "queues", "cpu-1"), ("ZADD", "queue:cpu-1", 0, "job"))
    await store.run("ring", doorbell.message(doorbell.TRAIN))
    [bell] = await store.read(("RPOP", "celery:cpu-1"))
    return json.loads(bell)


async def test_a_doorbell_has_every_field_of_celerys_own_message_and_the_same_values(sent, store):
    bell = await rung(store)

    assert comparable(bell) == comparable(sent)


async def test_two_doorbells_have_different_tags(store):
    first, second = await rung(store), await rung(store)

    assert first["properties"]["delivery_tag"] != second["properties"]["delivery_tag"]


def comparable(value):
    """The message with what differs from one to the next replaced by its type."""
    if isinstance(value, dict):
        return {k: type(v).__name__ if k in OWN else comparable(v) for k, v in value.items()}
    return value
