"""Jobs side by side: which fields of their specs differ, what came out, and which came out best."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from app.analysis.directions import better, of_process, unlike
from unitscale.models.campaigns import PREFIXES
from unitscale.models.jobs import Job

MOST_ROWS = 512
"""Fields, and measures, that are told."""
MOST_PATHS = 2048
"""Of which it is looked at whether they differ: a thousand jobs may have 32,000 labels, which come last."""
Rows = dict[str, list[Any]]


def compared(jobs: Sequence[Job], latest: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """The fields of `Comparison` that need no curves; lists follow the order of the jobs."""
    fields, measured = differing([job.spec.model_dump(mode="json") for job in jobs]), measures(jobs)
    alike = fields | circumstances(jobs)
    remarks = [*_left_out("field", fields), *_left_out("measure", measured), *_unlike(alike, measured)]
    fields, measured = _first(fields), _first(measured)
    return {
        "jobs": [_head(job, latest.get(job.id, {})) for job in jobs],
        "total": len(jobs),
        "fields": fields,
        "measures": measured,
        "best": best([job.id for job in jobs], alike, measured, list(map(_process, jobs))),
        "remarks": remarks,
    }


def differing(specs: Sequence[Mapping[str, Any]]) -> Rows:
    """The fields that are not the same in all of these, by dotted path; labels are the last."""
    table = _table([flattened(spec) for spec in specs])
    return {path: values for path, values in table.items() if any(value != values[0] for value in values)}


def measures(jobs: Sequence[Job]) -> Rows:
    """Numbers that any of these jobs has, by dotted path; None for the others."""
    table = _table([flattened(_measured(job)) for job in jobs])
    numbers = {path: [_number(value) for value in values] for path, values in table.items()}
    return {path: values for path, values in numbers.items() if any(value is not None for value in values)}


def circumstances(jobs: Sequence[Job]) -> Rows:
    """On what jobs were trained, and how many at a time in one process."""
    return {
        "hardware": [job.hardware for job in jobs],
        "lanes": [job.fused.lanes if job.fused else 1 for job in jobs],
    }


def best(
    ids: Sequence[str], fields: Rows, measured: Rows, processes: Sequence[object] | None = None
) -> dict[str, dict[str, Any]]:
    """Of each measure with a better end: the jobs that came out best.

    `processes` says which ones trained together: what is measured of the process is the same for all of them.
    """
    found: dict[str, dict[str, Any]] = {}
    for path, values in measured.items():
        if (end := better(path)) is not None:
            measured_of = processes if processes and of_process(path) else ids
            known = [] if unlike(path, values, fields) else _leaders(ids, values, end, measured_of)
            found[path] = {"better": end, "jobs": known}
    return found


def flattened(value: Any, path: str = "") -> dict[str, Any]:
    """Leaves by dotted path. Lists count as leaves, but for entries that name their format; what is empty is none."""
    if isinstance(value, dict):
        inner = cast("dict[str, Any]", value)
        parts = (flattened(part, f"{path}.{key}" if path else key) for key, part in inner.items())
        return {leaf: found for part in parts for leaf, found in part.items()}
    if path == "deployment":
        entries = cast("list[dict[str, Any]]", value)
        return flattened({str(entry["format"]): entry for entry in entries}, path)
    return {path: value}


def _measured(job: Job) -> dict[str, Any]:
    dumped = job.model_dump(mode="json", include={"result", "timings"})
    result: dict[str, Any] = dumped["result"] or {}
    ahead = ("val_loss", "train_loss", "metrics", "test_metrics")
    first = {name: result[name] for name in ahead if name in result}
    return first | dumped["timings"] | {name: value for name, value in result.items() if name not in first}


def _head(job: Job, latest: Mapping[str, float]) -> dict[str, Any]:
    shown = job.model_dump(mode="json", include={"id", "state", "reason", "attempt", "progress", *PREFIXES})
    stopped_by = job.result.stopped_by if job.result else None
    return shown | {"name": job.spec.name, "stopped_by": stopped_by, "latest": dict(latest), **_how(job)}


def _how(job: Job) -> dict[str, Any]:
    return {name: values[0] for name, values in circumstances([job]).items()}


def _table(flat: Sequence[Mapping[str, Any]]) -> Rows:
    """Values by path, None where one has no such path."""
    paths = sorted(dict.fromkeys(path for entry in flat for path in entry), key=lambda path: path.startswith("labels."))
    return {path: [entry.get(path) for entry in flat] for path in paths[:MOST_PATHS]}


def _process(job: Job) -> object:
    """What tells the process that trained a job from others: those that train together are claimed at one moment."""
    if job.fused is None or job.fused.lanes == 1:
        return job.id
    return (job.hardware, job.fused.lanes, job.started_at)


def _leaders(ids: Sequence[str], values: Sequence[float | None], end: str, measured_of: Sequence[object]) -> list[str]:
    """Nobody where all are equal, or what was measured is one thing alone."""
    known = {job: (value, of) for job, value, of in zip(ids, values, measured_of, strict=True) if value is not None}
    found = [value for value, _ in known.values()]
    if len({of for _, of in known.values()}) < 2 or min(found) == max(found):
        return []
    top = min(found) if end == "lower" else max(found)
    winners = {of for value, of in known.values() if value == top}
    return [job for job, (_, of) in known.items() if of in winners]


def _unlike(fields: Rows, measured: Rows) -> Iterable[str]:
    """What keeps measures from being compared, a sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for path, values in measured.items():
        if better(path) and (guilty := unlike(path, values, fields)):
            reasons.setdefault(" and ".join(guilty), []).append(path)
    for guilty, paths in reasons.items():
        yield f"The jobs differ in {guilty}, so none is called best in {', '.join(paths)}."


def _left_out(kind: str, rows: Rows) -> Iterable[str]:
    if len(rows) > MOST_ROWS:
        yield f"There are more than {MOST_ROWS} {kind}s to tell of; these are the first, labels the last."


def _first(rows: Rows) -> Rows:
    return dict(list(rows.items())[:MOST_ROWS])


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
