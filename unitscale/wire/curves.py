"""The record of curves, packed: 8 bytes a point, written at an offset so that a repeat is harmless."""

from collections.abc import Sequence
from dataclasses import dataclass

from unitscale.wire.keys import name
from unitscale.wire.store import Store


@dataclass(frozen=True)
class Packed:
    """Points as they are stored, `<u4 step, f4 value>`: whole up to the step `settled`, more may follow beyond it."""

    settled: int
    state: str
    curves: dict[str, bytes]


class PackedCurves:
    """Reads a job's curves."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self, job_id: str, only: Sequence[str] = (), after_step: int = 0) -> Packed:
        """The points after a step of these curves (none named: all), as they stood at one moment."""
        return packed(await self._store.run("curves", job_id, after_step, *only))

    async def marks(self, job_id: str) -> bytes:
        """When steps happened: packed `<u4 step, u4 attempt, f8 unix seconds>`, one a second at most."""
        [marks] = await self._store.read(("GET", name("marks", job_id)))
        return marks or b""


def packed(answer: Sequence[bytes]) -> Packed:
    """What the scripts answer: settled step, state, name, points, …"""
    step, state, *rest = answer
    names = [key.decode() for key in rest[0::2]]
    return Packed(int(step or 0), state.decode(), dict(zip(names, rest[1::2], strict=True)))
