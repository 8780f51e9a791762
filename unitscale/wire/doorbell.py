"""Celery queue names, and the one message there is.

A message is a doorbell: it wakes a worker on a queue, and the worker asks the record what to do. Celery and kombu
encode it here once; scripts push it themselves, in the same step that queues the job (`apply_async` costs 320 µs and
can block for 19 s when Redis hangs).
"""

# pyright: basic, reportMissingTypeStubs=false

from functools import cache
from typing import Any

from celery import Celery
from kombu.entity import Exchange, Queue
from kombu.transport.virtual.base import Base64
from kombu.utils.json import dumps

from unitscale.wire import keys

TRAIN = "unitscale.train"
ANSWER = "unitscale.answer"
SIDE = "side"


def queue_name(device: str, devices: int) -> str:
    """The queue of slots of this size: `cpu-1`, `cuda-2`."""
    return f"{device}-{devices}"


def configure(celery: Celery, broker: str, timeout_seconds: float) -> Celery:
    """Set what this service needs of Celery: doorbells are taken one at a time and forgotten at once."""
    celery.conf.update(
        broker_url=broker.replace("unix://", "redis+socket://", 1),
        broker_transport_options={
            "global_keyprefix": keys.CELERY_PREFIX,
            "socket_connect_timeout": 2,
            "socket_timeout": max(timeout_seconds, 5.0),
        },
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        result_backend=None,
        task_ignore_result=True,
        task_acks_late=False,
        accept_content=["json"],
        task_serializer="json",
        task_default_queue=SIDE,
        task_create_missing_queues=True,
        worker_disable_prefetch=True,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,  # who watches turns them on (Flower does); they hold each doorbell up
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_proc_alive_timeout=30,
    )
    return celery


def queue(name: str) -> Queue:
    """A queue as workers take from it: unacknowledged. A doorbell may be lost, and to keep account costs a job 1 ms."""
    return Queue(name, Exchange(name), name, no_ack=True)


@cache
def message(task: str) -> bytes:
    """An encoded Celery message for this task, with `@queue@` and `@tag@` where scripts put their own."""
    amqp: Any = Celery("doorbell", set_as_current=False).amqp
    sent: Any = amqp.as_task_v2("@tag@", task, args=(), kwargs={}, ignore_result=None)
    envelope: dict[str, Any] = {
        "body": Base64().encode(dumps(sent.body)),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": sent.headers | {"origin": "unitscale"},
        "properties": sent.properties
        | {
            "delivery_mode": 2,
            "delivery_info": {"exchange": "", "routing_key": "@queue@"},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": "@tag@",
        },
    }
    return dumps(envelope).encode()
