"""`doctor`: what stands between this machine and a finished job."""

import json
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from unitscale import __version__
from unitscale.cli import printing
from unitscale.cli.connection import Connection, connection
from unitscale.cli.exits import ExitCode
from unitscale.cli.options import AsJson
from unitscale.errors import Forbidden, ServiceError, Unauthorized

if TYPE_CHECKING:
    from unitscale.client import Client

OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Check:
    """One thing looked at, and what to do when it is wrong."""

    name: str
    ok: bool
    detail: str
    advice: str = ""


def doctor(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Check Python, address, key, workers, versions and permissions, and say what to do about each."""
    here = connection(ctx)
    checks: list[Check] = []
    for check in (*_this_machine(here), *_service(here)):
        checks.append(check)
        if not as_json:
            _print(check)
    if as_json:
        printing.write(json.dumps({"data": [asdict(check) for check in checks]}, indent=2, ensure_ascii=False))
    wrong = [check.name for check in checks if not check.ok]
    if wrong:
        raise typer.Exit(ExitCode.UNREACHABLE if "address" in wrong else ExitCode.REFUSED)


def _this_machine(here: Connection) -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    needed = ".".join(map(str, OLDEST_PYTHON))
    detail = f"Python {version}, unitscale {__version__}"
    yield Check("python", sys.version_info >= OLDEST_PYTHON, detail, f"Install Python {needed} or newer.")
    if here.data_dir.exists():
        yield _private(here.data_dir)
        yield from (_private(path) for path in (here.data_dir / "admin.key",) if path.exists())


def _private(path: Path) -> Check:
    """Whether nobody else on this machine can use what lies there."""
    mode = stat.S_IMODE(path.stat().st_mode)
    forbidden = 0o022 if path.is_dir() else 0o077
    usable = os.access(path, os.R_OK)
    advice = f"chmod {'go-w' if path.is_dir() else '600'} {path}" if usable else f"Make {path} readable for you."
    return Check("permissions", usable and not mode & forbidden, f"{path} has mode {mode:04o}", advice)


def _service(here: Connection) -> Iterator[Check]:
    from unitscale.client import NotUnderstood, Unreachable  # noqa: PLC0415 - httpx2 and pydantic load slowly

    with here.client(tries=1) as client:
        try:
            client.health()
        except (Unreachable, NotUnderstood) as error:
            yield Check("address", False, f"{error} (address from {here.url_source})", "Start it with `unitscale up`.")
            return
        except ServiceError as error:
            yield Check("record", False, error.message, "The service answers, its store does not; see its log.")
            return
        yield Check("address", True, f"{here.url} answers (address from {here.url_source})")
        yield from _behind_the_key(client, here)


def _behind_the_key(client: "Client", here: Connection) -> Iterator[Check]:
    try:
        client.jobs(limit=1)
        workers = client.workers()
    except (Unauthorized, Forbidden) as error:
        advice = "Set UNITSCALE_API_KEY, or pass --key-file."
        yield Check("key", False, f"{error.message} (key from {here.key_source})", advice)
        return
    yield Check("key", True, f"accepted (key from {here.key_source})")
    slots = sum(len(worker.slots) for worker in workers)
    yield Check("workers", slots > 0, f"{len(workers)} connected, with {slots} slots", "Start one: `unitscale worker`.")
    if workers and not any(worker.abilities for worker in workers):
        advice = "Ask again in some seconds; if that stays, the worker's log says why its trainers do not start."
        yield Check("trainers", False, "no connected worker has said yet what it can do", advice)
    broken = [each for worker in workers if worker.abilities for each in worker.abilities.plugins.broken]
    if broken:
        detail = "; ".join(f"{each.entry_point}: {each.problem}" for each in broken)
        yield Check("plug-ins", False, detail, "Fix or uninstall the package, and start the worker again.")
    yield _versions({"the service": client.version(), **{each.id: each.version for each in workers}})


def _versions(running: dict[str, str]) -> Check:
    others = [f"{name} runs {version}" for name, version in running.items() if version != __version__]
    detail = f"{', '.join(others)}; here is {__version__}" if others else f"all run {__version__}"
    return Check("versions", not others, detail, "Upgrade the older side.")


def _print(check: Check) -> None:
    mark = Text("ok  ", style="green") if check.ok else Text("fail", style="bold red")
    printing.show(Text.assemble(mark, f"  {check.name:<12}{check.detail}"))
    if not check.ok:
        printing.show(Text(f"      {'':<12}→ {check.advice}"))
