"""How a command ends: its exit codes, and what is printed when it goes wrong."""

from enum import IntEnum
from typing import Any

import typer
from typer.core import TyperGroup

from unitscale.cli.next_steps import missing, next_step
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


class Polite(TyperGroup):
    """A group of commands that ends with a sentence and an exit code, never with a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, typer.TyperException):
            raise
        except ServiceError as error:
            _refused(error, ctx.invoked_subcommand)
            raise typer.Exit(ExitCode.REFUSED) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(ExitCode.INTERRUPTED) from error
        except Exception as error:
            code = _unheard(error)
            if code is None:
                raise
            raise typer.Exit(code) from error


def _refused(error: ServiceError, command: str | None) -> None:
    fields = [f"{pointer}  {detail}" for pointer, detail in error.fields]
    notes: list[str] = getattr(error, "__notes__", [])
    message = missing(error.message) if error.code == "not_found" else error.message
    said_below = any(detail in message for _, detail in error.fields)
    complain(error.title, "" if said_below else message, [*fields, *notes], next_step(error.code, message, command))


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
        complain(
            "Unexpected response from the service", str(error), [], "Check --url; `unitscale doctor` compares versions."
        )
        return ExitCode.REFUSED
    return None
