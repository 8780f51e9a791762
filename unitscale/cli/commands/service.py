"""`up`, `api`, `worker`: the service's own programs, started in place of this one."""

import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from unitscale.cli.connection import connection
from unitscale.cli.exits import ExitCode
from unitscale.cli.printing import complain

Host = Annotated[str | None, typer.Option(help="Address to bind; 127.0.0.1 unless you say otherwise.")]
Port = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to bind; 8000 by default, 0 takes a free one.")]
DataDir = Annotated[Path | None, typer.Option(help="Where keys, records, checkpoints and artifacts live.")]
Slots = Annotated[str | None, typer.Option(help="How this node is cut: '2' cores, or 'cuda:0;cuda:1;cuda:2,3'.")]
RedisUrl = Annotated[str | None, typer.Option(help="redis://, rediss:// or unix://; the data directory's by default.")]


def up(ctx: typer.Context, host: Host = None, port: Port = None, data_dir: DataDir = None, slots: Slots = None) -> None:
    """Start everything on this machine: store, API and worker. Whatever dies is started again.

    Open the address that it prints; `unitscale submit` in another terminal finds it by itself. Ctrl-C ends it all;
    running jobs leave a checkpoint and go on at the next start.
    """
    _become("app.up", {"HOST": host, "PORT": port, "DATA_DIR": data_dir or connection(ctx).data_dir, "SLOTS": slots})


def api(
    ctx: typer.Context, host: Host = None, port: Port = None, data_dir: DataDir = None, redis_url: RedisUrl = None
) -> None:
    """Start the HTTP API alone."""
    _become(
        "app.main",
        {"HOST": host, "PORT": port, "DATA_DIR": data_dir or connection(ctx).data_dir, "REDIS_URL": redis_url},
    )


def worker(ctx: typer.Context, slots: Slots = None, data_dir: DataDir = None, redis_url: RedisUrl = None) -> None:
    """Start the worker of this node alone."""
    _become("worker.node", {"SLOTS": slots, "DATA_DIR": data_dir or connection(ctx).data_dir, "REDIS_URL": redis_url})


def _become(module: str, settings: Mapping[str, object]) -> None:
    """Replace this process, so that signals reach the program itself."""
    sys.path.insert(0, str(Path.cwd()))
    if not _there(module):
        complain(
            f"{module} is not installed here",
            "The package holds the client and the CLI alone; the service runs from its checkout or its images.",
            [],
            "Run this in the checkout after `pip install -e '.[app,worker]'`, or use docker compose.",
        )
        raise typer.Exit(ExitCode.REFUSED)
    given = {f"UNITSCALE_{name}": str(value) for name, value in settings.items() if value is not None}
    path = os.pathsep.join(filter(None, sys.path))  # a checkout found here must be found there
    os.execvpe(sys.executable, [sys.executable, "-m", module], {**os.environ, "PYTHONPATH": path, **given})  # noqa: S606


def _there(module: str) -> bool:
    """Whether `module` can be run. Nothing is imported: `app` may be somebody else's."""
    package, _, name = module.partition(".")
    spec = importlib.util.find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return any((Path(place) / f"{name}.py").is_file() for place in places or ())
