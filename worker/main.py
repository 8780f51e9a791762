"""The worker's front door: the Celery application and its few handles.

    celery -A worker.main worker -Q cpu-1 -c 2

A message is a doorbell; what to do stands in the record. `worker.node` starts one such worker for each size of slot.
"""

import asyncio
import os
import secrets
import socket
from typing import Any

import structlog
from billiard import current_process
from celery import Celery
from celery.signals import worker_init, worker_process_init, worker_shutting_down

from unitscale.wire import doorbell
from unitscale.wire.attempts import Attempts
from unitscale.wire.blobs import Blobs
from unitscale.wire.campaigns import Campaigns
from unitscale.wire.checks import Checks
from unitscale.wire.curves import PackedCurves
from unitscale.wire.datasets import Datasets
from unitscale.wire.intake import Intake
from unitscale.wire.jobs import Jobs
from unitscale.wire.questions import Questions
from unitscale.wire.rules import Rules
from unitscale.wire.settings import Settings
from unitscale.wire.shelves import shelf_of
from unitscale.wire.slots import cut
from unitscale.wire.store import Store, connect
from unitscale.wire.uploads import Uploads
from unitscale.wire.workers import Workers
from worker.campaigns.advancer import Advancer
from worker.machine.hardware import of_queue
from worker.side.checking import Checker
from worker.side.process import Side, answer_all
from worker.slot.spare import Nursery, Spare
from worker.slot.supervisor import Slot, supervise

settings = Settings.of_environment()
celery = doorbell.configure(Celery("unitscale"), settings.store_url, settings.lease_seconds)
celery.conf.task_queues = [doorbell.queue(name) for name in {doorbell.SIDE, *(s.queue for s in cut(settings.slots))}]
node_id = settings.node or f"{socket.gethostname()}-{secrets.token_hex(4)}"
log = structlog.get_logger()


class Process:
    """What one pool process keeps between doorbells: its event loop, its connection, its spare."""

    runner: asyncio.Runner
    slot: Slot
    side: Side
    leaving: tuple[int, int]


@worker_init.connect
def open_leaving_pipe(**_: Any) -> None:
    """A pipe that every pool process inherits: readable once the worker is to leave, or its main process is gone."""
    Process.leaving = os.pipe()


@worker_shutting_down.connect
def tell_supervisors(**_: Any) -> None:
    """The worker was asked to stop: supervisors checkpoint their jobs and give them back."""
    os.write(Process.leaving[1], b".")


@worker_process_init.connect
def open_slot(**_: Any) -> None:
    """Connect, and begin to warm the spare."""
    os.close(Process.leaving[1])
    Process.runner = asyncio.Runner()
    store = Store(connect(settings.store_url, settings.lease_seconds / 3))
    nursery = Nursery(settings.data_folder / "cache")
    Process.slot = _slot(store, nursery)
    checks = Checks(store, settings.lease_seconds)
    shelf = Process.slot.blobs.shelf
    checker = Checker(checks, Uploads(settings.data_folder, shelf), nursery, settings.lease_seconds)
    Process.side = Side(node_id, Questions(store), shelf, checker, _advancer(store), nursery, Process.leaving[0])
    Process.runner.run(Process.slot.spare.begin())


def _advancer(store: Store) -> Advancer:
    workers = Workers(store)
    jobs = Jobs(store, workers)
    campaigns = Campaigns(store, jobs)
    intake = Intake(jobs, Datasets(store), workers, settings.max_unfinished_jobs, Rules(campaigns))
    return Advancer(campaigns, PackedCurves(store), intake)


def _slot(store: Store, nursery: Nursery) -> Slot:
    slots, shelf = cut(settings.slots), shelf_of(settings)
    place = slots[getattr(current_process(), "index", 0) % len(slots)]
    return Slot(
        worker=node_id,
        devices=place.devices,
        queue=place.queue,
        attempts=Attempts(store, settings.lease_seconds, settings.max_losses, of_queue(place.queue)),
        blobs=Blobs(settings.data_folder, shelf),
        uploads=Uploads(settings.data_folder, shelf),
        spare=Spare(nursery),
        lease_seconds=settings.lease_seconds,
        leaving=Process.leaving[0],
        price_per_device_hour=settings.price_per_device_hour,
    )


@celery.task(name=doorbell.TRAIN)
def train() -> None:
    """Take the best group of jobs there is, and see it through."""
    Process.runner.run(supervise(Process.slot))


@celery.task(name=doorbell.ANSWER)
def answer() -> None:
    """Answer the questions, do the checks and advance the campaigns that wait."""
    Process.runner.run(answer_all(Process.side))
