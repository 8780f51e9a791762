"""The API while Redis is away, and after."""

import time

import pytest
from doubles import SPEC, Valkey
from test_events import events


@pytest.fixture
def own_valkey(tmp_path):
    server = Valkey(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def own_settings(settings, own_valkey):
    return settings.model_copy(update={"redis_url": own_valkey.url})


def until(true, seconds=10):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_it_starts_without_redis_and_is_ready_when_redis_comes(serve, own_settings, own_valkey):
    with serve(own_settings) as server, server.client() as api:
        assert api.get("/healthz").status_code == 200
        assert api.get("/readyz").json()["type"] == "store_away"
        refused = api.post("/v1/jobs", json=SPEC)
        own_valkey.start()
        until(lambda: api.get("/readyz").status_code == 200)
        assert api.post("/v1/jobs", json=SPEC).status_code == 201

    assert refused.status_code == 503
    assert int(refused.headers["retry-after"]) <= 3


def test_a_stream_outlasts_an_outage(serve, own_settings, own_valkey):
    own_valkey.start()
    with serve(own_settings) as server, server.client() as api:
        until(lambda: api.get("/readyz").status_code == 200)
        job = api.post("/v1/jobs", json=SPEC).json()
        with api.stream("GET", f"/v1/jobs/{job['id']}/events", headers={"Accept": "text/event-stream"}) as response:
            stream = events(response.iter_lines())
            assert next(stream)[1] == "state"
            own_valkey.stop()
            time.sleep(0.3)
            own_valkey.start()
            with server.client() as other:
                until(lambda: other.post(f"/v1/jobs/{job['id']}/cancel").status_code == 200)

            assert [kind for _, kind, _ in stream] == ["state", "end"]
