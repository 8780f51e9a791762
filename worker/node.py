"""A node: one Celery worker for each size of slot, one for the side queue, and the reaper.

python -m worker.node
"""

import asyncio
import contextlib
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby

from unitscale import __version__
from unitscale.errors import StoreAway
from unitscale.models.workers import Abilities, Slot, Worker
from unitscale.wire.children import Child, Children
from unitscale.wire.doorbell import SIDE
from unitscale.wire.logging import configure
from unitscale.wire.reaper import Reaper
from unitscale.wire.settings import Settings
from unitscale.wire.slots import cut
from unitscale.wire.store import Store, connect
from unitscale.wire.workers import Workers
from worker.machine.hardware import of_queue, processor
from worker.machine.library import stock
from worker.machine.survey import Survey

GRACE_SECONDS = 35.0
DESCRIBE_SECONDS = 3.0
QUIET = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}
"""In a container root is who one is; the warning would stand in every log."""


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; then let supervisors give their jobs back, and go."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    slots = cut(settings.slots)
    node_id = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    children = Children(GRACE_SECONDS)
    store = Store(connect(settings.store_url, settings.lease_seconds / 3))
    await asyncio.to_thread(stock, settings.library_dir, settings.data_folder / "cache")
    survey = Survey(settings.data_folder / "cache", [device for slot in slots for device in slot.devices])
    priced = settings.price_per_device_hour is not None
    duties = [
        asyncio.create_task(survey.run()),
        asyncio.create_task(_describe(Workers(store), node_id, slots, survey, priced=priced)),
        asyncio.create_task(Reaper(store, settings.lease_seconds, settings.max_losses).run()),
    ]
    for child in _celery_workers(node_id, slots):
        await children.start(child)
    await stop.wait()
    await children.stop()
    for duty in duties:
        duty.cancel()
    with contextlib.suppress(StoreAway):
        await Workers(store).leave(node_id)
    await store.redis.aclose()


def _celery_workers(node_id: str, slots: Sequence[Slot]) -> list[Child]:
    by_queue = groupby(sorted(slots, key=lambda slot: slot.queue), key=lambda slot: slot.queue)
    workers = [_celery_worker(node_id, queue, list(members)) for queue, members in by_queue]
    return [*workers, _celery_worker(node_id, SIDE, slots[:1])]


def _celery_worker(node_id: str, queue: str, slots: Sequence[Slot]) -> Child:
    command = [sys.executable, "-m", "celery", "-q", "-A", "worker.main", "worker", "-Q", queue, "-c", str(len(slots))]
    options = ["-n", f"{queue}.{node_id}@%h", "--without-gossip", "--without-mingle", "-l", "WARNING"]
    devices = ";".join(",".join(slot.devices) for slot in slots)
    return Child(queue, command + options, {"UNITSCALE_NODE": node_id, "UNITSCALE_SLOTS": devices} | QUIET)


async def _describe(workers: Workers, node_id: str, slots: Sequence[Slot], survey: Survey, *, priced: bool) -> None:
    started = datetime.now(UTC)
    while True:
        worker = Worker(
            id=node_id,
            started_at=started,
            seen_at=datetime.now(UTC),
            hardware=processor(),
            device="cuda" if slots[0].devices[0].startswith("cuda") else "cpu",
            slots=tuple(slots),
            version=__version__,
            abilities=_abilities(survey, slots, priced=priced),
        )
        with contextlib.suppress(StoreAway):
            await workers.describe(worker)
        await asyncio.sleep(DESCRIBE_SECONDS)


def _abilities(survey: Survey, slots: Sequence[Slot], *, priced: bool) -> Abilities | None:
    """What its trainers say, and what is known without them."""
    hardware, measures = dict.fromkeys(of_queue(slot.queue) for slot in slots), ("price",) if priced else ()
    also = {"hardware": tuple(hardware), "measures": measures}
    return survey.abilities and survey.abilities.model_copy(update=also)


def main() -> None:
    """Start a node with the settings of the environment."""
    settings = Settings.of_environment()
    configure(settings.log_level)
    asyncio.run(run(settings))


if __name__ == "__main__":
    main()
