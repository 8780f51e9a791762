"""`predict`, `curves`, `artifacts`: what came out of it."""

import base64
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from unitscale.cli import printing, tables, wording
from unitscale.cli.connection import connect
from unitscale.cli.options import AsJson, JobArgument

if TYPE_CHECKING:
    from collections.abc import Iterable

Inputs = Annotated[
    str | None,
    typer.Argument(help="A text; or a JSON list with one entry each: as it is, in a .json file, or - from stdin."),
]
FormatOption = Annotated[
    str | None,
    typer.Option("--format", help="fp32 (default), or another that the job was to be served in: bf16, int8, …"),
]
MaxTokens = Annotated[int | None, typer.Option(min=1, help="Texts: tokens to write; 200 by default.")]
Temperature = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Texts: 0 takes the likeliest token, more is bolder; by default 0.8, for translations and answers 0.",
    ),
]
TopK = Annotated[int | None, typer.Option(min=1, help="Texts: choose from the likeliest so many tokens alone.")]
Beams = Annotated[int | None, typer.Option(min=1, max=16, help="Translations, answers: texts kept in a beam search.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Texts: the same seed writes the same; 0 by default.")]
CurveKeys = Annotated[list[str] | None, typer.Option("--key", "-k", help="Such as val_loss; all of them by default.")]
Files = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", dir_okay=False, exists=True, help="A recording (.wav) or image (.png); repeatable."),
]
Save = Annotated[Path | None, typer.Option("--save", file_okay=False, help="Download the files into this folder.")]


def predict(
    ctx: typer.Context,
    job_id: JobArgument,
    inputs: Inputs = None,
    file: Files = None,
    form: FormatOption = None,
    max_tokens: MaxTokens = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    beams: Beams = None,
    seed: Seed = None,
    as_json: AsJson = False,
) -> None:
    """Ask a trained model; prints the answers in order, texts with their line breaks (--json keeps them apart).

        unitscale predict job_06g1m2c8kq7v3x9t4b5n '[[0.5], [1.5]]'

        unitscale predict job_06g1m2c8kq7v3x9t4b5n "Enter Hamlet" --format int8 --max-tokens 100

        unitscale predict job_06g1m2c8kq7v3x9t4b5n --file hello.wav

    A row of numbers is a list; an image is nested lists, or a base64 PNG; a recording is a base64 WAV.
    """
    if file and inputs is not None:
        raise typer.BadParameter("give inputs, or files", param_hint="--file")
    asked = _encoded(file) if file else _inputs(inputs or "-")
    given = {"max_tokens": max_tokens, "temperature": temperature, "top_k": top_k, "beams": beams, "seed": seed}
    sampling = {name: value for name, value in given.items() if value is not None}
    with connect(ctx) as client:
        answer = client.predict(job_id, asked, sampling=sampling or None, format=form)
    if as_json:
        return printing.write_json(answer)
    for output in answer.outputs:
        printing.write(line := _line(output))
        if not line:
            printing.say("(empty)")
    return None


def curves(ctx: typer.Context, job_id: JobArgument, key: CurveKeys = None, as_json: AsJson = False) -> None:
    """Print every point of a job's curves as CSV: attempt,step,time,key,value."""
    with connect(ctx) as client:
        if as_json:
            return printing.write_json(client.curves(job_id, key or ()))
        return printing.write(client.curves_csv(job_id, key or ()))


def artifacts(ctx: typer.Context, job_id: JobArgument, save: Save = None, as_json: AsJson = False) -> None:
    """List the files that a job left, or download them."""
    with connect(ctx) as client:
        listed = client.artifacts(job_id)
        if save:
            save.mkdir(parents=True, exist_ok=True)
            for artifact in listed:
                printing.write(str(client.download(job_id, artifact.name, save)))
            return
    printing.documents(listed, as_json, lambda: [tables.artifacts(listed)])


def _encoded(files: list[Path]) -> list[str]:
    """Files as inputs: base64."""
    return [base64.b64encode(file.read_bytes()).decode() for file in files]


def _inputs(source: str) -> "Iterable[object]":
    if _is_text(source):
        return [source]
    try:
        asked: object = json.loads(_text(source))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"neither JSON nor a JSON file: {error}", param_hint="INPUTS") from error
    if not isinstance(asked, list):
        raise typer.BadParameter('a list is needed, such as "[[0.5], [1.5]]"', param_hint="INPUTS")
    return cast("list[object]", asked)


def _is_text(source: str) -> bool:
    """Whether it is an input itself, and not a list of them or where one stands."""
    stands_elsewhere = source == "-" or source.endswith(".json") or os.path.isfile(source)  # noqa: PTH113  any length
    return not stands_elsewhere and not _is_json(source)


def _is_json(source: str) -> bool:
    """Whether it is meant as JSON. `[MASK]` opens a text."""
    return source.lstrip().startswith(("[", "{", '"')) and not source.lstrip().startswith("[MASK]")


def _text(source: str) -> str:
    if source == "-":
        if sys.stdin.isatty():
            printing.say("Reading inputs as JSON from here; Ctrl-D ends them.")
        return sys.stdin.read()
    return source if _is_json(source) else Path(source).read_text(encoding="utf-8")


def _line(output: object) -> str:
    """An answer on one line; of a class, its label and how sure the model is."""
    if not isinstance(output, dict):
        return output if isinstance(output, str) else wording.number(output)
    answer = cast("dict[str, object]", output)
    probabilities = answer.get("probabilities")
    sure = list(cast("dict[str, float]", probabilities).values()) if isinstance(probabilities, dict) else probabilities
    share = f"  {max(cast('list[float]', sure)):.1%}" if isinstance(sure, list) and sure else ""
    return f"{answer.get('label')}{share}"
