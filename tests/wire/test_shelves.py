"""Shelves: what is kept under a name is found under it from any machine, on disk and in an object store alike."""

import os
import time

import pytest
from buckets import NAME, ObjectStore

from unitscale.errors import FilesAway, NotFound
from unitscale.wire.buckets import Bucket
from unitscale.wire.settings import Settings
from unitscale.wire.shelves import Folder, shelf_of


@pytest.fixture(scope="module")
def object_store():
    with ObjectStore() as server:
        yield server


@pytest.fixture
def bucket(object_store, tmp_path):
    def on(machine: str, most_bytes: int = 2**30, prefix: str = tmp_path.name) -> Bucket:
        given = {"key": "someone", "secret": "a-secret-of-aws", "endpoint_url": object_store.endpoint}
        return Bucket(tmp_path / machine, f"s3://{NAME}/{prefix}", most_bytes, **given)

    return on


@pytest.fixture(params=["folder", "bucket"])
def machines(request, tmp_path, bucket):
    """The shelf as two machines see it, and where the first one writes."""
    if request.param == "folder":
        return Folder(tmp_path / "shared"), Folder(tmp_path / "shared"), tmp_path / "shared"
    return bucket("here"), bucket("there"), tmp_path / "here"


def write(root, name, **files):
    for file, content in files.items():
        path = root / name / file.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root / name


def test_a_folder_is_found_from_another_machine(machines):
    here, there, root = machines
    here.keep(
        write(root, "jobs/a/attempt-1/artifacts", x=b"1", deep__y=b"2" * 10_000_000), "jobs/a/attempt-1/artifacts"
    )

    found = there.bring("jobs/a/attempt-1/artifacts")

    assert (found / "x").read_bytes() == b"1"
    assert (found / "deep" / "y").read_bytes() == b"2" * 10_000_000
    assert there.below("jobs/a") == ["attempt-1"]
    assert b"".join(there.blocks("jobs/a/attempt-1/artifacts/deep/y")) == b"2" * 10_000_000


def test_keeping_and_bringing_again_change_nothing(machines):
    here, there, root = machines
    folder = write(root, "jobs/a/attempt-1/c", x=b"1")
    for _ in range(2):
        here.keep(folder, "jobs/a/attempt-1/c")
        assert [file.name for file in there.bring("jobs/a/attempt-1/c").iterdir()] == ["x"]


def test_what_is_not_there_is_said_to_be_missing(machines):
    here, _, _ = machines

    assert not here.bring("jobs/none/x").exists()
    assert here.below("jobs/none") == []
    with pytest.raises(NotFound):
        list(here.blocks("jobs/none/x"))


def test_what_is_forgotten_is_gone_and_its_neighbours_stay(machines):
    here, there, root = machines
    for name in ("jobs/a/attempt-1", "jobs/a/attempt-10"):
        here.keep(write(root, name, x=b"1"), name)

    there.forget("jobs/a/attempt-1")

    assert here.below("jobs/a") == ["attempt-10"]
    assert (there.bring("jobs/a/attempt-10") / "x").exists()
    there.forget("jobs/none")


def test_a_file_written_elsewhere_is_kept(machines, tmp_path):
    here, there, _ = machines
    (tmp_path / "part").write_bytes(b"abc")

    here.keep(tmp_path / "part", "datasets/d/upload")

    assert (there.bring("datasets/d") / "upload").read_bytes() == b"abc"


def test_a_working_copy_goes_and_what_was_kept_stays(bucket, tmp_path):
    here = bucket("here")
    folder = write(tmp_path / "here", "jobs/a/attempt-1", x=b"1")
    here.keep(folder, "jobs/a/attempt-1")

    here.clear("jobs/a/attempt-1")

    assert not folder.exists()
    assert (here.bring("jobs/a/attempt-1") / "x").exists()


def test_prefixes_are_worlds_of_their_own(bucket, tmp_path):
    one, other = bucket("here", prefix="a"), bucket("here", prefix="ab")
    one.keep(write(tmp_path / "here", "jobs/j", x=b"1"), "jobs/j")

    other.forget("jobs/j")

    assert other.below("jobs") == []
    assert one.below("jobs") == ["j"]


def test_room_is_made_of_what_nobody_asked_for_lately(bucket, tmp_path):
    here = bucket("here", most_bytes=250)
    for name in ("jobs/old", "jobs/new", "jobs/next"):
        here.keep(write(tmp_path / "here", f"{name}/x", y=b"1" * 100), f"{name}/x")
    for name in ("jobs/old", "jobs/new"):
        here.bring(f"{name}/x")
    long_ago = time.time() - 10_000
    os.utime(tmp_path / "here" / "fetched" / "jobs" / "old", (long_ago, long_ago))

    here.bring("jobs/next/x")

    assert sorted(path.name for path in (tmp_path / "here" / "fetched" / "jobs").iterdir()) == ["new", "next"]


def test_a_store_that_is_away_says_so_and_is_used_again_when_it_is_back(bucket, object_store, tmp_path):
    here = bucket("here")
    folder = write(tmp_path / "here", "jobs/a", x=b"1")
    here.keep(folder, "jobs/a")
    object_store.go_away()
    try:
        for verb in (lambda: here.keep(folder, "jobs/a"), lambda: here.bring("jobs/a"), lambda: here.below("jobs")):
            with pytest.raises(FilesAway):
                verb()
        with pytest.raises(FilesAway):
            list(here.blocks("jobs/a/x"))
        here.forget("jobs/b")
    finally:
        object_store.come_back()
    object_store.client().create_bucket(Bucket=NAME)

    here.keep(folder, "jobs/a")

    assert (here.bring("jobs/a") / "x").read_bytes() == b"1"
    assert not any(path.name.startswith(".") for path in (tmp_path / "here" / "fetched").iterdir())


def test_a_bucket_that_is_not_there_is_no_missing_file(bucket, object_store, tmp_path):
    given = {"key": "someone", "secret": "a-secret-of-aws", "endpoint_url": object_store.endpoint}
    nowhere = Bucket(tmp_path, "s3://no-such-bucket/x", 2**20, **given)
    for verb in (lambda: nowhere.keep(write(tmp_path, "jobs/a", x=b"1"), "jobs/a"), lambda: nowhere.bring("jobs/a")):
        with pytest.raises(FilesAway):
            verb()


def test_the_data_directory_is_the_shelf_unless_an_object_store_is_named(tmp_path):
    assert isinstance(shelf_of(Settings(data_dir=tmp_path)), Folder)
    assert isinstance(shelf_of(Settings(data_dir=tmp_path, blob_url=f"s3://{NAME}/x")), Bucket)
