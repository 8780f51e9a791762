"""The record of curves, packed: 8 bytes a point, written at an offset so that a repeat is harmless."""

from collections.abc import Sequence
from dataclasses import dataclass

from unitscale.wire.keys import name
from unitscale.wire.store import Store

POINT_BYTES = 8
POINTS_OF_AN_END = 64


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

    async def extents(self, ids: Sequence[str], key: str, *, timed: bool) -> list[tuple[int, int]]:
        """Of each job: the bytes of what `tracks` would bring of this curve, and its first step (0: it has none)."""
        commands = [command for i in ids for command in _extent(i, key)]
        answers = await self._store.read(*commands)
        curves, marks, firsts = answers[0::3], answers[1::3], answers[2::3]
        return [
            (curve + (mark if timed else 0), int.from_bytes(first, "little"))
            for curve, mark, first in zip(curves, marks, firsts, strict=True)
        ]

    async def tracks(self, ids: Sequence[str], key: str, *, timed: bool) -> list[tuple[bytes, bytes, bytes]]:
        """Of each job: the points of this curve, those of its batch size, and, if `timed`, its marks; else none."""
        names = [at for i in ids for at in (name("curve", i, key), name("curve", i, "batch_size"))]
        names += [name("marks", i) for i in ids if timed]
        answers = [answer or b"" for answer in await self._store.read(*(("GET", at) for at in names))]
        curves, marks = answers[: 2 * len(ids)], answers[2 * len(ids) :] or [b""] * len(ids)
        return list(zip(curves[0::2], curves[1::2], marks, strict=True))

    async def ends(self, ids: Sequence[str], key: str) -> list[bytes]:
        """Of each job: the last points of this curve, packed."""
        return await self._store.read(
            *(("GETRANGE", name("curve", i, key), -POINT_BYTES * POINTS_OF_AN_END, -1) for i in ids)
        )

    async def names(self, ids: Sequence[str]) -> set[str]:
        """What curves of these jobs are called."""
        found = await self._store.read(*(("SMEMBERS", name("curves", i)) for i in ids))
        return {key.decode() for keys in found for key in keys}

    async def marks(self, job_id: str) -> bytes:
        """When steps happened: packed `<u4 step, u4 attempt, f8 unix seconds>`, one a second at most."""
        [marks] = await self._store.read(("GET", name("marks", job_id)))
        return marks or b""


def _extent(job_id: str, key: str) -> tuple[tuple[str | int, ...], ...]:
    curve = name("curve", job_id, key)
    return ("STRLEN", curve), ("STRLEN", name("marks", job_id)), ("GETRANGE", curve, 0, 3)


def packed(answer: Sequence[bytes]) -> Packed:
    """What the scripts answer: settled step, state, name, points, …"""
    step, state, *rest = answer
    names = [key.decode() for key in rest[0::2]]
    return Packed(int(step or 0), state.decode(), dict(zip(names, rest[1::2], strict=True)))
