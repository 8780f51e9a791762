"""`advise`: units of training for a spec, with reasons."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from unitscale.cli import advice_page, printing
from unitscale.cli.commands.submitting import Overrides, Source
from unitscale.cli.connection import connect
from unitscale.cli.options import AsJson
from unitscale.cli.specs import spec_of

Noise = Annotated[float | None, typer.Option("--noise-scale", min=0, help="Measured, in examples.")]
JobIds = Annotated[
    list[str] | None, typer.Option("--jobs", "-j", help="Past jobs to go by, with commas between them; repeatable.")
]
KnownFile = Annotated[
    Path | None, typer.Option("--known", "-k", help="YAML or JSON: transfers, noise_scale, scaling_law, jobs.")
]
SpecOnly = Annotated[bool, typer.Option("--spec", help="Print the completed spec alone, ready for `submit -`.")]


def advise(
    ctx: typer.Context,
    source: Source = None,
    override: Overrides = None,
    known: KnownFile = None,
    noise_scale: Noise = None,
    jobs: JobIds = None,
    spec: SpecOnly = False,
    as_json: AsJson = False,
) -> None:
    """Recommend units of training, with reasons, and what to expect of them.

        unitscale advise -o task=text-generation -o dataset=grammar -o model.width=512

        unitscale advise spec.yaml --noise-scale 120 --spec | unitscale submit -

    What the spec gives stays as it is. The rest is read from the project's past jobs, and from what is known.
    """
    told = spec_of(str(known), ()) if known else {}
    if noise_scale is not None:
        told["noise_scale"] = noise_scale
    if jobs:
        told["jobs"] = [job_id.strip() for words in jobs for job_id in words.split(",") if job_id.strip()]
    with connect(ctx) as client:
        advice = client.advise({"spec": spec_of(source, override or ()), "known": told})
    if spec:
        sent = advice.spec.model_dump(mode="json", exclude_unset=True)
        printing.write(yaml.safe_dump(sent, sort_keys=False))
        return
    printing.document(advice, as_json, lambda: advice_page.page(advice))
