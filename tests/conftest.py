"""What every test may ask for: a real, private Valkey, empty for each test."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, settings

from app.embedded import command
from unitscale.wire.store import Store, connect

settings.register_profile("no clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")  # a busy machine fails no test


def started_valkey(folder: Path) -> subprocess.Popen[bytes]:
    """A Valkey that answers, on `folder/valkey.sock`."""
    process = subprocess.Popen(command(folder), stdout=subprocess.DEVNULL)
    probe = redis.Redis(unix_socket_path=str(folder / "valkey.sock"))
    for _ in range(1000):
        try:
            probe.ping()
            break
        except redis.exceptions.ConnectionError:
            time.sleep(0.01)
    probe.close()
    return process


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="us-") as folder:
        process = started_valkey(Path(folder))
        yield f"unix://{folder}/valkey.sock"
        os.kill(process.pid, signal.SIGTERM)
        process.wait(10)


@pytest.fixture
def redis_url(valkey_url: str) -> Iterator[str]:
    """The address of an empty record."""
    client = redis.Redis.from_url(valkey_url)
    client.flushall()
    yield valkey_url
    client.close()


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    client = connect(redis_url, 5)
    yield Store(client)
    await client.aclose()
