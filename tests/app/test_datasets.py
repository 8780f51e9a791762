"""Data sets over HTTP: uploaded, read, listed, forgotten, named by jobs."""

import hashlib
import time
import tracemalloc

import pytest
from doubles import SPEC

from app.uploads.cleanup import Sweep
from unitscale.models.datasets import Contents, Splits
from unitscale.models.document import made_at, new_id
from unitscale.models.jobs import Reason
from unitscale.wire.checks import Checks
from unitscale.wire.datasets import Datasets
from unitscale.wire.shelves import Folder
from unitscale.wire.uploads import Uploads

CSV = "größe,preis\n" + "".join(f"{n},{2 * n}\n" for n in range(20))
START = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x.csv"\r\n\r\n'
FORM = {"task": "regression", "name": "Häuser"}
CONTENTS = Contents(rows=20, splits=Splits(training=14, validation=3, test=3), shape=(1,), columns=("größe",))


def upload(api, content=CSV, form=FORM, file_name="häuser.csv", **headers):
    return api.post("/v1/datasets", data=form, files={"file": (file_name, content)}, headers=headers)


@pytest.fixture
def checks(worker):
    return Checks(worker._store, lease_seconds=60)


@pytest.fixture
def dataset(api):
    """A data set just uploaded."""
    return upload(api).raise_for_status().json()


@pytest.fixture
def ready(dataset, worker, checks):
    """A data set that jobs can train on."""
    worker.run(checks.ready(worker.run(checks.take()), CONTENTS))
    return dataset


def files(settings):
    return [path for path in (settings.data_folder / "datasets").rglob("*") if path.is_file()]


@pytest.fixture(autouse=True)
def no_files_before(settings):
    for path in files(settings):
        path.unlink()


def test_an_upload_is_kept_under_its_hash_and_is_about_to_be_checked(api, settings):
    response = upload(api)

    dataset = response.json()
    content = CSV.encode()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/datasets/{dataset['id']}"
    assert api.get(response.headers["location"]).json() == dataset
    assert (dataset["state"], dataset["task"], dataset["name"]) == ("checking", "regression", "Häuser")
    assert (dataset["bytes"], dataset["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert (settings.data_folder / "datasets" / "files" / dataset["sha256"]).read_bytes() == content


def test_fields_may_come_after_the_file(api):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="../../x.csv"\r\n\r\n' + CSV.encode() + b"\r\n"
        b'--b\r\nContent-Disposition: form-data; name="task"\r\n\r\nregression\r\n--b--\r\n'
    )
    response = api.post("/v1/datasets", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})

    assert response.status_code == 201
    assert response.json()["name"] == "x.csv"


def test_the_same_content_is_stored_once_and_goes_with_its_last_data_set(api, settings):
    one, two = upload(api).json(), upload(api).json()

    assert len({path.stat().st_ino for path in files(settings)}) == 1
    assert api.delete(f"/v1/datasets/{one['id']}").status_code == 204
    assert [path.name for path in files(settings) if path.name == "upload"] == ["upload"]
    assert api.delete(f"/v1/datasets/{two['id']}").status_code == 204
    assert files(settings) == []
    assert api.get(f"/v1/datasets/{two['id']}").status_code == 404


def test_the_same_key_and_file_is_the_same_data_set(api, settings):
    first = upload(api, **{"Idempotency-Key": "k"})
    again = upload(api, **{"Idempotency-Key": "k"})

    assert again.status_code == 201
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotency-replayed"] == "true"
    assert len(files(settings)) == 2


def test_the_same_key_with_another_file_is_refused(api, settings):
    upload(api, **{"Idempotency-Key": "k"})

    response = upload(api, content="a,b\n", **{"Idempotency-Key": "k"})

    assert response.json()["type"] == "idempotency_mismatch"
    assert len(files(settings)) == 2


@pytest.mark.parametrize(
    ("form", "file_name", "pointer"),
    [
        ({}, "x.csv", "/task"),
        ({"task": "painting"}, "x.csv", "/task"),
        ({"task": "speech-recognition"}, "x.txt", "/file"),
        ({"task": "regression", "nmae": "x"}, "x.csv", "/nmae"),
        ({"task": "regression", "name": "a\nb"}, "x.csv", "/name"),
        ({"task": "regression"}, "x.zip", "/file"),
        ({"task": "text-generation"}, "x.parquet", "/file"),
        ({"task": "regression"}, "x", "/file"),
        ({"task": "image-classification", "target": "x"}, "x.zip", "/target"),
    ],
)
def test_a_form_that_asks_for_what_cannot_be_is_422(api, form, file_name, pointer, settings):
    response = upload(api, form=form, file_name=file_name)

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [pointer]
    assert files(settings) == []


def test_a_form_without_a_file_says_that_it_is_missing(api):
    response = api.post("/v1/datasets", files={"task": (None, "regression")})

    assert [error["pointer"] for error in response.json()["errors"]] == ["/file"]


