"""Jobs side by side: which fields of their specs differ, what came out, their curves."""

from collections.abc import Sequence
from typing import Any, cast

from app.analysis.points import unpacked
from app.analysis.shown import curve
from unitscale.models.jobs import Job
from unitscale.wire.curves import Packed

POINTS_COMPARED = 200
NO_CURVE: dict[str, Any] = {"step": [], "value": [], "min": None, "max": None, "sampled": False}


def compared(jobs: Sequence[Job], packed: Sequence[Packed]) -> dict[str, Any]:
    """The fields of `Comparison`; lists follow the order of the jobs."""
    return {
        "jobs": [{"id": job.id, "name": job.spec.name, "state": job.state.value} for job in jobs],
        "fields": differing([job.spec.model_dump(mode="json") for job in jobs]),
        "measures": measures(jobs),
        "curves": curves(packed),
    }


def differing(specs: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """The fields that are not the same in all of these, by dotted path."""
    flat = [flattened(spec) for spec in specs]
    table = {path: [spec.get(path) for spec in flat] for path in _paths(flat)}
    return {path: values for path, values in table.items() if any(value != values[0] for value in values)}


def measures(jobs: Sequence[Job]) -> dict[str, list[Any]]:
    """Numbers that any of these jobs has, by dotted path; null for the others."""
    flat = [flattened(job.model_dump(mode="json", include={"result", "timings"})) for job in jobs]
    table = {path: [_number(job.get(path)) for job in flat] for path in _paths(flat)}
    return {path: values for path, values in table.items() if any(value is not None for value in values)}


def curves(packed: Sequence[Packed]) -> dict[str, list[dict[str, Any]]]:
    """Every curve that any of these jobs has; an empty one for the others."""
    of_jobs = [{key: unpacked(data).until(job.settled) for key, data in job.curves.items()} for job in packed]
    keys = sorted({key for of_job in of_jobs for key in of_job})
    return {
        key: [curve(of_job[key], POINTS_COMPARED) if key in of_job else NO_CURVE for of_job in of_jobs] for key in keys
    }


def flattened(value: Any, path: str = "") -> dict[str, Any]:
    """Leaves by dotted path. Lists count as leaves, but for entries that name their format."""
    if isinstance(value, dict) and value:
        inner = cast("dict[str, Any]", value)
        parts = (flattened(part, f"{path}.{key}" if path else key) for key, part in inner.items())
        return {leaf: found for part in parts for leaf, found in part.items()}
    if path.endswith("deployment") and isinstance(value, list):
        entries = cast("list[dict[str, Any]]", value)
        return flattened({str(entry["format"]): entry for entry in entries}, path) if entries else {}
    return {path: value}


def _paths(flat: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(path for entry in flat for path in entry))


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
