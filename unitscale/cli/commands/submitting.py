"""`submit`: from a spec to a job, and to its end if asked."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from unitscale.cli import job_page, live, printing, wording
from unitscale.cli.connection import connect, connection
from unitscale.cli.options import AsJson
from unitscale.cli.specs import spec_of

if TYPE_CHECKING:
    from unitscale.models.jobs import DryRun

Source = Annotated[str | None, typer.Argument(metavar="SPEC", help="YAML, TOML or JSON file; - reads stdin.")]
Overrides = Annotated[
    list[str] | None, typer.Option("--override", "-o", metavar="PATH=VALUE", help="Override a field of the spec.")
]
Wait = Annotated[bool, typer.Option("--wait", "-w", help="Watch the job until it has ended, then print its result.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Show the spec with every default filled in; store nothing.")]
Key = Annotated[str | None, typer.Option(help="Submitting twice with the same key is one job; made up if not given.")]


def submit(
    ctx: typer.Context,
    source: Source = None,
    override: Overrides = None,
    wait: Wait = False,
    dry_run: Dry = False,
    idempotency_key: Key = None,
    as_json: AsJson = False,
) -> None:
    """Submit a training job; prints its id and returns at once.

    Only the task is required:

        unitscale submit -o task=regression -o units.learning_rate=0.1

        unitscale submit spec.yaml -o units.learning_rate=3e-3 --wait

    A spec, with some of its fields (`unitscale catalog` lists the words they take):

        task: image-classification
        model: {kind: convnet, channels: 32}
        units: {learning_rate: 0.003, batch_size: 64}
        optimizer: {name: adamw, weight_decay: 0.01}
        budget: {epochs: 20}
    """
    spec = spec_of(source, override or ())
    with connect(ctx) as client:
        if dry_run:
            return _resolved(client.dry_run(spec), as_json)
        job = client.submit(spec, idempotency_key)
        if wait:
            job = live.watch(client, connection(ctx), job)
            curves = client.curves(job.id, job_page.DRAWN, max_points=job_page.DRAWN_POINTS)
            printing.document(job, as_json, lambda: job_page.page(job, curves, datetime.now(UTC)))
            return live.ending(job)
    printing.write(job.model_dump_json(indent=2) if as_json else job.id)
    if job.queue:
        printing.say(f"Queue: {job.queue.why}")
    printing.say(f"Follow it:  {connection(ctx).command(f'watch {job.id}')}")
    return None


def _resolved(answer: "DryRun", as_json: bool) -> None:
    if as_json:
        return printing.write_json(answer)
    steps, examples = map(wording.number, (answer.estimate.steps, answer.estimate.examples))
    printing.write(yaml.safe_dump(answer.spec.model_dump(mode="json", exclude_none=True), sort_keys=False))
    printing.say(f"It would take {steps} steps on {examples} training examples. Queue: {answer.estimate.queue.why}")
    if answer.estimate.tuning:
        printing.say(answer.estimate.tuning)
    return None
