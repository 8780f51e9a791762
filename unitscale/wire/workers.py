"""The record of who is there to train."""

from collections.abc import Sequence

from unitscale.models.jobs import Queue
from unitscale.models.offers import Need, can
from unitscale.models.workers import Slot, Worker
from unitscale.wire.keys import name
from unitscale.wire.store import Store

LIFETIME_SECONDS = 15


class Workers:
    """The nodes, as they last described themselves."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def describe(self, worker: Worker) -> None:
        """Say that this node is there; to be repeated every few seconds."""
        await self._store.run("describe", worker.id, worker.model_dump_json(), LIFETIME_SECONDS)

    async def leave(self, worker_id: str) -> None:
        """Say that this node is gone."""
        await self._store.read(("DEL", name("worker", worker_id)), ("ZREM", name("workers"), worker_id))

    async def present(self) -> list[Worker]:
        """The nodes that were heard of in the last 15 seconds, by id."""
        [ids] = await self._store.read(("ZRANGE", name("workers"), 0, -1))
        documents = await self._store.read(*(("GET", name("worker", i.decode())) for i in sorted(ids)))
        return [Worker.model_validate_json(document) for document in documents if document]

    async def with_jobs(self, project: str) -> list[Worker]:
        """The same, each slot with the jobs of this project that it trains; others' do not exist for it."""
        workers = await self.present()
        [ids] = await self._store.read(("ZRANGE", name("leases"), 0, -1))
        places = await self._store.read(*(("HMGET", name("job", i.decode()), "worker", "slot", "project") for i in ids))
        held: dict[tuple[str, str], list[str]] = {}
        for job_id, (worker, slot, owner) in zip(ids, places, strict=True):
            if (owner or b"").decode() == project:
                held.setdefault(((worker or b"").decode(), (slot or b"").decode()), []).append(job_id.decode())
        return [_busy(worker, held) for worker in workers]


def waits_for(queue: str, position: int, workers: Sequence[Worker], needs: Sequence[Need] = ()) -> Queue:
    """A queued job's place, and why it is not running: turns and slots are told apart from what will never come."""
    device, devices = queue.rsplit("-", 1)
    there = [worker for worker in workers if any(slot.queue == queue for slot in worker.slots)]
    slots = [slot for w in there if can(w.abilities, needs) for slot in w.slots if slot.queue == queue]
    if not workers:
        why = "No worker is connected; the job starts when one connects (`unitscale worker`)."
    elif not there:
        slot = ",".join(f"{device}:{number}" for number in range(int(devices)))
        why = (
            f"No connected worker has a slot of {devices} {device} device(s); "
            f"the job starts when one connects (`unitscale worker --slots {slot}`)."
        )
    elif not slots:
        names = ", ".join(name for _, name in needs)
        why = f"No connected worker of queue {queue} can do what it needs ({names}); the job starts when one can."
    elif position:
        why = f"{position} job(s) ahead of it for {len(slots)} slot(s)."
    else:
        why = f"It is next for {len(slots)} slot(s)."
    return Queue(position=position, why=why)


def _busy(worker: Worker, held: dict[tuple[str, str], list[str]]) -> Worker:
    slots = [
        Slot.model_validate(slot.model_dump() | {"jobs": held.get((worker.id, ",".join(slot.devices)), [])})
        for slot in worker.slots
    ]
    return worker.model_copy(update={"slots": tuple(slots)})
