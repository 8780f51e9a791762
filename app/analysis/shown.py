"""Curves as the API shows them: whole up to the last step, sampled where there are more points than asked for."""

from typing import Any

from app.analysis.downsampling import downsampled
from app.analysis.points import Points, unpacked
from unitscale.models.jobs import ENDED
from unitscale.wire.curves import Packed


def shown(packed: Packed, after_step: int, most: int | None) -> dict[str, Any]:
    """The fields of `Curves`. Points beyond the settled step may be part of a write that is going on: they wait."""
    settled = {key: unpacked(data).until(packed.settled) for key, data in sorted(packed.curves.items())}
    return {
        "curves": {key: curve(points, most) for key, points in settled.items()},
        "last_step": max(after_step, packed.settled),
        "ended": packed.state in ENDED,
    }


def curve(points: Points, most: int | None) -> dict[str, Any]:
    """The fields of `Curve`."""
    if most is None or len(points) <= most:
        whole = {"step": points.steps(), "value": points.values()}
        return whole | {"min": None, "max": None, "sampled": False}
    kept = downsampled(points, most)
    return {"step": kept.step, "value": kept.value, "min": kept.min, "max": kept.max, "sampled": True}