BROKEN = [
    (b"--b\r\nContent-Disposition: form-data; name=", "multipart/form-data; boundary=b"),
    (b"nothing of the kind", "multipart/form-data; boundary=b"),
    (b"--b--\r\n", "multipart/form-data; boundary=b"),
    (b"", "multipart/form-data; boundary=b"),
    (b"x", "multipart/form-data"),
    (b"x", "multipart/form-data; boundary=" + "b" * 1000),
    (b"{}", "application/json"),
    (b'--b\r\nContent-Disposition: form-data; name="task"\r\n\r\n\xff\r\n--b--\r\n', "multipart/form-data; boundary=b"),
]


@pytest.mark.parametrize(("body", "kind"), BROKEN)
def test_a_broken_form_is_422(api, body, kind, settings):
    response = api.post("/v1/datasets", content=body, headers={"Content-Type": kind})

    assert response.status_code == 422
    assert response.json()["errors"]
    assert files(settings) == []


def test_an_upload_that_is_too_large_is_413_and_leaves_nothing(serve, settings, worker):
    small = settings.model_copy(update={"max_dataset_bytes": 1024})
    with serve(small) as server, server.client() as api:
        body = (START, *(b"x" * 1000 for _ in range(100)))
        told = upload(api, content="x" * 100_000)
        untold = api.post(
            "/v1/datasets", content=iter(body), headers={"Content-Type": "multipart/form-data; boundary=b"}
        )

    assert (told.status_code, untold.status_code) == (413, 413)
    assert files(settings) == []


@pytest.mark.parametrize(("more", "status"), [(0, 201), (1, 413)])
def test_the_form_around_a_file_is_not_counted(serve, settings, worker, more, status):
    small = settings.model_copy(update={"max_dataset_bytes": 1024})
    with serve(small) as server, server.client() as api:
        response = upload(api, content="x" * (1024 + more))

    assert response.status_code == status
    assert "1,024 bytes" in response.text or status == 201


def test_memory_stays_flat_while_a_large_file_comes_in(api):
    line = b"1,2\n" * 2**18
    end = b'\r\n--b\r\nContent-Disposition: form-data; name="task"\r\n\r\nregression\r\n--b--\r\n'

    def body():
        yield START + b"a,b\n"
        for _ in range(128):
            yield line
        yield end

    tracemalloc.start()
    response = api.post("/v1/datasets", content=body(), headers={"Content-Type": "multipart/form-data; boundary=b"})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert response.json()["bytes"] == 128 * 2**20 + 4
    assert peak < 24 * 2**20


def test_another_projects_data_sets_do_not_exist(api, dataset, worker, server):
    worker.admit("us_stranger", "other")
    with server.client("us_stranger") as stranger:
        path = f"/v1/datasets/{dataset['id']}"
        assert stranger.get(path).status_code == stranger.delete(path).status_code == 404
        assert stranger.get("/v1/datasets").json()["data"] == []
        assert stranger.post("/v1/jobs", json=SPEC | {"dataset": dataset["id"]}).status_code == 422


def test_a_reader_may_not_upload(worker, server):
    worker.admit("us_reader", "default", "read")
    with server.client("us_reader") as reader:
        assert upload(reader).status_code == 403
        assert reader.get("/v1/datasets").status_code == 200


