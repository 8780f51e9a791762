"""The saver: writes checkpoints beside the training loop and tells of each once it is durable."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from worker.pipe import Saved
from worker.trainer.engine import checkpoints
from worker.trainer.engine.checkpoints import Snapshot
from worker.trainer.process.channel import Channel
from worker.trainer.runs.run import Run


class Saver:
    """One thread that copies, then writes, while training goes on: only weights must not change before their copy."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pool = ThreadPoolExecutor(1)
        self._writing: list[Future[None]] = []

    @property
    def busy(self) -> bool:
        return not all(writing.done() for writing in self._writing)

    def save(self, copies: Sequence[tuple[Run, Callable[[], Snapshot]]]) -> list[Future[Snapshot]]:
        """Have checkpoints written, and told of; their copies are to come. Raises what went wrong with those before."""
        self.wait()
        copying = [self._pool.submit(copied) for _, copied in copies]
        self._writing = [
            self._pool.submit(self._write, run, copy) for (run, _), copy in zip(copies, copying, strict=True)
        ]
        return copying

    def wait(self) -> None:
        """Return once everything is written. Raises what went wrong in writing."""
        for writing in self._writing:
            writing.result()

    def _write(self, run: Run, copying: Future[Snapshot]) -> None:
        snapshot = copying.result()
        facts: Mapping = snapshot.facts
        folder = checkpoints.name(facts["step"])
        size = checkpoints.write(run.folder / folder, snapshot)
        told = ("step", "points", "training_seconds", "evaluation_seconds", "examples")
        self._channel.send(Saved(job=run.lane.job, folder=folder, bytes=size, **{key: facts[key] for key in told}))
