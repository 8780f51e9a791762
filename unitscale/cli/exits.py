"""How a command ends: its exit codes, and what is printed when it goes wrong."""

from enum import IntEnum
from typing import Any

import typer
from typer.core import TyperGroup

from unitscale.cli.printing import complain
from unitscale.errors import ServiceError


class ExitCode(IntEnum):
    """What a script can count on."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    ENDED_BADLY = 3
    UNREACHABLE = 4
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.OK: "done",
    ExitCode.REFUSED: "the request failed; what to do next is on stderr",
    ExitCode.USAGE: "the command line or the spec file cannot be read",
    ExitCode.ENDED_BADLY: "the job ended failed or cancelled, or the data set is invalid",
    ExitCode.UNREACHABLE: "the service cannot be reached",
    ExitCode.INTERRUPTED: "Ctrl-C; jobs go on",
}

NEXT_STEP = {
    "unauthorized": "Set UNITSCALE_API_KEY or pass --key-file; `unitscale doctor` shows which key is used.",
    "forbidden": "Ask an admin for a key with that scope: `unitscale keys create`.",
    "not_found": "`unitscale ls` shows what this key's project has.",
    "illegal_transition": "`unitscale show ID` tells where the job stands.",
    "not_ended": "`unitscale watch ID` waits for its end; `unitscale cancel ID` ends it.",
    "no_weights": "Only a job that succeeded has weights; `unitscale show ID` tells how it ended.",
    "no_such_format": "`unitscale artifacts ID` lists the files; leave --format out for fp32.",
    "dataset_in_use": "`unitscale ls` shows the jobs; `unitscale cancel ID` ends one.",
    "malformed": "`unitscale submit --help` shows a spec; `unitscale submit --dry-run` tries one out.",
    "unsupported": "`unitscale catalog` shows what can be asked for.",
    "wrong_input": "`unitscale predict --help` shows how inputs are written.",
    "no_law": "`unitscale fit --help` shows which points and jobs a law needs.",
    "quota_exceeded": "Wait for a job to end, or cancel one: `unitscale ls --state queued`.",
    "store_away": "The service is up, its record is not: try again in some seconds.",
    "no_answer": "`unitscale workers` shows who is there; try again in some seconds.",
    "busy": "Try again in a minute.",
}


class Polite(TyperGroup):
    """A group of commands that ends with a sentence and an exit code, never with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except ServiceError as error:
            _refused(error)
            raise typer.Exit(ExitCode.REFUSED) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(ExitCode.INTERRUPTED) from error
        except Exception as error:
            code = _unheard(error)
            if code is None:
                raise
            raise typer.Exit(code) from error


def _refused(error: ServiceError) -> None:
    fields = [f"{pointer}  {detail}" for pointer, detail in error.fields]
    notes: list[str] = getattr(error, "__notes__", [])
    complain(error.title, error.message, [*fields, *notes], NEXT_STEP.get(error.code))


def _unheard(error: Exception) -> ExitCode | None:
    from unitscale.client.errors import NotUnderstood, Unreachable  # noqa: PLC0415 - httpx2 and pydantic load slowly

    if isinstance(error, Unreachable):
        complain(
            "The service cannot be reached",
            str(error),
            [],
            "Is it running? `unitscale up` starts one here; --url names another.",
        )
        return ExitCode.UNREACHABLE
    if isinstance(error, NotUnderstood):
        complain("The answer makes no sense", str(error), [], "Check --url; `unitscale doctor` compares versions.")
        return ExitCode.REFUSED
    return None