def test_pages_hold_every_data_set_once_newest_first(api):
    made = [upload(api, form=FORM | {"name": str(number)}).json()["id"] for number in range(3)]

    first = api.get("/v1/datasets?limit=2").json()
    second = api.get("/v1/datasets", params={"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [each["id"] for each in first["data"] + second["data"]] == made[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)


def test_waiting_ends_with_the_check(api, dataset, worker, checks, later):
    check = worker.run(checks.take())
    later(0.2, worker.run, checks.invalid(check, Reason(code="bad_dataset", message="Row 3 is ragged.")))

    waited = api.get(f"/v1/datasets/{dataset['id']}?wait=10").json()

    assert (waited["state"], waited["reason"]["message"]) == ("invalid", "Row 3 is ragged.")
    assert waited["checked_at"]


def test_a_job_trains_on_what_is_ready(api, ready):
    job = api.post("/v1/jobs", json=SPEC | {"dataset": ready["id"], "units": {"batch_size": "full"}}).json()

    assert job["spec"]["dataset"] == ready["id"]
    assert job["spec"]["units"]["batch_size"] == 14


def test_a_dry_run_knows_its_size(api, ready):
    spec = SPEC | {"dataset": ready["id"], "budget": {"epochs": 3}, "units": {"batch_size": 7}}

    assert api.post("/v1/jobs?dry_run=true", json=spec).json()["estimate"]["steps"] == 6


@pytest.mark.parametrize("state", ["checking", "invalid", "unknown", "of another task"])
def test_a_job_on_what_is_not_ready_is_422(api, dataset, state, worker, checks):
    spec = SPEC | {"dataset": dataset["id"]}
    if state == "invalid":
        worker.run(checks.invalid(worker.run(checks.take()), Reason(code="bad_dataset", message="Row 3 is ragged.")))
    if state == "unknown":
        spec["dataset"] = "ds_" + "0" * 20
    if state == "of another task":
        worker.run(checks.ready(worker.run(checks.take()), CONTENTS))
        spec |= {"task": "image-classification", "model": {}}

    response = api.post("/v1/jobs", json=spec)

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == ["/dataset"]
    assert state != "invalid" or "Row 3" in response.json()["detail"]


def test_what_an_unfinished_job_uses_is_not_deleted(api, ready):
    job = api.post("/v1/jobs", json=SPEC | {"dataset": ready["id"]}).json()
    path = f"/v1/datasets/{ready['id']}"

    assert api.delete(path).json()["type"] == "dataset_in_use"
    api.post(f"/v1/jobs/{job['id']}/cancel")
    assert api.delete(path).status_code == 204


LONG_AGO = int(time.time() * 1000) - 2 * 86_400_000


@pytest.fixture
def placed(settings):
    """Places an upload and dies before it is recorded."""
    uploads = Uploads(settings.data_folder, Folder(settings.data_folder))

    def place(milliseconds: int, content: bytes = b"a,b\n") -> str:
        part = uploads.part()
        part.write_bytes(content)
        uploads.keep(part, dataset := new_id("ds", milliseconds), hashlib.sha256(content).hexdigest())
        part.unlink(missing_ok=True)
        return dataset

    place.sweep = lambda worker: worker.run(Sweep(Datasets(worker._store), uploads).once())
    return place


def folders(settings):
    return {path.name for path in (settings.data_folder / "datasets").glob("ds_*") if any(path.iterdir())}


def test_an_id_tells_when_it_was_made():
    assert made_at(new_id("ds", 1_795_000_000_123)) == 1_795_000_000_123


def test_an_upload_that_was_never_recorded_is_swept_away_after_a_day(placed, settings, worker):
    old, fresh = placed(LONG_AGO, b"old"), placed(int(time.time() * 1000), b"fresh")

    placed.sweep(worker)

    assert folders(settings) == {fresh} != {old}
    assert {path.read_bytes() for path in files(settings)} == {b"fresh"}


def test_the_sweep_leaves_what_has_a_record_or_was_ever_checked(placed, settings, worker, dataset):
    recorded, checked = placed(LONG_AGO), placed(LONG_AGO)
    worker.run(worker._store.read(("HSET", f"dataset:{recorded}", "project", "p")))
    (settings.data_folder / "datasets" / checked / "prepared-1").mkdir()

    placed.sweep(worker)

    assert folders(settings) == {recorded, checked, dataset["id"]}
    assert len(files(settings)) == 5


def test_a_job_that_starts_from_one_whose_data_set_is_gone_is_told_so_by_its_origin(api, ready, worker):
    origin = api.post("/v1/jobs", json={"task": "regression", "dataset": ready["id"]}).raise_for_status().json()["id"]
    worker.succeed(worker.claim(), val_loss=1.0)
    api.delete(f"/v1/datasets/{ready['id']}").raise_for_status()

    errors = api.post("/v1/jobs", json={"task": "regression", "init_from": {"job": origin}}).json()["errors"]

    assert [each["pointer"] for each in errors] == ["/init_from/job"]


@pytest.mark.parametrize(
    ("noun", "around"),
    [
        ("jobs", lambda spec: spec),
        ("sweeps", lambda spec: {"base": spec, "axes": {"seed": [0, 1]}}),
        ("studies", lambda spec: {"base": spec, "units": {"learning_rate": {"low": 0.1, "high": 1}}}),
        ("transfers", lambda spec: {"base": spec | {"model": {"kind": "mlp"}}, "values": [8, 16], "seeds": 1}),
    ],
)
def test_what_was_made_is_answered_again_though_its_data_set_is_gone(api, ready, noun, around):
    body, headers = around({"task": "regression", "dataset": ready["id"]}), {"Idempotency-Key": "once"}
    made = api.post(f"/v1/{noun}", json=body, headers=headers).raise_for_status().json()
    api.post(f"/v1/{noun}/{made['id']}/cancel").raise_for_status()
    api.delete(f"/v1/datasets/{ready['id']}").raise_for_status()

    again = api.post(f"/v1/{noun}", json=body, headers=headers)
    other = api.post(f"/v1/{noun}", json=body | {"name": "other"}, headers=headers)

    assert (again.status_code, again.json()["id"]) == (201, made["id"])
    assert again.headers["Idempotency-Replayed"] == "true"
    assert other.json()["type"] == "idempotency_mismatch"
