"""Lists of things as tables."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from unitscale.cli import wording
from unitscale.cli.columns import Fitted, Hyphenated, bare_table, told

if TYPE_CHECKING:
    from unitscale.models.catalog import Catalog, CatalogDataset, CatalogModel
    from unitscale.models.datasets import Dataset
    from unitscale.models.jobs import Artifact, Deployment, Job
    from unitscale.models.keys import Key
    from unitscale.models.workers import Worker


SUM_DIGITS = 16


def state(name: str, note: str | None = None) -> Text:
    """A state in its colour."""
    return Text(f"{name} ({note})" if note else name, style=wording.STYLES.get(name, ""))


def standing(job: "Job") -> Text:
    """A job's state, with why it failed, or what was asked for and has not happened yet."""
    return state(job.state, f"{job.wish} asked" if job.wish else job.reason.code if job.reason else None)


def jobs(listed: "Iterable[Job]", now: datetime) -> Fitted:
    """One line a job."""
    rows = list(listed)
    columns = [
        told("id", (job.id for job in rows)),
        told("name", (job.spec.name or "" for job in rows), least=10),
        told("task", (job.spec.task for job in rows)),
        told("state", map(standing, rows)),
        told("step", (f"{job.progress.step}/{wording.number(job.progress.steps)}" for job in rows), right=True),
        told("val_loss", (job.result.val_loss if job.result else None for job in rows), right=True),
        told("age", (wording.age(job.created_at, now) for job in rows), right=True),
    ]
    by_title = {column.title: column for column in columns}
    wanted = [by_title[title] for title in ("id", "state", "step", "name", "val_loss", "age", "task")]
    return Fitted(columns, wanted, "`unitscale show ID` has everything")


def deployment(measured: "Sequence[Deployment]") -> Table:
    """A column a format: what it takes, its speed over the first one's, and what it is still worth."""
    forms = [dict(_cost(form, measured[0])) for form in measured]
    table = _table("", *(form.format for form in measured), right={form.format for form in measured})
    for name in forms[0]:
        if any(form[name] != wording.number(None) for form in forms):
            table.add_row(Text(name, style="dim"), *(form[name] for form in forms))
    return table


def _cost(form: "Deployment", first: "Deployment") -> "Iterable[tuple[str, str]]":
    faster = None
    if form.examples_per_second and first.examples_per_second:
        faster = form.examples_per_second / first.examples_per_second
    latency, memory = form.latency_ms, form.peak_memory_bytes
    yield "file", wording.size(form.bytes)
    yield "p50 ms", wording.number(latency.p50 if latency else None)
    yield "p95 ms", wording.number(latency.p95 if latency else None)
    yield "examples/s", wording.number(form.examples_per_second)
    yield "faster", wording.number(None) if faster is None else f"{faster:.2f}×"
    yield "first token ms", wording.number(form.first_token_ms)
    yield "tokens/s", wording.number(form.decode_tokens_per_second)
    yield "memory", wording.number(None) if memory is None else wording.size(memory)
    yield "price of a million", wording.number(form.price_per_million)
    for name in first.metrics:
        yield name, wording.number(form.metrics.get(name))


def workers(listed: "Iterable[Worker]", now: datetime) -> Table:
    """One line a slot."""
    table = _table("worker", "hardware", "slot", "queue", "jobs", "seen", "version")
    for worker in listed:
        for slot in worker.slots:
            devices, busy = ",".join(slot.devices), "\n".join(slot.jobs) or "free"
            seen = wording.age(worker.seen_at, now)
            table.add_row(worker.id, worker.hardware, devices, slot.queue, busy, seen, worker.version)
    return table


