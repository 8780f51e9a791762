"""One job of a group, from its claim to its end, as the supervisor sees it."""

import asyncio
import base64
import contextlib
import time
from asyncio import to_thread
from functools import partial
from typing import Any

import structlog

from unitscale.errors import StoreAway
from unitscale.models.datasets import is_uploaded
from unitscale.models.jobs import Fused, Reason, Result, Wish
from unitscale.wire.attempts import Advance, Attempts, Claimed, Stretch
from unitscale.wire.blobs import Blobs
from unitscale.wire.uploads import Uploads
from worker.pipe import PREPARED, Ended, Grouped, Lane, Points, Resume, Saved, Settled, Started, Stop, Stopped
from worker.slot.journal import Journal
from worker.slot.outbox import RETRY_SECONDS, Outbox
from worker.slot.shipping import Shipping

OUT_OF_MEMORY_TRIES = 2

log = structlog.get_logger()


class JobLane:
    """Turns what a trainer says of one job into writes to the record, and wishes into orders to the trainer.

    Sets `news` when there is something to do: an order to send, or a lane that is over.
    """

    def __init__(
        self, job: Claimed, attempts: Attempts, blobs: Blobs, uploads: Uploads, news: asyncio.Event, slot: str
    ) -> None:
        self.job = job
        self._attempts = attempts
        self._blobs = blobs
        self._uploads = uploads
        self._steps = 0
        self._published: set[str] = set()
        self.stop: Stop | None = None
        """What the trainer was, or is to be, told; asked for at `stop_asked_at`."""
        self.stop_asked_at = 0.0
        self._news = news
        self.over = False
        self._outbox = Outbox(self.wish, self.lose_lease)
        self._shipping = Shipping(blobs, self._outbox)
        self._journal = Journal(job.attempt, slot)

    @property
    def held(self) -> bool:
        """Whether the lease is needed: until the last file is sent."""
        return not self.over or self._shipping.busy

    async def bring(self) -> bool:
        """Have on this machine what the attempt starts from; an outage is waited out. False when it is called off."""
        while not self.over and self.stop is None:
            if not self._blobs.shelf.elsewhere:
                return True
            try:
                await to_thread(self.order)
            except StoreAway:
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return not self.over and self.stop is None
        return False

    def order(self) -> Lane:
        """What the trainer needs to know of this job. Raises FilesAway."""
        return Lane(
            job=self.job.id,
            attempt=self.job.attempt,
            spec=self.job.spec,
            folder=str(self._blobs.working(self._name())),
            resume=self._resume(),
            dataset=self._dataset(),
            origin=self._origin(),
        )

    def _origin(self) -> str | None:
        origin = self.job.origin
        return self._brought(self._blobs.attempt(origin.job, origin.attempt), origin.folder) if origin else None

    def _brought(self, attempt: str, folder: str) -> str:
        return str(self._blobs.shelf.bring(f"{attempt}/{folder}"))

    def _name(self) -> str:
        return self._blobs.attempt(self.job.id, self.job.attempt)

    def _dataset(self) -> str | None:
        name = self.job.spec.dataset
        if not is_uploaded(name):
            return None
        return str(self._uploads.bring_prepared(str(name), PREPARED))

    def _resume(self) -> Resume | None:
        pointer = self.job.checkpoint
        if pointer is None:
            return None
        folder = self._brought(self._blobs.attempt(self.job.id, pointer["attempt"]), pointer["folder"])
        return Resume(step=pointer["step"], folder=folder)

    def wish(self, wish: str | None) -> None:
        """Do as the caller, or the leaving worker, asks; to cancel outdoes the others."""
        if wish not in ("pause", "cancel", "leave") or self.over:
            return
        if self.stop is None or (wish == "cancel" and self.stop.why != "cancel"):
            self.stop = Stop(job=self.job.id, why=wish)
            self.stop_asked_at = time.monotonic()
            self._news.set()

    def take(self, message: Any, beside: bool = False) -> None:
        """Put down what the trainer says of this job. `beside`: others of its process train on."""
        if self.over:
            return
        if lines := self._journal.lines(message):
            self.write_log(lines)
        match message:
            case Settled():
                self._outbox.put(partial(self._attempts.tune, self.job, message.spec, message.steps, message.tuned))
            case Started():
                self._steps = message.steps
                self._outbox.put(partial(self._attempts.advance, self.job, self._start(), []))
            case Points():
                self._outbox.put(partial(self._attempts.advance, self.job, self._advance(message), _stretches(message)))
            case Saved():
                name = f"{self._name()}/{message.folder}"
                self._shipping.checkpoint(name, partial(self._publish, self._pointer(message)))
            case _:
                self._take_end(message, beside)

    def _take_end(self, message: Any, beside: bool) -> None:
        match message:
            case Grouped():
                self._group(message)
            case Ended():
                self._take_result(message)
            case Stopped(why="pause" | "leave"):
                self._end_shipped(partial(self._attempts.release, self.job))
            case Stopped(why="cancel") if beside:
                self._end(partial(self._attempts.cancelled, self.job))
            case _:  # a job cancelled last has ended once its process is gone: only then is it really off the device
                pass

    def _group(self, grouped: Grouped) -> None:
        cost = grouped.finding.cost if grouped.finding else None
        fused = Fused(lanes=grouped.lanes, why=grouped.why, cost=cost)
        write = partial(self._attempts.group, self.job, fused, grouped.trains, grouped.finding)
        if grouped.trains:
            self._outbox.put(write)
        else:
            self._end_shipped(write)

    def _take_result(self, ended: Ended) -> None:
        if ended.result is not None:
            artifacts = self._blobs.artifacts(self.job.id, self.job.attempt)
            self._end_shipped(partial(self._succeed, ended, ended.result), artifacts)
        elif ended.reason is not None and ended.reason.code == "out_of_memory":
            self._end(partial(self._attempts.lose, self.job, ended.reason, OUT_OF_MEMORY_TRIES))
        elif ended.reason is not None:
            self._end(partial(self._attempts.fail, self.job, ended.reason))

    def write_log(self, lines: list[str]) -> None:
        """Keep lines of the job's log."""
        self._outbox.put(partial(self._attempts.log, self.job, lines))

    def trainer_gone(self, reason: Reason) -> None:
        """The trainer is dead. What it left open ends by its wish, or counts as a loss."""
        if self.over:
            return
        if self.stop is None or self.stop.why != "cancel":
            self.write_log([reason.message])
        if self.stop is not None and self.stop.why == "cancel":
            self._end(partial(self._attempts.cancelled, self.job))
        elif self.stop is not None:
            self._end_shipped(partial(self._attempts.release, self.job))
        else:
            self._end_shipped(partial(self._attempts.lose, self.job, reason))

    async def send(self) -> None:
        """Be there while writes and files are sent. Raises what no retry can mend."""
        await asyncio.gather(self._outbox.send(), self._shipping.send())

    async def close(self) -> None:
        """Wait until the record has everything this lane wrote, or its lease is lost."""
        try:
            await self._shipping.sent()
            await self._outbox.sent()
        finally:
            await self._outbox.close()
        if self._blobs.shelf.elsewhere:
            await to_thread(self._blobs.shelf.clear, self._name())

    async def _publish(self, pointer: dict[str, Any]) -> Wish | None:
        wish = await self._attempts.publish(self.job, pointer)
        self._published.add(pointer["folder"])
        await self._drop_unkept()
        return wish

    async def _succeed(self, ended: Ended, result: Result) -> None:
        await self._attempts.succeed(self.job, result, ended.artifacts)
        await self._drop_unkept()

    async def _drop_unkept(self) -> None:
        """Checkpoints that nothing points to have nothing left to give, nor have attempts without one."""
        with contextlib.suppress(StoreAway):  # they go with the next checkpoint; points do not wait for that
            kept = await self._attempts.kept(self.job)
            own = {folder for attempt, folder in kept if attempt == self.job.attempt}
            for folder in self._published - own:
                await to_thread(self._blobs.drop_checkpoint, self.job.id, self.job.attempt, folder)
            self._published &= own
            await to_thread(self._blobs.keep_only, self.job.id, {self.job.attempt, *(attempt for attempt, _ in kept)})

    def _end(self, write: Any) -> None:
        """What ends the job without its files does not wait for them."""
        self.over = True
        self._shipping.stop()
        self._outbox.put(write)
        self._news.set()

    def _end_shipped(self, write: Any, files: str | None = None) -> None:
        self.over = True
        self._shipping.last(files, write)
        self._news.set()

    def lose_lease(self) -> None:
        """A newer attempt holds the job: nothing more of this one counts."""
        if self.held:
            log.warning("a newer attempt holds the job; this one's writes are refused", job=self.job.id)
        self.over = True
        self._shipping.stop()
        self._news.set()

    def _start(self) -> Advance:
        """Where this attempt starts: the record learns of the first step at once, and of its points soon after."""
        before = self.job.checkpoint or {}
        seconds = before.get("training_seconds", 0.0), before.get("evaluation_seconds", 0.0)
        return Advance(before.get("step", self.job.spec.after), self._steps, *seconds, before.get("examples", 0))

    def _advance(self, points: Points) -> Advance:
        return Advance(points.step, points.steps, points.training_seconds, points.evaluation_seconds, points.examples)

    def _pointer(self, saved: Saved) -> dict[str, Any]:
        return saved.model_dump(exclude={"say", "job"}) | {"attempt": self.job.attempt}


def _stretches(points: Points) -> list[Stretch]:
    return [Stretch(key, s.offset, base64.b64decode(s.data)) for key, s in points.curves.items()]
