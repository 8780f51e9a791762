"""Files on their way out."""

import httpx2
from scripted import Script, a_problem

from unitscale.models.datasets import Dataset, DatasetState
from unitscale.models.document import moment
from unitscale.models.specs import TaskName

DATASET = Dataset(
    id="ds_" + "0" * 20,
    state=DatasetState.CHECKING,
    task=TaskName.REGRESSION,
    name="x",
    bytes=4,
    sha256="",
    created_at=moment(0),
)
ACCEPTED = httpx2.Response(201, content=DATASET.model_dump_json())


def test_an_upload_sent_again_carries_the_whole_file_and_the_same_key(tmp_path):
    (tmp_path / "ä.csv").write_bytes(b"a,b\n")
    script = Script(httpx2.ReadError("cut"), a_problem(503, "store_away"), ACCEPTED)

    with script.client() as client:
        client.upload(tmp_path / "ä.csv", "regression", target="b")

    bodies = [b"a,b" in request.content and 'filename="ä.csv"'.encode() in request.content for request in script.asked]
    assert bodies == [True, True, True]
    assert len({request.headers["Idempotency-Key"] for request in script.asked}) == 1


def test_fields_that_were_not_given_are_not_sent(tmp_path):
    (tmp_path / "x.csv").write_bytes(b"a,b\n")
    script = Script(ACCEPTED)

    with script.client() as client:
        client.upload(tmp_path / "x.csv", "regression")

    assert b'name="task"' in script.asked[0].content
    assert b'name="target"' not in script.asked[0].content
