"""Who may do what, and what belongs to whom."""

import stat
import time

import pytest
from doubles import SPEC

from app.admin_key import admin_secret


def test_without_a_key_there_is_401(server):
    with server.client(None) as anyone:
        response = anyone.get("/v1/jobs")

    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["type"] == "unauthorized"


@pytest.mark.parametrize("header", ["Bearer wrong", "Basic dXM6YWRtaW4=", "Bearer", "us_admin", "Bearer \xe9"])
def test_a_bad_key_is_401(server, header):
    with server.client(None) as anyone:
        assert anyone.get("/v1/jobs", headers={"Authorization": header.encode("latin-1")}).status_code == 401


@pytest.mark.parametrize(
    ("scope", "verb", "path", "status"),
    [
        ("read", "GET", "/v1/jobs", 200),
        ("read", "POST", "/v1/jobs", 403),
        ("submit", "POST", "/v1/jobs", 201),
        ("submit", "GET", "/v1/keys", 403),
        ("admin", "POST", "/v1/jobs", 201),
        ("admin", "GET", "/v1/keys", 200),
    ],
)
def test_each_scope_includes_the_ones_before(server, worker, scope, verb, path, status):
    worker.admit(f"us_{scope}_{status}", "default", scope)
    with server.client(f"us_{scope}_{status}") as client:
        assert client.request(verb, path, json=SPEC if verb == "POST" else None).status_code == status


@pytest.mark.parametrize("part", ["", "/curves", "/events", "/logs", "/checkpoints", "/artifacts", "/artifacts/a"])
def test_what_belongs_to_another_project_does_not_exist(server, worker, job, part):
    worker.admit("us_other", "other")
    with server.client("us_other") as stranger:
        assert stranger.get(f"/v1/jobs/{job['id']}{part}").status_code == 404
        assert stranger.get("/v1/jobs").json()["data"] == []
        assert stranger.get(f"/v1/compare?jobs={job['id']}").status_code == 404


def test_an_issued_key_works_until_it_is_taken_back(api, server):
    issued = api.post("/v1/keys", json={"project": "vision", "scopes": ["read"]})
    assert issued.status_code == 201
    with server.client(issued.json()["key"]) as client:
        assert client.get("/v1/jobs").status_code == 200
        assert api.delete(f"/v1/keys/{issued.json()['id']}").status_code == 204
        while client.get("/v1/jobs").status_code != 401:
            time.sleep(0.05)


def test_keys_are_listed_without_their_secrets(api):
    made = [api.post("/v1/keys", json={"project": "vision"}).json() for _ in range(3)]

    first = api.get("/v1/keys?limit=2").json()
    rest = api.get("/v1/keys", params={"cursor": first["next_cursor"]}).json()

    listed = first["data"] + rest["data"]
    assert [key["id"] for key in listed[:3]] == [key["id"] for key in made[::-1]]
    assert not any("key" in key for key in listed)


def test_an_unknown_key_cannot_be_taken_back(api):
    assert api.delete("/v1/keys/key_" + "0" * 20).status_code == 404


def test_the_admin_key_is_made_once_and_kept_private(settings, tmp_path):
    settings = settings.model_copy(update={"api_key": None, "data_dir": tmp_path / "new"})

    secret = admin_secret(settings)

    path = tmp_path / "new" / "admin.key"
    assert admin_secret(settings) == secret == path.read_text().strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_admin_of_another_project_sees_to_its_own_keys_alone(api, server):
    own = api.post("/v1/keys", json={"project": "other", "scopes": ["admin"]}).json()
    operators = api.post("/v1/keys", json={"project": "default", "scopes": ["read"]}).json()
    with server.client(own["key"]) as other:
        assert [key["project"] for key in other.get("/v1/keys").json()["data"]] == ["other"]
        assert other.post("/v1/keys", json={"project": "default", "scopes": ["admin"]}).status_code == 403
        assert other.delete(f"/v1/keys/{operators['id']}").status_code == 404
        assert other.post("/v1/keys", json={"project": "other"}).status_code == 201


def test_no_key_takes_itself_back(api):
    mine = api.post("/v1/keys", json={"project": "default", "scopes": ["admin"]}).json()

    answer = api.delete(f"/v1/keys/{mine['id']}", headers={"Authorization": f"Bearer {mine['key']}"})

    assert answer.status_code == 409


def test_the_bare_address_leads_to_the_docs(api):
    led = api.get("/")

    assert (led.status_code, led.headers["location"]) == (307, "/docs")
    assert api.get(led.headers["location"]).status_code == 200
