"""The API over a real Valkey, served by uvicorn in a thread; jobs' progress is written as a supervisor writes it."""

import threading

import pytest
from doubles import ADMIN, SPEC, Server, Supervisor, Valkey
from pydantic import SecretStr

from unitscale.wire.settings import Settings


@pytest.fixture(scope="session")
def valkey(tmp_path_factory):
    server = Valkey(tmp_path_factory.mktemp("v"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def settings(valkey, tmp_path_factory) -> Settings:
    return Settings(
        redis_url=valkey.url,
        data_dir=tmp_path_factory.mktemp("data"),
        api_key=SecretStr(ADMIN),
        max_body_bytes=100_000,
        prediction_timeout_seconds=0.5,
    )


@pytest.fixture(scope="session")
def session_server(settings):
    with Server(settings) as server:
        server.wait()
        yield server


@pytest.fixture(scope="session")
def session_worker(valkey):
    supervisor = Supervisor(valkey.url)
    yield supervisor
    supervisor.close()


@pytest.fixture
def worker(session_worker):
    """A supervisor; the record is empty but for the admin's key."""
    session_worker.flush()
    session_worker.admit(ADMIN)
    return session_worker


@pytest.fixture
def server(session_server, worker):
    return session_server


@pytest.fixture
def api(server):
    """The admin's client."""
    with server.client() as client:
        yield client


@pytest.fixture
def job(api):
    """A job just submitted."""
    return api.post("/v1/jobs", json=SPEC).raise_for_status().json()


@pytest.fixture
def serve():
    """Serves an application with other settings."""
    return Server


@pytest.fixture
def later():
    """Does something after some seconds, meanwhile."""
    timers = []

    def start(seconds, verb, *args):
        timers.append(threading.Timer(seconds, verb, args))
        timers[-1].start()

    yield start
    for timer in timers:
        timer.join()