def catalog(offered: "Catalog") -> list[Table]:
    """Tasks, data sets, models, and the words that the other fields take."""
    tasks = _worded_table("task", "data sets", "models", "metrics")
    for task in offered.tasks:
        _add(tasks, task.name, ", ".join(task.datasets), ", ".join(task.models), ", ".join(task.metrics))
    datasets = _worded_table("data set", "task", "examples", "what it is", right={"examples"})
    for dataset in offered.datasets:
        examples = str(dataset.training_examples or f"{dataset.training_tokens} tokens")
        _add(datasets, dataset.name, dataset.task, examples, _with_origin(dataset))
    models = _worded_table("model", "sizes (default)", "what it is")
    for model in offered.models:
        _add(models, model.kind, wording.phrase(model.sizes), _with_origin(model))
    words = _worded_table("field", "choices")
    for field in ("optimizers", "schedules", "precisions", "parametrizations", "devices"):
        _add(words, field, ", ".join(getattr(offered, field)))
    return [tasks, datasets, models, words]


def _worded_table(*columns: str, right: Collection[str] = ()) -> Table:
    """A table none of whose words is cut."""
    table = bare_table()
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    return table


def _add(table: Table, *cells: str) -> None:
    table.add_row(*map(Hyphenated, cells))


def _with_origin(entry: "CatalogDataset | CatalogModel") -> str:
    """What it is, the package that brings it, and, of a data set that no worker has, the command that brings it."""
    missing = getattr(entry, "available", None) is False
    brought = getattr(entry, "brought_by", None)
    notes = [f"from {entry.package}"] if entry.package else []
    notes += [f"missing: `{brought}` brings it" if brought else "missing"] if missing else []
    return f"{entry.content} ({'; '.join(notes)})" if notes else entry.content


def datasets(listed: "Iterable[Dataset]", now: datetime) -> Fitted:
    """One line a data set."""
    rows = list(listed)
    columns = [
        told("id", (each.id for each in rows)),
        told("name", (each.name for each in rows), least=10),
        told("task", (each.task for each in rows)),
        told("state", (state(each.state) for each in rows)),
        told("rows", (each.rows for each in rows), right=True),
        told("size", (wording.size(each.bytes) for each in rows), right=True),
        told("age", (wording.age(each.created_at, now) for each in rows), right=True),
    ]
    by_title = {column.title: column for column in columns}
    wanted = [by_title[title] for title in ("id", "state", "name", "rows", "task", "age", "size")]
    return Fitted(columns, wanted, "`unitscale data show ID` has everything")


def dataset(shown: "Dataset", now: datetime) -> Table:
    """Everything about one data set."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("data set", Text.assemble((shown.id, "bold"), f"  {shown.name}"))
    table.add_row("state", state(shown.state))
    if shown.reason:
        table.add_row("reason", shown.reason.message)
    table.add_row("task", shown.task)
    table.add_row("file", f"{wording.size(shown.bytes)}, sha256 {shown.sha256}")
    for name, value in _contents(shown):
        table.add_row(name, value)
    table.add_row("created", f"{shown.created_at:%Y-%m-%d %H:%M:%S} UTC, {wording.age(shown.created_at, now)} ago")
    return table


def _contents(shown: "Dataset") -> "Iterable[tuple[str, str]]":
    """What the check found, as far as data sets of this kind have it."""
    if (held := shown.contents) is None:
        return
    yield "rows", f"{held.rows} ({wording.phrase(held.splits.model_dump())})"
    for name, words in (("shape", held.shape), ("columns", held.columns), ("classes", held.classes)):
        if words:
            yield name, ", ".join(map(str, words))
    if held.target is not None:
        yield "target", held.target
    if held.characters is not None:
        yield "characters", str(held.characters)


def keys(listed: "Iterable[Key]", now: datetime) -> Table:
    """One line a key; secrets are not kept."""
    table = _table("id", "project", "scopes", "age")
    for key in listed:
        table.add_row(key.id, key.project, ", ".join(key.scopes), wording.age(key.created_at, now))
    return table


def artifacts(listed: "Iterable[Artifact]") -> Table:
    """One line a file, with the beginning of its sum."""
    table = _table("name", "size", "sha256", right={"size"})
    for artifact in listed:
        table.add_row(artifact.name, wording.size(artifact.bytes), f"{artifact.sha256[:SUM_DIGITS]}…")
    return table


def _table(*columns: str, right: Collection[str] = ()) -> Table:
    table = bare_table()
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", no_wrap=column == "id", overflow="fold"
        )
    return table
