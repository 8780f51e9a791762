"""Which service the CLI talks to, and with which key.

Address: `--url`, UNITSCALE_URL, `<data-dir>/url` (written by `unitscale up`), else http://127.0.0.1:8000.
Key: `--api-key`, `--key-file`, UNITSCALE_API_KEY, else `<data-dir>/admin.key` (written by the server on its first
start), which is sent to this machine's own service only.
Data directory: `--data-dir`, UNITSCALE_DATA_DIR, else ~/.unitscale.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import typer

if TYPE_CHECKING:
    from unitscale.client import Client

DEFAULT_URL = "http://127.0.0.1:8000"
LOCAL = frozenset({"127.0.0.1", "localhost", "::1", "0.0.0.0"})  # noqa: S104 - compared, never bound


@dataclass(frozen=True)
class Given:
    """The options that come before the command."""

    url: str | None = None
    api_key: str | None = None
    key_file: Path | None = None
    data_dir: Path | None = None


@dataclass(frozen=True)
class Connection:
    """An address and a key, and where each was found."""

    url: str
    url_source: str
    api_key: str | None
    key_source: str
    data_dir: Path
    options: str = ""
    """What must stand before a command to reach the same service again."""

    def client(self, tries: int = 4) -> "Client":
        """A client that gives up soon: somebody is waiting."""
        from unitscale.client import Client, Retries  # noqa: PLC0415 - httpx2 and pydantic load slowly

        try:
            return Client(self.url, self.api_key, retries=Retries(tries=tries, longest_seconds=5))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint=self.url_source) from error

    def command(self, words: str) -> str:
        """A command line that works when it is copied."""
        return f"unitscale {self.options}{words}"


def locate(given: Given, environ: Mapping[str, str]) -> Connection:
    """Raises BadParameter when a key file cannot be read."""
    data_dir = (given.data_dir or Path(environ.get("UNITSCALE_DATA_DIR") or "~/.unitscale")).expanduser()
    url, url_source = _address(given, environ, data_dir)
    api_key, key_source = _key(given, environ, data_dir, url)
    return Connection(url, url_source, api_key, key_source, data_dir, _repeated(given))


def connect(ctx: typer.Context) -> "Client":
    """The client that the options and the environment ask for."""
    return connection(ctx).client()


def connection(ctx: typer.Context) -> Connection:
    """Where the options and the environment point."""
    return ctx.ensure_object(Connection)


def _address(given: Given, environ: Mapping[str, str], data_dir: Path) -> tuple[str, str]:
    if given.url:
        return given.url, "--url"
    if environ.get("UNITSCALE_URL"):
        return environ["UNITSCALE_URL"], "UNITSCALE_URL"
    left = _text(data_dir / "url")
    return (left, str(data_dir / "url")) if left else (DEFAULT_URL, "the default")


def _key(given: Given, environ: Mapping[str, str], data_dir: Path, url: str) -> tuple[str | None, str]:
    if given.api_key:
        return given.api_key, "--api-key"
    if given.key_file:
        return _required(given.key_file), str(given.key_file)
    if environ.get("UNITSCALE_API_KEY"):
        return environ["UNITSCALE_API_KEY"], "UNITSCALE_API_KEY"
    ours = urlsplit(url).hostname in LOCAL or url == _text(data_dir / "url")
    left = _text(data_dir / "admin.key") if ours else None
    return (left, str(data_dir / "admin.key")) if left else (None, "nowhere")


def _repeated(given: Given) -> str:
    options = (("--url", given.url), ("--key-file", given.key_file), ("--data-dir", given.data_dir))
    return "".join(f"{name} {shlex.quote(str(value))} " for name, value in options if value)


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except OSError:
        return None


def _required(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="--key-file") from error
